"""`rollback`: a stage's way back to the last good release, and no promotion into it afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass

from msp.errors import UsageError
from msp.operate import guards
from msp.operate.actions import Hold, RollBack
from msp.operate.decision import Compared, Decision, Objection
from msp.operate.rollout_ids import next_rollout_id
from msp.operate.service import Service, environment
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts, Rollout, RolloutKey, Stage
from msp.rollouts.freezes import freeze
from msp.rollouts.last_good import WayBack, way_back
from msp.rollouts.running import running
from msp.rollouts.states import Action, RolloutState
from msp.rollouts.stops import automations_into


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was asked for.

    Attributes:
        stage: Which stage: `prod`.
        to: The release to go back to; empty for the last good one, whatever failed since.
        override_freeze: Ids of deploy policies to override, where one forbids to roll back.
        reason: Why.
        hold: Whether to hold promotion into the stage afterwards.
    """

    stage: str
    to: str = ""
    override_freeze: tuple[str, ...] = ()
    reason: str = ""
    hold: bool = True

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: What is known of the pipeline.
            service: Whose it is.

        Raises:
            UsageError: There is no such stage or release, or an override lacks its reason.
        """
        if self.override_freeze and not self.reason:
            raise UsageError("what overrides a guard needs a reason", hint="add --reason='why'; it is kept")
        stage = service.stage(facts, self.stage)
        name = environment(stage, service.region)
        holds = tuple(self._holds(facts, stage))
        way = way_back(facts, stage.target)
        if way is None:
            return self._refused(f"roll {name} back", stage, f"nothing was ever deployed to {stage.target}")
        to = self._to(facts, service, way)
        if (already := _rolled_back_already(way, self.to)) is not None:
            where = f"{stage.target} was rolled back to {already.release} already"
            further = f"to go back further: {service.typed('rollback', f'--stage={name}', '--to=RELEASE')}"
            return Decision(
                f"roll {name} back",
                stage.target,
                stage.category,
                facts=() if self.to else (further,),
                actions=holds,
                done=where,
                follows=already.key,
            )
        if not to:
            return self._refused(f"roll {name} back", stage, *_no_way(facts, stage, way))
        if to == way.off.release and not way.off.state.failed:
            return Decision(f"roll {name} back", stage.target, done=f"{stage.target} runs {to} already", actions=holds)
        rollout = next_rollout_id(facts, to, stage.target)
        overrides = guards.overridden(facts, stage, Action.ROLLBACK, self.override_freeze)
        return Decision(
            f"roll {name} back from {way.off.release} to {to}",
            stage.target,
            stage.category,
            compared=Compared(way.off.release, to),
            facts=(*_worth_knowing(facts, service, stage, way), *_approval(facts, service, stage, to)),
            actions=(RollBack(stage.target, way.off.key, to, rollout, overrides), *holds),
            objections=tuple(filter(None, self._objections(facts, service, stage, to))),
            overridden=tuple(f"policy {policy} is overridden" for policy in overrides),
            follows=RolloutKey(to, rollout),
        )

    def _to(self, facts: Facts, service: Service, way: WayBack) -> str:
        if self.to:
            if facts.release(self.to) is None:
                raise UsageError(
                    f"--to={self.to}: {service.id} has no such release among those that were read",
                    hint=f"see which there are: {service.typed('status')}",
                )
            return self.to
        if way.off.rollback_of is not None and way.off.state.failed:
            # A rollback that failed has not brought what it was to bring.
            return way.off.release
        return way.to.release if way.to else ""

    def _objections(self, facts: Facts, service: Service, stage: Stage, to: str) -> Iterator[Objection | None]:
        yield guards.suspended(facts, service)
        release = facts.release(to)
        if release is not None and release.abandoned:
            yield Objection(f"{to} was abandoned: it can't be rolled out any more", "choose another one with --to")
        again = service.typed("rollback", f"--stage={environment(stage, service.region)}", f"--to={to}")
        yield guards.frozen(facts, stage, Action.ROLLBACK, self.override_freeze, again)

    def _holds(self, facts: Facts, stage: Stage) -> Iterator[Hold]:
        if self.hold:
            for automation in automations_into(facts, stage.target):
                if not automation.suspended:
                    yield Hold(automation.id, stage.target)

    @staticmethod
    def _refused(title: str, stage: Stage, message: str, hint: str = "") -> Decision:
        return Decision(title, stage.target, stage.category, objections=(Objection(message, hint),))


def _approval(facts: Facts, service: Service, stage: Stage, to: str) -> Iterator[str]:
    """What stands between the rollback and the stage: a freeze lets it pass, and not the approval that it waits for."""
    release = facts.release(to)
    if release is None or stage.target not in release.approvals:
        return
    found = freeze(facts, stage.target, Action.APPROVE)
    if found is None:
        yield "it waits for an approval"
        return
    flags = (f"--override_freeze={policy.id}" for policy in found.policies)
    approve = service.typed("approve", f"--stage={environment(stage, service.region)}", *flags)
    yield f"it waits for an approval, and {stage.target} is {found.words}; then: {approve} --reason='…'"


def _rolled_back_already(way: WayBack, to: str) -> Rollout | None:
    """The rollback that stands where this one would lead: run twice, it does not go back twice."""
    off = way.off
    stands = off.state is RolloutState.SUCCEEDED or off.state.under_way or off.state.waits
    asked = off.rollback_of is not None or bool(off.rolls_back_release)
    return off if asked and stands and to in {"", off.release} else None


def _no_way(facts: Facts, stage: Stage, way: WayBack) -> tuple[str, str]:
    if not way.known:
        return (
            f"no earlier success of {stage.target} is among the rollouts that were read",
            "name the release to go back to: --to=RELEASE",
        )
    only = running(facts, stage.target).release or way.off.release
    return f"{stage.target} has had no good release besides {only}: there is nothing to go back to", ""


def _worth_knowing(facts: Facts, service: Service, stage: Stage, way: WayBack) -> Iterator[str]:
    there = running(facts, stage.target)
    if way.off.state.failed:
        yield f"{way.off.release} failed on {stage.target}; what it left there is undone"
    if there.changing is not None:
        cancel = service.typed("cancel", f"--stage={environment(stage, service.region)}")
        yield f"{there.changing.release} is being rolled out to {stage.target}: the rollback waits for that; {cancel}"
    for rollout in there.waiting:
        yield f"{rollout.release} waits for {stage.target} still ({rollout.id}): reject it if it must not come"
