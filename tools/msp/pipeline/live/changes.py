"""What has to change for a live pipeline to be as the specification says: computed, not carried out."""

from dataclasses import dataclass

import proto
from google.cloud import deploy_v1

from msp import names
from msp.deploy_policies.conversion import to_policy
from msp.pipeline.iam import Binding
from msp.pipeline.live.compare import Difference, differences
from msp.pipeline.live.keep import keeping
from msp.pipeline.live.state import Live, LiveArchive
from msp.pipeline.live.thaws import Stage, thaw
from msp.pipeline.resources import PipelineResources


@dataclass(frozen=True)
class UploadArchive:
    """The archive is missing or has other content."""

    uri: str
    live: LiveArchive


@dataclass(frozen=True)
class PutResource:
    """A resource is missing (`live` is None) or differs."""

    wanted: proto.Message
    live: proto.Message | None
    differences: tuple[Difference, ...]

    @property
    def makes_pipeline(self) -> bool:
        """Whether this is how the delivery pipeline comes into being."""
        return self.live is None and isinstance(self.wanted, deploy_v1.DeliveryPipeline)


@dataclass(frozen=True)
class DeleteResource:
    """A target, automation or standing freeze that the specification no longer has."""

    live: proto.Message


@dataclass(frozen=True)
class Grant:
    """Bindings that a Cloud Deploy resource's policy lacks."""

    resource: str
    bindings: tuple[Binding, ...]


@dataclass(frozen=True)
class LiftSuspension:
    """A pipeline or automation that is suspended shall go on: the last of all, when everything else is as asked."""

    live: proto.Message


PipelineChange = UploadArchive | PutResource | DeleteResource | Grant | LiftSuspension


def pipeline_changes(
    made: PipelineResources, rows: tuple[Binding, ...], archive: bytes, live: Live
) -> tuple[PipelineChange, ...]:
    """All changes, in an order in which they can be made one by one.

    What refers to something comes after it, and what is referred to is deleted after what refers to it. Cut short
    anywhere, the pipeline is no less guarded than it was, or than what was asked for: an automation that is no longer
    wanted goes first, approval is asked for and freezes are made before anything promotes, and what opens (approval
    that is no longer asked for, freezes that shrink or go, suspension that is lifted) comes last. Of several
    freezes that shrink, each first gets what it is to cover besides what it covers: one may take over from another.

    Args:
        made: The resources that the specification asks for.
        rows: The access that it asks for; of it, what Cloud Deploy keeps is compared.
        archive: The bytes that the source archive should have.
        live: What was read of the pipeline.
    """
    found: list[PipelineChange] = []
    if live.archive.content != archive:
        found.append(UploadArchive(names.source_uri(made.project), live.archive))
    found += [DeleteResource(message) for message in live.leftovers if isinstance(message, deploy_v1.Automation)]
    puts, lifts = _puts(made, live)
    opening: list[PipelineChange] = [change for change in puts if _ends_approval(change) or _thaws(made, change)]
    found += [change for change in puts if change not in opening]
    found += [DeleteResource(message) for message in live.leftovers if isinstance(message, deploy_v1.Target)]
    covering, opening = _overlapping(made, live, opening)
    found += covering
    opening += [DeleteResource(message) for message in live.leftovers if isinstance(message, deploy_v1.DeployPolicy)]
    for resource in sorted({row.resource for row in rows if row.scope.in_cloud_deploy}):
        there = live.members.get(resource, frozenset())
        missing = tuple(row for row in rows if row.resource == resource and (row.role, row.member) not in there)
        if missing:
            found.append(Grant(resource, missing))
    return (*found, *opening, *lifts)


def wanted_resources(made: PipelineResources) -> tuple[proto.Message, ...]:
    """All resources, each after those that it refers to."""
    return (
        made.custom_target_type,
        *made.targets,
        made.delivery_pipeline,
        *made.deploy_policies,
        *made.automations,
    )


def before_lifting(made: PipelineResources, live: Live) -> tuple[proto.Message, ...]:
    """All resources as they are to be while what is suspended still is, each after those that it refers to."""
    return tuple(
        _still_suspended(message) if _lifts(message, live) else message
        for message in wanted_resources(keeping(made, live))
    )


