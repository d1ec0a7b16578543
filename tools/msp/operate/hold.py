"""`hold` and `resume`: whether automations take releases into a stage."""

from dataclasses import dataclass

from msp.errors import UsageError
from msp.operate.actions import Hold as Suspend
from msp.operate.actions import Resume as GoOn
from msp.operate.decision import Decision, Objection
from msp.operate.service import Service, environment
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts
from msp.rollouts.stops import Hold as Held
from msp.rollouts.stops import automations_into, holds


@dataclass(frozen=True, slots=True)
class Hold:
    """What was asked for.

    Attributes:
        stage: Which stage: `prod`.
        reason: Why; it is kept and told.
    """

    stage: str
    reason: str = ""

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Raises:
            UsageError: There is no such stage, or no reason.
        """
        stage = service.stage(facts, self.stage)
        name = environment(stage, service.region)
        title = f"hold promotion into {name}"
        found = automations_into(facts, stage.target)
        if not found:
            freeze = f"{service.typed('freeze', f'--stage={name}', '--until=TIME')} --reason='…'"
            message = f"no automation promotes into {stage.target}: there is nothing to hold"
            return Decision(title, stage.target, objections=(Objection(message, f"to stop people too: {freeze}"),))
        going = tuple(Suspend(each.id, stage.target) for each in found if not each.suspended)
        if not going:
            return Decision(title, stage.target, done=" and ".join(map(held, holds(facts, stage.target))))
        if not self.reason:
            raise UsageError("a hold needs a reason", hint="add --reason='why'; status tells it to everybody")
        resume = service.typed("resume", f"--stage={name}")
        return Decision(title, stage.target, facts=(f"to let it go on again: {resume}",), actions=going)


@dataclass(frozen=True, slots=True)
class Resume:
    """What was asked for. Attributes as of `Hold`."""

    stage: str
    reason: str = ""

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Raises:
            UsageError: There is no such stage.
        """
        stage = service.stage(facts, self.stage)
        title = f"resume promotion into {environment(stage, service.region)}"
        found = holds(facts, stage.target)
        if not found:
            return Decision(title, stage.target, done=f"promotion into {stage.target} is not held")
        return Decision(
            title,
            stage.target,
            stage.category,
            facts=tuple(map(held, found)),
            actions=tuple(GoOn(each.automation.id, stage.target) for each in found),
        )


def held(hold: Held) -> str:
    """A hold in words: `promotion into prod-us-central1 is held by Ada since 2026-11-24 12:00 UTC: INC-1`."""
    return f"promotion into {hold.target} is {hold.words}"
