"""`promote`: the rollout of a release to the next stage."""

from collections.abc import Iterator
from dataclasses import dataclass

from msp.errors import BlockedError, UsageError
from msp.operate import guards
from msp.operate.actions import RollOut
from msp.operate.decision import Compared, Decision, Objection
from msp.operate.rollout_ids import next_rollout_id
from msp.operate.service import Service, environment
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts, Release, Rollout, RolloutKey, Stage
from msp.rollouts.journey import next_stage
from msp.rollouts.running import running
from msp.rollouts.states import Action, RenderState, RolloutState


@dataclass(frozen=True, slots=True)
class Promote:
    """What was asked for.

    Attributes:
        stage: Where to: `prod`; empty for the stage after the furthest that the release has reached.
        release: Which; empty for the newest that can be rolled out.
        downgrade: Whether it may be older than what runs there.
        hotfix: Whether it need not have succeeded in the stage before.
        override_freeze: Ids of the deploy policies to override.
        reason: Why.
    """

    stage: str = ""
    release: str = ""
    downgrade: bool = False
    hotfix: bool = False
    override_freeze: tuple[str, ...] = ()
    reason: str = ""

    def decide(self, facts: Facts, service: Service, ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: What is known of the pipeline.
            service: Whose it is.
            ancestry: Knows which commit comes from which.

        Raises:
            UsageError: There is no such stage or release, or an override lacks its reason.
            BlockedError: There is nothing to promote yet.
        """
        if (self.downgrade or self.hotfix or self.override_freeze) and not self.reason:
            raise UsageError("what overrides a guard needs a reason", hint="add --reason='why'; it is kept")
        release = self._release(facts, service)
        stage = service.stage(facts, self.stage) if self.stage else next_stage(facts, release.id)
        if stage is None:
            last = facts.pipeline.stages[-1].target if facts.pipeline.stages else "no stage"
            return Decision(f"promote {release.id}", done=f"{release.id} has reached the last stage, {last}")
        title = f"promote {release.id} to {environment(stage, service.region)}"
        there = running(facts, stage.target)
        current = facts.release(there.release)
        if done := self._standing(there.rollout, there.coming, release.id):
            return Decision(title, stage.target, stage.category, done=f"{stage.target} {done[0]}", follows=done[1])
        case = _Case(self, facts, service, stage, release, ancestry)
        return Decision(
            title,
            stage.target,
            stage.category,
            compared=Compared(current.id if current else "", release.id),
            facts=tuple(filter(None, (guards.verified(facts, stage, release.id),))),
            actions=(case.action(),),
            objections=tuple(filter(None, case.objections())),
            overridden=tuple(case.overridden()),
            follows=RolloutKey(release.id, next_rollout_id(facts, release.id, stage.target)),
        )

    def _release(self, facts: Facts, service: Service) -> Release:
        if self.release:
            found = facts.release(self.release)
            if found is None:
                raise UsageError(
                    f"--release={self.release}: {service.id} has no such release among those that were read",
                    hint=f"see which there are: {service.typed('status')}",
                )
            return found
        usable = (r for r in facts.releases if not r.abandoned and r.render_state is RenderState.SUCCEEDED)
        newest = next(usable, None)
        if newest is None:
            raise BlockedError(f"{service.id} has no release that can be promoted", hint="deliver one first")
        return newest

    @staticmethod
    def _standing(there: Rollout | None, coming: tuple[Rollout, ...], release: str) -> tuple[str, RolloutKey] | None:
        """Where the same was asked for before, what has become of it."""
        for rollout in coming:
            if rollout.release == release:
                word = "waits for an approval of" if rollout.state is RolloutState.PENDING_APPROVAL else "is getting"
                return f"{word} {release} already ({rollout.id})", rollout.key
        if there is not None and there.release == release and not coming:
            return f"runs {release} already", there.key
        return None


@dataclass(frozen=True)
class _Case:
    """A release on its way to a stage."""

    asked: Promote
    facts: Facts
    service: Service
    stage: Stage
    release: Release
    ancestry: Ancestry

    def action(self) -> RollOut:
        target = self.stage.target
        return RollOut(
            self.release.id,
            target,
            next_rollout_id(self.facts, self.release.id, target),
            guards.overridden(self.facts, self.stage, Action.CREATE, self.asked.override_freeze),
        )

    def objections(self) -> Iterator[Objection | None]:
        asked, release = self.asked, self.release
        yield guards.suspended(self.facts, self.service)
        if release.abandoned:
            yield Objection(f"{release.id} was abandoned: it can't be rolled out any more", "deliver its commit again")
        yield guards.frozen(self.facts, self.stage, Action.CREATE, asked.override_freeze, self._again())
        if not asked.downgrade:
            yield self._older() or self._rolled_back()
        if not asked.hotfix:
            yield self._unverified()

    def overridden(self) -> Iterator[str]:
        for policy in self.action().overrides:
            yield f"policy {policy} is overridden"
        if self.asked.downgrade and (found := self._older() or self._rolled_back()):
            yield f"--downgrade: {found.message}"
        if self.asked.hotfix and (found := self._unverified()):
            yield f"--hotfix: {found.message}"

    def _older(self) -> Objection | None:
        return guards.older(self.facts, self.stage, self.release, self.ancestry, self._again())

    def _unverified(self) -> Objection | None:
        return guards.unverified(self.facts, self.stage, self.release.id, self._again())

    def _rolled_back(self) -> Objection | None:
        return guards.rolled_back(self.facts, self.stage, self.release.id, self._again())

    def _again(self) -> str:
        """The command as it was given, with what was left out."""
        asked = self.asked
        given = [f"--stage={environment(self.stage, self.service.region)}", f"--release={self.release.id}"]
        given += [f"--override_freeze={policy}" for policy in asked.override_freeze]
        given += [flag for flag, is_set in (("--downgrade", asked.downgrade), ("--hotfix", asked.hotfix)) if is_set]
        return self.service.typed("promote", *given)
