"""What stays as it is live, since the specification does not speak of it."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TypeVar

import proto
from google.cloud import deploy_v1

from msp import names
from msp.pipeline.live.state import Live
from msp.pipeline.resources import Guard, PipelineResources

_OUR_LABELS = {names.OWNER_LABEL, names.SERVICE_LABEL, names.CATEGORY_LABEL, names.FREEZE_LABEL}

_Message = TypeVar("_Message", bound=proto.Message)


def keeping(made: PipelineResources, live: Live) -> PipelineResources:
    """The resources as they shall be: what the specification says, and for the rest what somebody set by hand.

    Kept are the guards on which it is silent, labels and annotations of others (policies choose by them, and a hold
    writes its reason there), and how a stage verifies.

    Args:
        made: The resources that the specification asks for.
        live: What was read of the pipeline.
    """
    pipeline = _pipeline(made, live)
    return dataclasses.replace(
        made,
        custom_target_type=_with_labels(made.custom_target_type, live),
        targets=tuple(_target(made, target, live) for target in made.targets),
        delivery_pipeline=pipeline,
        automations=tuple(_automation(made, automation, live) for automation in made.automations),
        deploy_policies=tuple(_with_labels(policy, live) for policy in made.deploy_policies),
    )


def kept_guards(made: PipelineResources, live: Live) -> Iterator[tuple[str, Guard]]:
    """Each guard that is on only because somebody set it by hand: the resource's full name, and which guard.

    Args:
        made: The resources that the specification asks for.
        live: What was read of the pipeline.
    """
    kept = keeping(made, live)
    for asked, target in zip(made.targets, kept.targets, strict=True):
        if target.require_approval and not asked.require_approval:
            yield target.name, Guard.APPROVAL
        if names.NOT_AUTHOR_ANNOTATION in target.annotations and names.NOT_AUTHOR_ANNOTATION not in asked.annotations:
            yield target.name, Guard.NOT_AUTHOR
    if kept.delivery_pipeline.suspended and not made.delivery_pipeline.suspended:
        yield made.delivery_pipeline.name, Guard.SUSPENSION
    for promotes, automation in zip(made.automations, kept.automations, strict=True):
        if automation.suspended and not promotes.suspended and automation.name in live.resources:
            yield automation.name, Guard.SUSPENSION


def _target(made: PipelineResources, wanted: deploy_v1.Target, live: Live) -> deploy_v1.Target:
    target = _with_labels(wanted, live)
    there = live.resources.get(wanted.name)
    specified = made.specified.get(wanted.name, frozenset())
    if isinstance(there, deploy_v1.Target):
        if Guard.APPROVAL not in specified:
            target.require_approval = there.require_approval
        if Guard.NOT_AUTHOR in specified and names.NOT_AUTHOR_ANNOTATION not in wanted.annotations:
            target.annotations.pop(names.NOT_AUTHOR_ANNOTATION, None)
    return target


def _pipeline(made: PipelineResources, live: Live) -> deploy_v1.DeliveryPipeline:
    wanted = made.delivery_pipeline
    pipeline = _with_labels(wanted, live)
    there = live.resources.get(wanted.name)
    if isinstance(there, deploy_v1.DeliveryPipeline):
        if Guard.SUSPENSION not in made.specified.get(wanted.name, frozenset()):
            pipeline.suspended = there.suspended
        strategies = {stage.target_id: stage.strategy for stage in there.serial_pipeline.stages if "strategy" in stage}
        for stage in pipeline.serial_pipeline.stages:
            if stage.target_id in strategies:
                stage.strategy = strategies[stage.target_id]
    return pipeline


def _automation(made: PipelineResources, wanted: deploy_v1.Automation, live: Live) -> deploy_v1.Automation:
    automation = _with_labels(wanted, live)
    there, pipeline = live.resources.get(wanted.name), live.resources.get(made.delivery_pipeline.name)
    pipeline_suspended = isinstance(pipeline, deploy_v1.DeliveryPipeline) and pipeline.suspended
    specified = Guard.SUSPENSION in made.specified.get(wanted.name, frozenset())
    if isinstance(there, deploy_v1.Automation):
        # One that is suspended in a pipeline that is not was held by itself; `rollout.suspended` is the pipeline's.
        held = there.suspended and not pipeline_suspended
        automation.suspended = (wanted.suspended or held) if specified else there.suspended
    elif not specified:
        automation.suspended = pipeline_suspended
    return automation


def _with_labels(wanted: _Message, live: Live) -> _Message:
    """A copy, with the labels and annotations that others gave to what is live."""
    copy: _Message = type(wanted)(wanted)
    there = live.resources.get(wanted.name)
    if there is not None:
        _keep(copy.labels, {key: value for key, value in there.labels.items() if key not in _OUR_LABELS})
        _keep(copy.annotations, there.annotations)
    return copy


def _keep(wanted: dict[str, str], live: Mapping[str, str]) -> None:
    for key, value in live.items():
        wanted.setdefault(key, value)
