"""`freeze` and `unfreeze`: nothing goes forward into a stage for a while, but always back.

A freeze by hand is a deploy policy like those of `rollout.freezes`, with a label that tells them apart. Its id says
what it freezes, so that whoever freezes the same again finds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from msp import names
from msp.deploy_policies import windows
from msp.deploy_policies.actions import Invoker
from msp.deploy_policies.freeze import FORWARD
from msp.deploy_policies.policy import Policy, PolicySelector
from msp.deploy_policies.selection import ResourceSelector
from msp.errors import UsageError
from msp.operate.actions import Action
from msp.operate.actions import Freeze as Put
from msp.operate.decision import Decision, Objection
from msp.operate.service import Service, environment
from msp.operate.until import Until
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts, Stage
from msp.rollouts.freezes import freeze

EXTERNAL = "external"
ALL = "all"
"""What stands for every stage, where no stage is called so."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Freeze:
    """What was asked for.

    Attributes:
        until: When it ends.
        reason: Why; everybody whom it stops is told.
        stages: Which: `("prod",)`, or `("all",)`; empty for those of category `external`.
        shorten: Whether it may end earlier than it would by now.
    """

    until: Until
    reason: str = ""
    stages: tuple[str, ...] = ()
    shorten: bool = False

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: What is known of the pipeline.
            service: Whose it is.

        Raises:
            UsageError: There is no such stage, or no reason.
        """
        require_reason(self.reason, "a freeze")
        stages = chosen(self.stages, facts, service)
        given = [f"--stage={name}" for name in self.stages]
        again = service.typed("freeze", *given, f"--until={self.until.moment:%Y-%m-%dT%H:%MZ}")
        places = [_stage_place(stage, service) for stage in stages]
        notes = () if self.stages else ("without --stage: the stages of category external",)
        return _decide(self, places, facts, again, notes)


@dataclass(frozen=True, slots=True)
class FreezeCategory:
    """What was asked for: all stages of a category, of every service of a project and region.

    Attributes:
        category: `external`.
        until: As of `Freeze`.
        reason: As of `Freeze`.
        shorten: As of `Freeze`.
    """

    category: str
    until: Until
    reason: str = ""
    shorten: bool = False

    def decide(self, facts: Facts, service: Service, _ancestry: Ancestry) -> Decision:
        """What to do.

        Args:
            facts: Those of the location; each of its targets is a stage.
            service: Has the project and the region.

        Raises:
            UsageError: No target is of that category, or there is no reason.
        """
        require_reason(self.reason, "a freeze")
        targets = of_category(self.category, facts, service)
        again = service.typed("freeze", f"--category={self.category}", f"--until={self.until.moment:%Y-%m-%dT%H:%MZ}")
        return _decide(self, [_category_place(self.category)], facts, again, (targets,))


@dataclass(frozen=True, slots=True)
class _Place:
    """What one policy freezes."""

    policy: str
    selector: PolicySelector
    label: tuple[str, str]
    name: str
    target: str = ""


def _stage_place(stage: Stage, service: Service) -> _Place:
    # By ids, as standing freezes: who may set a target's labels can't take it out of a freeze.
    selector = PolicySelector(ResourceSelector(service.pipeline_id), ResourceSelector(stage.target))
    policy = names.hand_freeze_policy_id(service.id, stage.target)
    name = environment(stage, service.region)
    return _Place(policy, selector, (names.SERVICE_LABEL, service.id), name, stage.target)


def _category_place(category: str) -> _Place:
    label = (names.CATEGORY_LABEL, category)
    selector = PolicySelector(target=ResourceSelector(labels=dict([label])))
    return _Place(names.category_freeze_policy_id(category), selector, label, every(category))


def _decide(
    asked: Freeze | FreezeCategory, places: list[_Place], facts: Facts, again: str, notes: tuple[str, ...]
) -> Decision:
    actions: list[Action] = []
    objections: list[Objection] = []
    done: list[str] = []
    for place in places:
        match _verdict(asked, place, facts, again):
            case Put() as action:
                actions.append(action)
            case Objection() as objection:
                objections.append(objection)
            case str(words):
                done.append(words)
    target = places[0].target if len(places) == 1 else ""
    shorter = (f"--shorten: {words}" for place in places if asked.shorten and (words := _longer(asked, place, facts)))
    return Decision(
        f"freeze {_listed([place.name for place in places])} until {asked.until.words}",
        target,
        EXTERNAL if asked.shorten else "",
        facts=tuple(filter(None, (*notes, asked.until.note, *_covered(places, facts)))),
        actions=tuple(actions),
        objections=tuple(objections),
        overridden=tuple(shorter),
        done=" and ".join(done) if not objections else "",
    )


def _verdict(asked: Freeze | FreezeCategory, place: _Place, facts: Facts, again: str) -> Put | Objection | str:
    """What becomes of one policy: it is made or changed, may not be, or is as it is wanted."""
    wanted = Put(place.policy, place.selector, place.label, asked.until.moment, place.name)
    there = _policy(place, facts)
    if there is None:
        return wanted
    if not by_hand(there):
        return Objection(
            f"deploy policy {there.id!r} stands where this freeze's would, and was not made by hand with these tools",
            "look at it before anything else: whoever made it may need it",
        )
    end = ends(there, facts.now)
    same = there.selectors == (place.selector,)
    if end == asked.until.moment and same:
        return said(there, place.name, facts.now)
    if end is not None and end > asked.until.moment and same and not asked.shorten:
        return Objection(
            f"{said(there, place.name, facts.now)}; {asked.until.words} is earlier",
            f"to let it end earlier: {again} --shorten --reason='…'",
        )
    return replace(wanted, replaces=there.etag)


def _longer(asked: Freeze | FreezeCategory, place: _Place, facts: Facts) -> str:
    """The freeze that would end earlier, in words; empty where none does."""
    there = _policy(place, facts)
    end = ends(there, facts.now) if there is not None else None
    return said(there, place.name, facts.now) if there and end and end > asked.until.moment else ""


def _policy(place: _Place, facts: Facts) -> Policy | None:
    return next((each for each in facts.policies if each.id == place.policy), None)


def _covered(places: list[_Place], facts: Facts) -> Iterator[str]:
    """What freezes the same stages already, besides the policies that this is about."""
    own = {place.policy for place in places}
    for place in places:
        found = {
            p.id: p
            for action in sorted(FORWARD)
            if place.target and (f := freeze(facts, place.target, action))
            for p in f.policies
        }
        for policy in found.values():
            if policy.id not in own:
                yield said(policy, place.name, facts.now)


def ends(policy: Policy, now: datetime) -> datetime | None:
    """When a policy lets things go forward again: None where it does now, the last of moments where it never does."""
    people = [rule for rule in policy.restrictions if all(rule.forbids(action, Invoker.USER) for action in FORWARD)]
    if policy.suspended or not any(windows.is_open(rule, now) for rule in people):
        return None
    return windows.closes(tuple(people), now) or _NEVER


def by_hand(policy: Policy) -> bool:
    """Whether `freeze` has made it."""
    return policy.labels.get(names.FREEZE_LABEL) == names.FREEZE_BY_HAND


def standing(policy: Policy) -> bool:
    """Whether it is one of `rollout.freezes`."""
    return policy.labels.get(names.FREEZE_LABEL) == names.STANDING_FREEZE


def said(policy: Policy, frozen: str, now: datetime) -> str:
    """A freeze in words: `prod is frozen until 2026-11-30 08:00 UTC by Ada (policy frozen-svc-prod-europe): why`."""
    end = ends(policy, now)
    until = "" if end is None else " without an end" if end == _NEVER else f" until {end:%Y-%m-%d %H:%M} UTC"
    who = f" by {policy.by}" if policy.by else ""
    why = policy.reason or policy.description
    return f"{frozen} is frozen{until}{who} (policy {policy.id})" + (f": {why}" if why else "")


def require_reason(reason: str, what: str) -> None:
    """Refuses what lacks its reason.

    Raises:
        UsageError: It is empty.
    """
    if not reason.strip():
        raise UsageError(f"{what} needs a reason", hint="add --reason='why'; everybody who is stopped is told")


def chosen(wanted: tuple[str, ...], facts: Facts, service: Service) -> tuple[Stage, ...]:
    """The stages that a person means, in their order.

    Args:
        wanted: Their names, or `all`; empty for those of category `external`.
        facts: With the pipeline.
        service: Whose it is.

    Raises:
        UsageError: There is no such stage, or none is external.
    """
    stages = facts.pipeline.stages
    called = {environment(stage, service.region) for stage in stages}
    if wanted:
        named = [stages if name == ALL and ALL not in called else (service.stage(facts, name),) for name in wanted]
        found = tuple(stage for stage in stages if any(stage in some for some in named))
        if not found:
            raise UsageError(f"the pipeline of {service.id} has no stages", hint="apply its specification")
        return found
    external = tuple(stage for stage in stages if stage.category == EXTERNAL)
    if not external:
        why = "the category of none could be read" if "targets" in facts.unread else "none is of category external"
        raise UsageError(f"which stages of {service.id}? {why}", hint=f"say which: --stage=STAGE, or --stage={ALL}")
    return external


def of_category(category: str, facts: Facts, service: Service) -> str:
    """The targets of a category, in a sentence.

    Raises:
        UsageError: There is none.
    """
    found = [stage.target for stage in facts.pipeline.stages if stage.category == category]
    if not found:
        known = ", ".join(sorted({stage.category for stage in facts.pipeline.stages} - {""})) or "none"
        raise UsageError(
            f"--category={category}: no target in {service.location} is of that category",
            hint=f"there are targets of: {known}",
        )
    shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"{len(found)} target{'s' if len(found) > 1 else ''} now, and those to come: {shown}"


def every(category: str) -> str:
    """What a category's freeze freezes: `every external stage`."""
    return f"every {category} stage"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
