"""`unfreeze`: what was frozen by hand goes forward again; what others have frozen is told, and how they end it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from msp import names
from msp.deploy_policies.freeze import FORWARD
from msp.deploy_policies.policy import Policy
from msp.errors import UsageError
from msp.operate.actions import Unfreeze as Remove
from msp.operate.decision import Decision, Objection
from msp.operate.freeze import EXTERNAL, by_hand, chosen, ends, every, of_category, require_reason, said, standing
from msp.operate.service import ANY_SERVICE, Service, environment
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts, Stage
from msp.rollouts.freezes import freeze
from msp.text import harmless


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """What was asked for.

    Attributes:
        reason: Why; kept by the audit log.
        stages: Which: `("prod",)`, or `("all",)`; empty for all that are frozen.
        policy: The id of the one deploy policy to remove; empty for all that were made by hand.
    """

    reason: str = ""
    stages: tuple[str, ...] = ()
    policy: str = ""

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: What is known of the pipeline.
            service: Whose it is.

        Raises:
            UsageError: There is no such stage, no such policy freezes it, or there is no reason.
        """
        require_reason(self.reason, "to unfreeze")
        stages = chosen(self.stages, facts, service) if self.stages else facts.pipeline.stages
        where = " and ".join(environment(stage, service.region) for stage in stages)
        title = f"unfreeze {where}"
        if "policies" in facts.unread:
            unknown = Objection("no permission to list deploy policies: what freezes it can't be told")
            return Decision(title, objections=(unknown,))
        frozen = list(_frozen(facts, service, stages))
        wanted = [each for each in frozen if self.policy in {"", each.policy.id}]
        if not wanted:
            return self._nothing(title, where, frozen)
        ours = [each for each in wanted if each.is_own(service)]
        title = f"unfreeze {' and '.join(dict.fromkeys(name for each in ours for name in each.stages)) or where}"
        stays = [each for each in frozen if each not in ours]
        return Decision(
            title,
            stages[0].target if len(stages) == 1 else "",
            EXTERNAL if any(stage.category == EXTERNAL for stage in stages) else "",
            facts=(*(each.said(facts) for each in ours), *(f"still, {each.said(facts)}" for each in stays if ours)),
            actions=tuple(Remove(each.policy.id, each.policy.etag) for each in ours),
            objections=() if ours else tuple(each.objection(facts, service) for each in wanted),
        )

    def _nothing(self, title: str, where: str, frozen: "list[Frozen]") -> Decision:
        if self.policy:
            known = ", ".join(each.policy.id for each in frozen) or "none"
            raise UsageError(
                f"--policy={harmless(self.policy)}: no such policy freezes {where}", hint=f"those that do: {known}"
            )
        return Decision(title, done=f"{where} is not frozen")


@dataclass(frozen=True, slots=True)
class UnfreezeCategory:
    """What was asked for: all stages of a category of a project and region.

    Attributes:
        category: `external`.
        reason: As of `Unfreeze`.
    """

    category: str
    reason: str = ""

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: Those of the location; each of its targets is a stage.
            service: Has the project and the region.

        Raises:
            UsageError: No target is of that category, or there is no reason.
        """
        require_reason(self.reason, "to unfreeze")
        targets, policy_id = of_category(self.category, facts, service), names.category_freeze_policy_id(self.category)
        name, title = every(self.category), f"unfreeze {every(self.category)}"
        found = next((each for each in facts.policies if each.id == policy_id and by_hand(each)), None)
        if found is None or ends(found, facts.now) is None:
            return Decision(title, done=f"{name} is not frozen by one policy")
        return Decision(
            title,
            category=EXTERNAL,
            facts=(said(found, name, facts.now), targets),
            actions=(Remove(found.id, found.etag),),
        )


@dataclass(frozen=True, slots=True)
class Frozen:
    """A policy that lets nothing go forward, and where.

    Attributes:
        policy: The policy.
        stages: The stages that it freezes, as people call them.
    """

    policy: Policy
    stages: list[str] = field(default_factory=list)

    def said(self, facts: Facts) -> str:
        """It, in a sentence."""
        return said(self.policy, " and ".join(self.stages), facts.now)

    def is_own(self, service: Service) -> bool:
        """Whether it was made by hand and freezes nothing but stages of this service."""
        pipelines = {each.pipeline.id if each.pipeline else "" for each in self.policy.selectors}
        return by_hand(self.policy) and pipelines == {service.pipeline_id}

    def command(self, service: Service) -> str:
        """What ends it, as a person types it, without the reason; empty where these tools don't."""
        policy = self.policy
        if self.is_own(service):
            flags = [f"--stage={self.stages[0]}"] if len(self.stages) == 1 else [f"--policy={policy.id}"]
            return service.typed("unfreeze", *flags)
        category = policy.labels.get(names.CATEGORY_LABEL, "")
        if by_hand(policy) and category and policy.id == f"frozen-{category}":
            fleet = replace(service, id="", command=ANY_SERVICE, by_target=False)
            return fleet.typed("unfreeze", f"--category={category}")
        return ""

    def objection(self, facts: Facts, service: Service) -> Objection:
        """Why `unfreeze` of this service leaves it, and how it is ended."""
        policy = self.policy
        if standing(policy):
            name = policy.id.removeprefix(f"freeze-{service.id}-")
            return Objection(
                f"{self.said(facts)}; it stands in the specification",
                f"at {name!r} in rollout.freezes, set suspended to true, and apply the pipeline",
            )
        if command := self.command(service):
            return Objection(
                f"{self.said(facts)}; it freezes other services too",
                f"to end it for all of them: {command} --reason='…'",
            )
        where = (f"--region={service.region}", f"--project={service.project}")
        look = shlex.join(["gcloud", "deploy", "deploy-policies", "describe", policy.id, *where])
        return Objection(
            f"{self.said(facts)}; it was not made for this service with these tools",
            f"ask whoever made it to end it; see it: {look}",
        )


def frozen_by(facts: Facts, service: Service, stage: Stage) -> tuple[Frozen, ...]:
    """The policies that let nothing go forward into a stage."""
    return tuple(_frozen(facts, service, (stage,)))


def _frozen(facts: Facts, service: Service, stages: tuple[Stage, ...]) -> Iterator[Frozen]:
    found: dict[str, Frozen] = {}
    for stage in stages:
        forbidden = (freeze(facts, stage.target, action) for action in sorted(FORWARD))
        policies = {policy.id: policy for each in forbidden if each is not None for policy in each.policies}
        for policy in policies.values():
            found.setdefault(policy.id, Frozen(policy)).stages.append(environment(stage, service.region))
    yield from found.values()
