"""What keeps releases back in a pipeline, and what of it some changes would take away.

A stage is known by the project that it deploys to, so that a target under a new name is still the same stage.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import proto
from google.cloud import deploy_v1

from msp import names
from msp.deploy_policies.conversion import to_policy
from msp.pipeline.live import thaws
from msp.pipeline.live.changes import Grant, LiftSuspension, PipelineChange, before_lifting
from msp.pipeline.live.promotions import promotions
from msp.pipeline.live.state import Live
from msp.pipeline.resources import Guard, PipelineResources

_CATEGORIES = ("test", "internal", "external")  # the later, the more there is to lose


@dataclass(frozen=True, order=True)
class LessGuarded:
    """One thing that would keep releases back no longer.

    Attributes:
        resource: Full name of the resource that it is about.
        what: What would be, to be read after the resource's name: `no longer asks for approval`.
        specified: Whether the specification says so in words (`approval: { required: false }`, `suspended: false`; and
            `suspended: true` of a freeze).
        pruned: Whether it comes of deleting the resource, which is done only when asked for.
    """

    resource: str
    what: str
    specified: bool = False
    pruned: bool = False


def less_guarded(made: PipelineResources, live: Live, changes: tuple[PipelineChange, ...]) -> tuple[LessGuarded, ...]:
    """Everything by which a live pipeline would be less guarded after some changes; nothing where there is none yet.

    Args:
        made: The resources that the specification asks for.
        live: What was read of the pipeline.
        changes: All that `pipeline_changes` computed from the two.
    """
    name = made.delivery_pipeline.name
    if name not in live.resources:
        return ()
    there = [*live.resources.values(), *live.leftovers]
    asked = {message.name: message for message in (*there, *before_lifting(made, live))}
    before, after = _Guards(name, there), _Guards(name, asked.values())
    found = {*_stages_lost(before, after), *_approvals_lost(made, before, after), *_repointed(before, after)}
    found |= {*_thawed(made, live, before, after)}
    if live.released:
        found |= {*_promoted(before, after), *_admitted(name, changes)}
    found |= {
        LessGuarded(change.live.name, "is no longer suspended", specified=True)
        for change in changes
        if isinstance(change, LiftSuspension)
    }
    return tuple(sorted(found))


@dataclass(frozen=True)
class _Stage:
    """A stage: its target, and the stages before it by the projects that they deploy to."""

    target: deploy_v1.Target
    before: frozenset[str]

    @property
    def target_id(self) -> str:
        return _id(self.target.name)

    @property
    def asks_another(self) -> bool:
        return names.NOT_AUTHOR_ANNOTATION in self.target.annotations

    @property
    def category(self) -> str:
        return str(self.target.labels.get(names.CATEGORY_LABEL, ""))

    @property
    def is_guarded(self) -> bool:
        return self.target.require_approval or self.category == "external"


class _Guards:
    """A pipeline with its stages by the project that each deploys to, and what goes on by itself."""

    def __init__(self, pipeline: str, messages: Iterable[proto.Message]) -> None:
        self.name = pipeline
        by_name = {message.name: message for message in messages}
        stages = self.pipeline = by_name[pipeline]
        self.stages = _stages(stages, by_name)
        self.active = promotions(stages, by_name.values(), held_too=False)
        self.all = promotions(stages, by_name.values(), held_too=True)


def _stages(pipeline: deploy_v1.DeliveryPipeline, messages: Mapping[str, proto.Message]) -> dict[str, _Stage]:
    location = pipeline.name.partition("/deliveryPipelines/")[0]
    found = dict[str, _Stage]()
    for stage in pipeline.serial_pipeline.stages:
        name = f"{location}/targets/{stage.target_id}"
        target = messages.get(name, deploy_v1.Target(name=name))  # one that is not ours tells only its name
        place = target.deploy_parameters.get(names.PROJECT_PARAMETER, stage.target_id)
        found.setdefault(place, _Stage(target, frozenset(found)))
    return found


def _stages_lost(before: _Guards, after: _Guards) -> Iterator[LessGuarded]:
    for place, stage in before.stages.items():
        if place not in after.stages:
            yield LessGuarded(before.name, f"no longer has the stage of target {stage.target_id}")
            continue
        for skipped in (stage.before - after.stages[place].before) & after.stages.keys():
            first = before.stages[skipped].target_id
            yield LessGuarded(before.name, f"no longer passes target {first} before {stage.target_id}")


def _approvals_lost(made: PipelineResources, before: _Guards, after: _Guards) -> Iterator[LessGuarded]:
    for old, new in _both(before, after):
        specified = made.specified.get(new.target.name, frozenset())
        if old.target.require_approval and not new.target.require_approval:
            yield LessGuarded(new.target.name, "no longer asks for approval", Guard.APPROVAL in specified)
        if old.asks_another and not new.asks_another:
            what = "no longer asks for approval by someone else than the author"
            yield LessGuarded(new.target.name, what, Guard.NOT_AUTHOR in specified)
        if _rank(new.category) < _rank(old.category):
            what = f"is no longer {old.category}, but {new.category or 'of no category'}: deploy policies choose by it"
            yield LessGuarded(new.target.name, what)


def _repointed(before: _Guards, after: _Guards) -> Iterator[LessGuarded]:
    targets = {stage.target.name: stage.target for stage in after.stages.values()}
    for stage in before.stages.values():
        becomes = targets.get(stage.target.name, stage.target)
        for parameter in (names.PROJECT_PARAMETER, names.SERVICE_PARAMETER):
            old, new = (target.deploy_parameters.get(parameter) for target in (stage.target, becomes))
            if old and old != new:
                yield LessGuarded(stage.target.name, f"deploys elsewhere: {parameter} is {new}, no longer {old}")


def _thawed(made: PipelineResources, live: Live, before: _Guards, after: _Guards) -> Iterator[LessGuarded]:
    there = [each for each in (*live.resources.values(), *live.leftovers) if isinstance(each, deploy_v1.DeployPolicy)]
    wanted = {policy.name: to_policy(policy) for policy in made.deploy_policies}
    for message in there:
        policy, becomes = to_policy(message), wanted.get(message.name)
        for old, new in _both(before, after):
            stage = thaws.Stage(after.pipeline, new.target)
            when = thaws.thaw(policy, thaws.Stage(before.pipeline, old.target), [*wanted.values()], stage, live.now)
            if when is None:
                continue
            if becomes is None:
                what = f"is removed: target {new.target_id} is free {when}"
                yield LessGuarded(message.name, what, pruned=True)
            elif becomes.suspended:
                yield LessGuarded(message.name, "is suspended", specified=True)
            else:
                yield LessGuarded(message.name, f"no longer freezes target {new.target_id}, which is free {when}")


def _promoted(before: _Guards, after: _Guards) -> Iterator[LessGuarded]:
    """Promotions that nobody decides, into what is guarded: new ones, and those that leave less time to step in."""
    held = before.all.keys() - before.active.keys()
    for had, gets in ((before.all, after.all), (before.active, after.active)):
        for old, new in _both(before, after):
            earlier, promotion = had.get(old.target_id), gets.get(new.target_id)
            guarded = old.is_guarded or new.is_guarded or old.target_id in held
            if promotion is None or not guarded or not old.before:  # whoever releases goes into the first stage at once
                continue
            if earlier is None:
                what = f"promotes to target {new.target_id} by itself, where somebody had to decide it"
                yield LessGuarded(promotion.automation, what)
            elif promotion.wait_seconds < earlier.wait_seconds:
                waits = f"after {promotion.wait_seconds:g}s, no longer {earlier.wait_seconds:g}s"
                yield LessGuarded(promotion.automation, f"promotes to target {new.target_id} {waits}")


def _admitted(pipeline: str, changes: tuple[PipelineChange, ...]) -> Iterator[LessGuarded]:
    for change in changes:
        if isinstance(change, Grant) and change.resource == pipeline:
            for binding in change.bindings:
                yield LessGuarded(pipeline, f"may be released through by {binding.member}")


def _both(before: _Guards, after: _Guards) -> Iterator[tuple[_Stage, _Stage]]:
    """The stages that are there before and after."""
    for place, old in before.stages.items():
        if place in after.stages:
            yield old, after.stages[place]


def _rank(category: str) -> int:
    return _CATEGORIES.index(category) if category in _CATEGORIES else -1


def _id(name: str) -> str:
    return name.rpartition("/")[2]