def _puts(made: PipelineResources, live: Live) -> tuple[list[PutResource], list[LiftSuspension]]:
    """What is to be written, and whose suspension ends after that: the pipeline's after its automations'."""
    puts, lifts = [], []
    for wanted in wanted_resources(keeping(made, live)):
        present = live.resources.get(wanted.name)
        if present is not None and _lifts(wanted, live):
            lifts.append(LiftSuspension(present))
    for wanted in before_lifting(made, live):
        present = live.resources.get(wanted.name)
        differing = differences(present or type(wanted)(), wanted)
        if present is None or differing:
            puts.append(PutResource(wanted, present, differing))
    return puts, sorted(lifts, key=lambda lift: isinstance(lift.live, deploy_v1.DeliveryPipeline))


def _lifts(wanted: proto.Message, live: Live) -> bool:
    match live.resources.get(wanted.name):
        case deploy_v1.DeliveryPipeline(suspended=True) | deploy_v1.Automation(suspended=True):
            return not wanted.suspended
        case _:
            return False


def _still_suspended(wanted: proto.Message) -> proto.Message:
    copy = type(wanted)(wanted)
    copy.suspended = True
    return copy


def _thaws(made: PipelineResources, change: PutResource) -> bool:
    if not isinstance(change.live, deploy_v1.DeployPolicy):
        return False
    old, new = to_policy(change.live), to_policy(change.wanted)
    stages = [Stage(made.delivery_pipeline, target) for target in made.targets]
    return any(thaw(old, stage, [new], stage) for stage in stages)


def _overlapping(
    made: PipelineResources, live: Live, opening: list[PipelineChange]
) -> tuple[list[PutResource], list[PipelineChange]]:
    """What freezes that shrink are first, where one would be open before the one that takes over from it is closed."""
    freezes = [change for change in opening if isinstance(change, PutResource) and _is_policy(change.wanted)]
    if not _opens_in_between(made, live, freezes):
        return [], opening
    first, then = [], dict[int, PipelineChange]()
    for change in freezes:
        both = _both(change.live, change.wanted)
        differing = differences(change.live or type(both)(), both)
        if differing and not change.wanted.suspended:
            first.append(PutResource(both, change.live, differing))
            then[id(change)] = PutResource(change.wanted, both, differences(both, change.wanted))
    return first, [then.get(id(change), change) for change in opening]


def _opens_in_between(made: PipelineResources, live: Live, freezes: list[PutResource]) -> bool:
    """Whether made one by one, freezes would let through for a while what they let through neither before nor after."""
    stages = [Stage(made.delivery_pipeline, target) for target in made.targets]
    wanted = {policy.name: to_policy(policy) for policy in made.deploy_policies}
    last = {change.wanted.name for change in freezes}
    kept = [message for message in (*live.resources.values(), *live.leftovers) if _is_policy(message)]
    there = wanted | {each.name: to_policy(each) for each in kept if each.name in last or each.name not in wanted}
    for change in freezes:
        name, old = change.wanted.name, there[change.wanted.name]
        there[name] = wanted[name]
        for stage in stages:
            now, then = (thaw(old, stage, [*after], stage, live.now) for after in (there.values(), wanted.values()))
            if now != then:
                return True
    return False


def _is_policy(message: proto.Message) -> bool:
    return isinstance(message, deploy_v1.DeployPolicy)


def _both(live: proto.Message | None, wanted: proto.Message) -> proto.Message:
    """A freeze that covers what it does and what it is to."""
    both = deploy_v1.DeployPolicy(wanted)
    rules, selectors = (list(getattr(live, name)) for name in ("rules", "selectors"))
    both.selectors = [*selectors, *(each for each in both.selectors if each not in selectors)]
    for rule in wanted.rules:
        if rule not in rules:
            added = deploy_v1.PolicyRule(rule)
            added.rollout_restriction.id = f"{rule.rollout_restriction.id}-{len(rules)}"  # unique within a policy
            rules.append(added)
    both.rules = rules
    return both


def _ends_approval(change: PutResource) -> bool:
    if not isinstance(change.live, deploy_v1.Target):
        return False
    asked, asks = change.live, change.wanted
    another = names.NOT_AUTHOR_ANNOTATION
    return (asked.require_approval and not asks.require_approval) or (
        another in asked.annotations and another not in asks.annotations
    )
