"""What may forbid a change of a stage, in words, and how each is overridden. Pure functions of facts."""

from collections.abc import Sequence

from msp.operate.decision import Objection
from msp.operate.service import Service
from msp.rollouts.age import Ancestry, superseded
from msp.rollouts.facts import Facts, Release, Rollout, Stage
from msp.rollouts.freezes import freeze
from msp.rollouts.journey import stage_before, verified_before
from msp.rollouts.rolled_back import rolled_back_on
from msp.rollouts.running import running
from msp.rollouts.states import Action


def suspended(facts: Facts, service: Service) -> Objection | None:
    """Whether the pipeline takes no rollouts."""
    if not facts.pipeline.suspended:
        return None
    why = f": {facts.pipeline.reason}" if facts.pipeline.reason else ""
    return Objection(
        f"delivery pipeline {service.pipeline_id!r} is suspended{why}",
        "whoever suspended it had a reason; when that is gone, set rollout.suspended to false and apply the pipeline",
        blocks=True,
    )


def frozen(facts: Facts, stage: Stage, action: Action, overrides: Sequence[str], again: str) -> Objection | None:
    """Whether deploy policies forbid an action that no `--override_freeze` lets through.

    Args:
        facts: With the policies.
        stage: Of which stage.
        action: What is to be done.
        overrides: Ids of the policies to override.
        again: The command as it was given, to add flags to.

    Raises:
        UnknownZoneError: This machine does not know a policy's time zone.
    """
    found = freeze(facts, stage.target, action)
    if found is None:
        return None
    missing = [policy.id for policy in found.policies if policy.id not in overrides]
    if not missing:
        return None
    flags = " ".join(f"--override_freeze={policy}" for policy in missing)
    return Objection(
        f"{stage.target} is {found.words}",
        f"if it can't wait until then, and you may override the policy: {again} {flags} --reason='…'",
        blocks=True,
    )


def overridden(facts: Facts, stage: Stage, action: Action, overrides: Sequence[str]) -> tuple[str, ...]:
    """The policies that forbid an action and are overridden: only these are named to Cloud Deploy."""
    found = freeze(facts, stage.target, action)
    return tuple(policy.id for policy in found.policies if policy.id in overrides) if found else ()


def older(facts: Facts, stage: Stage, release: Release, ancestry: Ancestry, again: str) -> Objection | None:
    """Whether a release is older than what runs on a stage, or is about to."""
    newer = superseded(facts, stage.target, release, ancestry).newer
    if not newer:
        return None
    does = "runs" if newer[0] == running(facts, stage.target).rollout else "is about to run"
    return Objection(
        f"{stage.target} {does} {newer[0].release}, which is newer than {release.id}",
        f"to go back, roll back; to put the older one there all the same: {again} --downgrade --reason='…'",
    )


def unverified(facts: Facts, stage: Stage, release: str, again: str) -> Objection | None:
    """Whether a release was not seen to succeed in the stage before."""
    before = stage_before(facts, stage.target)
    if before is None or verified_before(facts, release, stage.target) is not None:
        return None
    return Objection(
        f"{release} has not succeeded on {before.target}, the stage before {stage.target}",
        f"if it is a fix that can't wait: {again} --hotfix --reason='…'",
    )


def rolled_back(facts: Facts, stage: Stage, release: str, again: str) -> Objection | None:
    """Whether a release, or another one of the same image, was rolled back on a stage and not brought there since."""
    back = rolled_back_on(facts, stage.target, facts.same_image(release))
    if back is None:
        return None
    return Objection(
        f"this image was {back.words}",
        f"to bring it there all the same: {again} --downgrade --reason='…'",
    )


def verified(facts: Facts, stage: Stage, release: str) -> str:
    """What shows that a release may go to a stage, in a sentence; empty where nothing does."""
    found: Rollout | None = verified_before(facts, release, stage.target)
    if found is None:
        return ""
    when = f" at {found.ended:%Y-%m-%d %H:%M} UTC" if found.ended else ""
    return f"{found.release} succeeded on {found.target}{when}"
