"""Rollouts that wait for an approval: which do, and which nobody should approve any more."""

from dataclasses import dataclass
from enum import StrEnum

from msp.rollouts.age import Age, Ancestry, age
from msp.rollouts.facts import Facts, Rollout
from msp.rollouts.running import running
from msp.rollouts.states import RolloutState


class Why(StrEnum):
    """What makes an approval stale."""

    NEWER_RUNS = "NEWER_RUNS"
    NEWER_COMES = "NEWER_COMES"
    """Something newer is deploying or waits."""
    ROLLED_BACK_SINCE = "ROLLED_BACK_SINCE"
    """The target was rolled back after this was asked for, and the order of the two is not what was thought of."""


@dataclass(frozen=True, slots=True)
class Stale:
    """Why a rollout should not be approved any more.

    Attributes:
        why: What kind of thing has come in between.
        by: The rollout that has.
    """

    why: Why
    by: Rollout


def waits_for_approval(facts: Facts, target: str = "") -> tuple[Rollout, ...]:
    """The rollouts that somebody has to approve or reject, the newest first; to one target, or to all."""
    found = (each for each in facts.rollouts if each.state is RolloutState.PENDING_APPROVAL)
    return tuple(each for each in found if not target or each.target == target)


def needs_approval(facts: Facts, target: str, release: str = "") -> bool:
    """Whether a rollout to a target will wait for an approval.

    Args:
        facts: With the release.
        target: The target's id.
        release: Of which release: what the target asked for when that was made is what counts. Empty for one that is
            to be made.
    """
    known = facts.release(release) if release else None
    if known is not None:
        return target in known.approvals
    stage = facts.stage(target)
    return stage is not None and stage.require_approval


def stale(facts: Facts, rollout: Rollout, ancestry: Ancestry) -> Stale | None:
    """Why approving a rollout would put something older in the place of something newer.

    A rollback that waits for its approval is never stale: going back is what it is for.

    Args:
        facts: With what runs on its target, and what waits there.
        rollout: One that waits for an approval.
        ancestry: Knows which commit comes from which. Where that can't be told, what was asked for later is newer.
    """
    if rollout.rollback_of or rollout.rolls_back_release:
        return None
    there = running(facts, rollout.target)
    current = there.rollout
    if current is not None and _is_newer(facts, current, rollout, ancestry):
        return Stale(Why.NEWER_RUNS, current)
    for coming in there.coming:
        if _is_newer(facts, coming, rollout, ancestry):
            return Stale(Why.NEWER_COMES, coming)
    back = (each for each in (current, *there.coming) if each and (each.rollback_of or each.rolls_back_release))
    since = next((each for each in back if each.created > rollout.created), None)
    return Stale(Why.ROLLED_BACK_SINCE, since) if since else None


def _is_newer(facts: Facts, other: Rollout, rollout: Rollout, ancestry: Ancestry) -> bool:
    if other.release == rollout.release:
        return False
    releases = facts.release(other.release), facts.release(rollout.release)
    found = age(releases[0], releases[1], ancestry) if releases[0] and releases[1] else Age.UNKNOWN
    if found in {Age.UNKNOWN, Age.DIVERGED}:
        return other.created > rollout.created
    return found is Age.NEWER
