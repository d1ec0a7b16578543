"""How far a release has come through the stages, and what follows."""

from msp.rollouts.facts import Facts, Rollout, Stage
from msp.rollouts.rolled_back import rolled_back_on
from msp.rollouts.running import running
from msp.rollouts.states import RolloutState


def furthest_stage(facts: Facts, release: str) -> Stage | None:
    """The last stage in which a release has ever succeeded; None where it has in none."""
    reached = {each.target for each in facts.rollouts if each.release == release and _succeeded(each)}
    return next((stage for stage in reversed(facts.pipeline.stages) if stage.target in reached), None)


def next_stage(facts: Facts, release: str) -> Stage | None:
    """The stage after the furthest; the first where it has succeeded in none; None where there is no further one."""
    furthest = furthest_stage(facts, release)
    stages = facts.pipeline.stages
    following = stages if furthest is None else stages[stages.index(furthest) + 1 :]
    return next(iter(following), None)


def stage_before(facts: Facts, target: str) -> Stage | None:
    """The stage before a target's; None where that is the first, or none of the pipeline."""
    stages = facts.pipeline.stages
    place = next((index for index, stage in enumerate(stages) if stage.target == target), 0)
    return stages[place - 1] if place else None


def verified_before(facts: Facts, release: str, target: str) -> Rollout | None:
    """What shows that a release may go on to a target.

    Args:
        facts: With the rollouts.
        release: The release's id.
        target: Where it is to go.

    Returns:
        The newest successful rollout to the stage before, of this release or of another one of the same image that
        has not been rolled back there since; None where there is none, and for the first stage.
    """
    before = stage_before(facts, target)
    if before is None:
        return None
    same = facts.same_image(release)
    if rolled_back_on(facts, before.target, same):
        return None
    rollouts = facts.rollouts_to(before.target)
    return next((each for each in rollouts if each.release in same and _succeeded(each)), None)


def failed_later(facts: Facts, release: str) -> tuple[Rollout, ...]:
    """Where a release went on from the first stage and did not come through.

    Args:
        facts: With the rollouts.
        release: The release's id; another release of the same image counts as this one.

    Returns:
        For each later stage that does not run this image, the newest rollout of it where that ended without success.
    """
    same = facts.same_image(release)
    found = []
    for stage in facts.pipeline.stages[1:]:
        newest = next((each for each in facts.rollouts_to(stage.target) if each.release in same), None)
        if newest and newest.state.failed and running(facts, stage.target).release not in same:
            found.append(newest)
    return tuple(found)


def _succeeded(rollout: Rollout) -> bool:
    return rollout.state is RolloutState.SUCCEEDED
