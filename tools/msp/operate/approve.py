"""`approve` and `reject`: what becomes of a rollout that waits for a person."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from msp.ci.person import Authors, names_in
from msp.errors import UsageError
from msp.operate import guards
from msp.operate.actions import Approve as Approval
from msp.operate.decision import Compared, Decision, Objection
from msp.operate.service import Service, environment
from msp.rollouts.age import Ancestry
from msp.rollouts.approval import Stale, Why, stale, waits_for_approval
from msp.rollouts.facts import Facts, Release, Rollout, Stage
from msp.rollouts.running import running
from msp.rollouts.states import Action, ApprovalState


@dataclass(frozen=True, slots=True)
class Approve:
    """What was asked for.

    Attributes:
        approved: False to reject.
        by: By what names whoever asks is known: `{"ada lovelace", "ada@example.com"}`.
        authors: By what names a commit's author is known.
        stage: Which stage's: `prod`; empty where only one waits.
        release: Which release's; empty for the newest that waits.
        downgrade: Whether it may take the stage back to something older.
        self_approval: Whether the commit's author may approve it, where the stage asks for somebody else.
        override_freeze: Ids of the deploy policies to override.
        reason: Why.
    """

    approved: bool = True
    by: frozenset[str] = frozenset()
    authors: Authors = field(default=lambda _commit: frozenset(), compare=False)
    stage: str = ""
    release: str = ""
    downgrade: bool = False
    self_approval: bool = False
    override_freeze: tuple[str, ...] = ()
    reason: str = ""

    @property
    def verb(self) -> str:
        """`approve` or `reject`."""
        return "approve" if self.approved else "reject"

    def decide(self, facts: Facts, service: Service, ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: What is known of the pipeline.
            service: Whose it is.
            ancestry: Knows which commit comes from which.

        Raises:
            UsageError: There is no such stage, several stages wait and none is named, or an override lacks its reason.
        """
        if (self.downgrade or self.self_approval or self.override_freeze) and not self.reason:
            raise UsageError("what overrides a guard needs a reason", hint="add --reason='why'; it is kept")
        found = self._waiting(facts, service)
        if isinstance(found, Decision):
            return found
        stage = service.stage(facts, found.target)
        current, release = facts.release(running(facts, stage.target).release), facts.release(found.release)
        case = _Case(self, facts, service, stage, found, release, ancestry)
        return Decision(
            f"{self.verb} {found.release} for {environment(stage, service.region)}",
            stage.target,
            stage.category if self.approved else "",
            compared=Compared(current.id if current else "", found.release),
            facts=tuple(filter(None, (guards.verified(facts, stage, found.release), self._untold(facts)))),
            actions=(Approval(found.key, self.approved, case.overrides()),),
            objections=tuple(filter(None, case.objections())),
            overridden=tuple(case.overridden()),
            follows=found.key if self.approved else None,
        )

    def _untold(self, facts: Facts) -> str:
        """What a person should know who may not look at targets; empty where nothing is hidden."""
        if not self.approved or "targets" not in facts.unread:
            return ""
        return "whether somebody else than the author has to approve it can't be told: no permission to list targets"

    def _waiting(self, facts: Facts, service: Service) -> Rollout | Decision:
        """The rollout that is meant; a decision to do nothing where none waits."""
        target = service.stage(facts, self.stage).target if self.stage else ""
        waiting = [each for each in waits_for_approval(facts, target) if self.release in {"", each.release}]
        if not waiting:
            return self._nothing(facts, target)
        if len({each.target for each in waiting}) > 1:
            stages = ", ".join(dict.fromkeys(each.target for each in reversed(waiting)))
            raise UsageError(f"rollouts to several stages wait: {stages}", hint=f"{self.verb} one: --stage=STAGE")
        return waiting[0]

    def _nothing(self, facts: Facts, target: str) -> Decision:
        wanted = ApprovalState.APPROVED if self.approved else ApprovalState.REJECTED
        known = (r for r in facts.rollouts if target in {"", r.target} and self.release in {"", r.release})
        last = next((each for each in known if each.approval in {ApprovalState.APPROVED, ApprovalState.REJECTED}), None)
        about = f"{self.verb} what waits"
        if self.release and last is not None and last.approval is wanted:
            done = f"{last.release} was {'approved' if self.approved else 'rejected'} for {last.target} already"
            return Decision(about, last.target, done=done, follows=last.key if self.approved else None)
        where = f" for {target}" if target else ""
        which = f"{self.release} does not wait" if self.release else "nothing waits"
        was = f" ({last.release} was {last.approval.value.lower()} before)" if last is not None else ""
        return Decision(about, target, done=f"{which} for an approval{where}{was}")


