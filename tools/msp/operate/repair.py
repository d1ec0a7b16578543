"""`retry` and `cancel`: a rollout's failed job, and a rollout under way."""

from dataclasses import dataclass

from msp.errors import UsageError
from msp.operate import guards
from msp.operate.actions import Cancel as Stop
from msp.operate.actions import Retry as RunAgain
from msp.operate.decision import Decision, Objection
from msp.operate.service import Service, environment
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts, Rollout, Stage
from msp.rollouts.running import running
from msp.rollouts.states import Action, RolloutState


@dataclass(frozen=True, slots=True)
class Retry:
    """What was asked for.

    Attributes:
        stage: Which stage's newest rollout: `prod`; empty for the one stage whose newest has failed.
        override_freeze: Ids of the deploy policies to override.
        reason: Why.
    """

    stage: str = ""
    override_freeze: tuple[str, ...] = ()
    reason: str = ""

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Raises:
            UsageError: There is no such stage, several have failed and none is named, or an override lacks its reason.
        """
        if self.override_freeze and not self.reason:
            raise UsageError("what overrides a guard needs a reason", hint="add --reason='why'; it is kept")
        newest = {stage.target: next(iter(facts.rollouts_to(stage.target)), None) for stage in facts.pipeline.stages}
        failed = [stage for stage in facts.pipeline.stages if _failed(newest[stage.target])]
        stage = service.stage(facts, self.stage) if self.stage else _only(failed, "have failed", service)
        rollout = newest[stage.target] if stage else None
        if stage is None or rollout is None or not _failed(rollout):
            where = f"the newest rollout to {stage.target} has not failed" if stage else "no stage's newest has failed"
            return Decision("retry what failed", stage.target if stage else "", done=where)
        name = environment(stage, service.region)
        title = f"retry {rollout.job or 'the failed job'} of {rollout.release} on {name}"
        if not rollout.job:
            # It failed with its release, before it had any.
            objection = Objection(f"{rollout.id} has no failed job to run again", "deliver its commit again")
            return Decision(title, stage.target, stage.category, objections=(objection,))
        again = service.typed("retry", f"--stage={name}")
        objections = (
            guards.suspended(facts, service),
            guards.frozen(facts, stage, Action.RETRY_JOB, self.override_freeze, again),
        )
        overrides = guards.overridden(facts, stage, Action.RETRY_JOB, self.override_freeze)
        return Decision(
            title,
            stage.target,
            stage.category,
            facts=(f"it failed: {rollout.failure or rollout.failure_cause or 'no reason was given'}",),
            actions=(RunAgain(rollout.key, rollout.phase, rollout.job, overrides),),
            objections=tuple(filter(None, objections)),
            overridden=tuple(f"policy {policy} is overridden" for policy in overrides),
            follows=rollout.key,
        )


@dataclass(frozen=True, slots=True)
class Cancel:
    """What was asked for.

    Attributes:
        stage: Which stage's rollout: `prod`; empty for the one that is under way.
        override_freeze: As of `Retry`.
        reason: Why.
    """

    stage: str = ""
    override_freeze: tuple[str, ...] = ()
    reason: str = ""

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Raises:
            UsageError: There is no such stage, several are under way and none is named, or an override lacks its
                reason.
        """
        if self.override_freeze and not self.reason:
            raise UsageError("what overrides a guard needs a reason", hint="add --reason='why'; it is kept")
        coming = {stage.target: running(facts, stage.target).coming for stage in facts.pipeline.stages}
        under_way = [stage for stage in facts.pipeline.stages if coming[stage.target]]
        stage = service.stage(facts, self.stage) if self.stage else _only(under_way, "are under way", service)
        if stage is None or not coming[stage.target]:
            where = f"no rollout to {stage.target} is under way" if stage else "no rollout is under way"
            return Decision("cancel what is under way", stage.target if stage else "", done=where)
        rollout = coming[stage.target][0]
        name = environment(stage, service.region)
        title = f"cancel {rollout.release} on {name}"
        if rollout.state is RolloutState.CANCELLING:
            return Decision(title, stage.target, done=f"{rollout.id} is being cancelled already")
        again = service.typed("cancel", f"--stage={name}")
        objection = guards.frozen(facts, stage, Action.CANCEL, self.override_freeze, again)
        overrides = guards.overridden(facts, stage, Action.CANCEL, self.override_freeze)
        return Decision(
            title,
            stage.target,
            stage.category,
            facts=("what it has deployed so far stays: roll back to undo it",) if rollout.started else (),
            actions=(Stop(rollout.key, overrides),),
            objections=(objection,) if objection else (),
            overridden=tuple(f"policy {policy} is overridden" for policy in overrides),
        )


def _failed(rollout: Rollout | None) -> bool:
    return rollout is not None and rollout.state is RolloutState.FAILED


def _only(stages: list[Stage], which: str, service: Service) -> Stage | None:
    if len(stages) > 1:
        named = ", ".join(environment(stage, service.region) for stage in stages)
        raise UsageError(f"several stages {which}: {named}", hint="say which: --stage=STAGE")
    return stages[0] if stages else None
