"""What was rolled back stays rolled back, until somebody brings it there again in so many words."""

from collections.abc import Set
from dataclasses import dataclass

from msp.rollouts.facts import Facts, Rollout
from msp.rollouts.states import RolloutState

# A rollback that nobody let happen takes nothing back.
_NEVER = frozenset({RolloutState.APPROVAL_REJECTED, RolloutState.CANCELLED})


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An image that was taken off a target.

    Attributes:
        target: Where.
        rollout: The rollout that was rolled back.
        by: The rollout that did it; None where it was not read.
    """

    target: str
    rollout: Rollout
    by: Rollout | None

    @property
    def words(self) -> str:
        """It, to be read after what was: `rolled back on prod-us-central1 by Ada (release deploy-…-42): INC-7`."""
        return f"rolled back on {self.target}{self.who} (release {self.rollout.release}){self.why}"

    @property
    def who(self) -> str:
        """By whom, to be read on: ` by Ada Lovelace`; empty where that was not said."""
        return f" by {self.by.by}" if self.by and self.by.by else ""

    @property
    def why(self) -> str:
        """Why, to be read on: `: INC-7`; empty where that was not said."""
        return f": {self.by.reason}" if self.by and self.by.reason else ""


def rolled_back(facts: Facts, release: str, *, digest: str = "") -> tuple[RolledBack, ...]:
    """Where a release, or another one of the same image, was rolled back and has not been brought to since.

    Args:
        facts: With the rollouts.
        release: The release's id; it need not exist.
        digest: Its image's; empty where it isn't known, and then only the release itself is looked at.

    Returns:
        One for each stage where that is so, in the stages' order.
    """
    same = facts.same_image(release, digest)
    found = (rolled_back_on(facts, stage.target, same) for stage in facts.pipeline.stages)
    return tuple(each for each in found if each is not None)


def rolled_back_on(facts: Facts, target: str, releases: Set[str]) -> RolledBack | None:
    """Whether the last that happened on a target to any of some releases is that it was rolled back."""
    rollouts = facts.rollouts_to(target)
    newest = next((each for each in rollouts if each.release in releases and _began(each)), None)
    if newest is None:
        return None
    by_key = {each.key: each for each in rollouts}
    for key in newest.rolled_back_by:
        by = by_key.get(key)
        if by is None or not _never_began(by):
            return RolledBack(target, newest, by)
    later = rollouts[: rollouts.index(newest)]
    # gcloud's rollback is known by what it says of itself; Cloud Deploy has it as any other rollout.
    said = next((each for each in later if each.rolls_back_release == newest.release and not _never_began(each)), None)
    return RolledBack(target, newest, said) if said else None


def _began(rollout: Rollout) -> bool:
    return rollout.started is not None or rollout.state is RolloutState.SUCCEEDED


def _never_began(rollout: Rollout) -> bool:
    return rollout.state in _NEVER and rollout.started is None