@dataclass(frozen=True)
class _Case:
    """A rollout that waits."""

    asked: Approve
    facts: Facts
    service: Service
    stage: Stage
    rollout: Rollout
    release: Release | None
    ancestry: Ancestry

    def overrides(self) -> tuple[str, ...]:
        return guards.overridden(self.facts, self.stage, Action.APPROVE, self.asked.override_freeze)

    def objections(self) -> Iterator[Objection | None]:
        if self.asked.approved:
            yield guards.suspended(self.facts, self.service)
        # Both are one call to Cloud Deploy, and a policy that forbids it forbids both.
        yield guards.frozen(self.facts, self.stage, Action.APPROVE, self.asked.override_freeze, self._again())
        if self.asked.approved and not self.asked.downgrade:
            yield self._stale()
        if self.asked.approved and not self.asked.self_approval:
            yield self._own()

    def overridden(self) -> Iterator[str]:
        for policy in self.overrides():
            yield f"policy {policy} is overridden"
        if self.asked.downgrade and (found := self._stale()):
            yield f"--downgrade: {found.message}"
        if self.asked.self_approval and (found := self._own()):
            yield f"--self_approval: {found.message}"

    def _stale(self) -> Objection | None:
        found = stale(self.facts, self.rollout, self.ancestry)
        if found is None:
            return None
        name = environment(self.stage, self.service.region)
        reject = self.service.typed("reject", f"--stage={name}", f"--release={self.rollout.release}")
        return Objection(
            f"{self.rollout.release} should not be approved any more: {_why(found, self.stage)}",
            f"reject it: {reject}\nto approve it all the same: {self._again()} --downgrade --reason='…'",
        )

    def _own(self) -> Objection | None:
        if not self.stage.not_author or self.release is None:
            return None
        own = names_in(self.release.author) | self.asked.authors(self.release.commit)
        if not own & self.asked.by:
            return None
        author = self.release.author or min(own)
        return Objection(
            f"{self.stage.target} asks for an approval by somebody else than the commit's author, {author}",
            "ask somebody else; Google itself can't enforce this, and would take your approval\n"
            f"in an emergency: {self._again()} --self_approval --reason='…'",
        )

    def _again(self) -> str:
        asked = self.asked
        given = [f"--stage={environment(self.stage, self.service.region)}", f"--release={self.rollout.release}"]
        given += [f"--override_freeze={policy}" for policy in asked.override_freeze]
        if not asked.approved:
            return self.service.typed("reject", *given)
        own = (("--downgrade", asked.downgrade), ("--self_approval", asked.self_approval))
        return self.service.typed("approve", *given, *(flag for flag, is_set in own if is_set))


def _why(found: Stale, stage: Stage) -> str:
    match found.why:
        case Why.NEWER_RUNS:
            return f"{stage.target} runs {found.by.release}, which is newer"
        case Why.NEWER_COMES:
            return f"{found.by.release}, which is newer, is on its way to {stage.target}"
        case Why.ROLLED_BACK_SINCE:
            return f"{stage.target} was rolled back to {found.by.release} since it was asked for"
