"""What to roll a target back to."""

from dataclasses import dataclass

from msp.rollouts.facts import Facts, Rollout
from msp.rollouts.rolled_back import rolled_back_on
from msp.rollouts.running import begun
from msp.rollouts.states import RolloutState


@dataclass(frozen=True, slots=True)
class WayBack:
    """A rollback that would make sense.

    Attributes:
        off: The rollout that began last, whatever became of it: what is to be undone.
        to: The last good rollout, whose release is to run again; None where there is none.
        known: Whether the history that was read reaches far enough for `to` to be believed where it is None.
    """

    off: Rollout
    to: Rollout | None
    known: bool


def way_back(facts: Facts, target: str) -> WayBack | None:
    """From what to what a target would be rolled back.

    The last good rollout is the last that succeeded, whatever failed since, of another image than the one that was
    tried last, under whichever release. A release that was abandoned can't be rolled out again, and one that was itself
    rolled back there is no place to go back to.

    Args:
        facts: With the rollouts to that target.
        target: Its id.

    Returns:
        The way back; None where nothing ever began to deploy there.
    """
    tried = [each for each in facts.rollouts_to(target) if each.started or each.state is RolloutState.SUCCEEDED]
    if not tried:
        return None
    tried.sort(key=begun, reverse=True)
    off = tried[0]
    bad = facts.same_image(off.release)
    to = next((each for each in tried if each.release not in bad and _is_good(facts, each)), None)
    return WayBack(off=off, to=to, known=to is not None or target not in facts.cut)


def _is_good(facts: Facts, rollout: Rollout) -> bool:
    if rollout.state is not RolloutState.SUCCEEDED:
        return False
    release = facts.release(rollout.release)
    if release is not None and release.abandoned:
        return False
    return rolled_back_on(facts, rollout.target, {rollout.release}) is None
