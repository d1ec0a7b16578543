"""What a target runs, and what is about to change that."""

from dataclasses import dataclass
from datetime import datetime

from msp.rollouts.facts import Facts, Rollout
from msp.rollouts.states import RolloutState


@dataclass(frozen=True, slots=True)
class Running:
    """What happens on one target.

    Attributes:
        target: Its id.
        rollout: The last rollout that succeeded, which brought what runs; None where there is none.
        changing: The rollout that is deploying at this moment.
        waiting: Those that are still to begin, the newest first: for their release, an approval, or their turn.
        failed: The newest that began after `rollout` had succeeded and did not succeed: it may have left its image
            running, since a failed verification undoes nothing.
        known: Whether the history that was read reaches far enough for `rollout` to be believed where it is None.
    """

    target: str
    rollout: Rollout | None
    changing: Rollout | None
    waiting: tuple[Rollout, ...]
    failed: Rollout | None
    known: bool

    @property
    def release(self) -> str:
        """The id of the release that runs; empty where none does."""
        return self.rollout.release if self.rollout else ""

    @property
    def coming(self) -> tuple[Rollout, ...]:
        """What would replace `rollout` if all went well: what is changing, and what waits."""
        return ((self.changing,) if self.changing else ()) + self.waiting


def running(facts: Facts, target: str) -> Running:
    """What a target runs: what the last successful rollout brought, be it a promotion, a redeployment or a rollback.

    Args:
        facts: With the rollouts to that target.
        target: Its id.
    """
    rollouts = facts.rollouts_to(target)
    current = max((each for each in rollouts if each.state is RolloutState.SUCCEEDED), key=_success, default=None)
    since = _success(current) if current else None
    tried = [each for each in rollouts if each.state.failed and each.started is not None]
    after = [each for each in tried if since is None or begun(each) >= since]
    return Running(
        target=target,
        rollout=current,
        changing=next((each for each in rollouts if each.state.under_way), None),
        waiting=tuple(each for each in rollouts if each.state.waits),
        failed=max(after, key=begun, default=None),
        known=current is not None or target not in facts.cut,
    )


def running_everywhere(facts: Facts) -> tuple[Running, ...]:
    """What each stage runs, in the stages' order."""
    return tuple(running(facts, stage.target) for stage in facts.pipeline.stages)


def begun(rollout: Rollout) -> datetime:
    """When a rollout began to deploy; when it was asked for where it hasn't."""
    return rollout.started or rollout.created


def _success(rollout: Rollout) -> datetime:
    # Not when it was asked for: what waited a week for its approval replaces what was asked for meanwhile.
    return rollout.ended or begun(rollout)
