"""The Cloud Deploy resources of a service, made from its specification.

They are the API's own message types, so that a field which does not exist can't be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from google.cloud import deploy_v1
from google.protobuf import duration_pb2

from msp import names
from msp.errors import UsageError
from msp.pipeline.archive import ACTION_IMAGE
from msp.pipeline.freezes import freeze_policies
from msp.spec import Environment, Spec, Stage

_PROMOTE_RULE = "promote-release"
_NEXT = "@next"  # PromoteReleaseRule.destination_target_id: "the next target in the promotion sequence"
_DESCRIPTION_LIMIT = 255  # google.cloud.deploy_v1: description of every resource
_REPOSITORY_ANNOTATION = "source.repository"


class NoRolloutError(UsageError):
    """A specification that asks for no delivery pipeline."""


class Guard(StrEnum):
    """A setting that keeps releases back, and on which a specification may be silent."""

    APPROVAL = "approval"
    NOT_AUTHOR = "approval by someone else than the author"
    SUSPENSION = "suspension"


@dataclass(frozen=True)
class PipelineResources:
    """Everything of one service in Cloud Deploy, with full resource names.

    Attributes:
        project: The project that they live in: that of the last stage.
        region: The region that they live in and deploy to.
        custom_target_type: What renders and deploys; one per project and region.
        targets: One per stage, in the stages' order.
        delivery_pipeline: The stages, by the ids of their targets.
        automations: One per stage that promotes by itself, in the stages' order.
        deploy_policies: One per standing freeze, in the specification's order.
        action_image: The image that renders and deploys.
        specified: By full name of a resource, the guards that the specification speaks of, for or against. The others
            are nobody's but theirs who set them by hand.
    """

    project: str
    region: str
    custom_target_type: deploy_v1.CustomTargetType
    targets: tuple[deploy_v1.Target, ...]
    delivery_pipeline: deploy_v1.DeliveryPipeline
    automations: tuple[deploy_v1.Automation, ...]
    deploy_policies: tuple[deploy_v1.DeployPolicy, ...] = ()
    action_image: str = ACTION_IMAGE
    specified: Mapping[str, frozenset[Guard]] = field(default_factory=dict)


def resources(spec: Spec, region: str) -> PipelineResources:
    """What the specification means in Cloud Deploy.

    Args:
        spec: A valid specification, as `load` or `parse` gave it.
        region: The Google Cloud region of the pipeline and of the services that it deploys: `us-central1`.

    Raises:
        NoRolloutError: The specification has no `rollout`.
        InvalidNameError: The region does not exist, or a name would pass what Google's services take.
    """
    names.check_region(region)
    project = pipeline_project(spec)
    pipeline = names.pipeline_id(spec.service.id, region)
    for _, environment in spec.stages:
        names.run_service(spec.service.id, names.target_id(environment.id, region))
    targets = tuple(_target(spec, stage, environment, project, region) for stage, environment in spec.stages)
    delivery_pipeline = _delivery_pipeline(spec, pipeline, project, region)
    automations = tuple(
        _automation(spec, stage, environment, pipeline=pipeline, project=project, region=region)
        for stage, environment in spec.stages
        if promotes_automatically(stage)
    )
    specified = {
        target.name: _specified_approval(stage) for target, (stage, _) in zip(targets, spec.stages, strict=True)
    }
    if spec.rollout is not None and spec.rollout.suspended is not None:
        suspendable = [delivery_pipeline.name, *(automation.name for automation in automations)]
        specified |= dict.fromkeys(suspendable, frozenset({Guard.SUSPENSION}))
    return PipelineResources(
        project=project,
        region=region,
        custom_target_type=_custom_target_type(project, region),
        targets=targets,
        delivery_pipeline=delivery_pipeline,
        automations=automations,
        deploy_policies=freeze_policies(spec, pipeline, project=project, region=region, labels=_labels(spec)),
        action_image=(spec.rollout.action_image if spec.rollout else None) or ACTION_IMAGE,
        specified=specified,
    )


def pipeline_project(spec: Spec) -> str:
    """The project that pipeline, targets and releases live in: that of the last stage.

    Raises:
        NoRolloutError: The specification has no `rollout`.
    """
    if not spec.stages:
        raise NoRolloutError(
            f"service {spec.service.id!r} has no rollout, so there is no delivery pipeline to make",
            hint="Add `rollout.stages` to the specification, and `deploy.type: rollout` to each of their environments.",
        )
    return spec.stages[-1][1].project_id


def promotes_automatically(stage: Stage) -> bool:
    """Whether a release that succeeded in this stage moves on by itself."""
    return stage.promotion_strategy is not None and stage.promotion_strategy.type == "automatic"


def delay_seconds(stage: Stage) -> int:
    """Seconds between success in a stage that promotes by itself and the promotion."""
    strategy = stage.promotion_strategy
    return strategy.automatic.delay_seconds if strategy and strategy.automatic else 0


def _custom_target_type(project: str, region: str) -> deploy_v1.CustomTargetType:
    return deploy_v1.CustomTargetType(
        name=names.custom_target_type_name(project, region),
        description="Deploys an image to a Cloud Run service.",
        labels={names.OWNER_LABEL: "true"},
        custom_actions=deploy_v1.CustomTargetSkaffoldActions(
            render_action=names.RENDER_ACTION, deploy_action=names.DEPLOY_ACTION
        ),
    )


def _specified_approval(stage: Stage) -> frozenset[Guard]:
    if stage.approval is None:
        return frozenset()
    # Where no approval is asked for, none is asked of anybody in particular.
    both = stage.approval.not_author is not None or not stage.approval.required
    return frozenset({Guard.APPROVAL, Guard.NOT_AUTHOR} if both else {Guard.APPROVAL})


def _target(spec: Spec, stage: Stage, environment: Environment, project: str, region: str) -> deploy_v1.Target:
    not_author = stage.approval is not None and stage.approval.not_author
    return deploy_v1.Target(
        name=names.target_name(project, region, names.target_id(environment.id, region)),
        description=_description(f"{spec.service.name}: {environment.id} ({environment.category})"),
        labels={**_labels(spec), names.CATEGORY_LABEL: environment.category},
        annotations={names.NOT_AUTHOR_ANNOTATION: "true"} if not_author else {},
        require_approval=stage.approval is not None and stage.approval.required,
        custom_target=deploy_v1.CustomTarget(custom_target_type=names.custom_target_type_name(project, region)),
        deploy_parameters={
            names.SERVICE_PARAMETER: spec.service.id,
            names.IMAGE_PARAMETER: spec.build.image,
            names.PROJECT_PARAMETER: environment.project_id,
        },
        execution_configs=[
            deploy_v1.ExecutionConfig(
                usages=[
                    deploy_v1.ExecutionConfig.ExecutionEnvironmentUsage.RENDER,
                    deploy_v1.ExecutionConfig.ExecutionEnvironmentUsage.DEPLOY,
                ],
                service_account=names.executor_account(project),
            )
        ],
    )


def _delivery_pipeline(spec: Spec, pipeline: str, project: str, region: str) -> deploy_v1.DeliveryPipeline:
    return deploy_v1.DeliveryPipeline(
        name=names.pipeline_name(project, region, pipeline),
        description=_description(f"Delivers {spec.service.name}"),
        labels=_labels(spec),
        annotations={_REPOSITORY_ANNOTATION: spec.build.source.repo},
        serial_pipeline=deploy_v1.SerialPipeline(
            stages=[
                deploy_v1.Stage(target_id=names.target_id(environment.id, region)) for _, environment in spec.stages
            ]
        ),
        suspended=suspended(spec),
    )


def _automation(
    spec: Spec, stage: Stage, environment: Environment, *, pipeline: str, project: str, region: str
) -> deploy_v1.Automation:
    target = names.target_id(environment.id, region)
    rule = deploy_v1.PromoteReleaseRule(
        id=_PROMOTE_RULE,
        wait=duration_pb2.Duration(seconds=delay_seconds(stage)),
        destination_target_id=_NEXT,
    )
    return deploy_v1.Automation(
        name=names.automation_name(project, region, pipeline, names.automation_id(environment.id, region)),
        description=_description(f"Promotes what succeeded in {environment.id} to the next stage"),
        labels=_labels(spec),
        # A suspended pipeline refuses promotions, and an automation that went on would only collect failed runs.
        suspended=suspended(spec),
        service_account=names.releaser_account(project),
        selector=deploy_v1.AutomationResourceSelector(targets=[deploy_v1.TargetAttribute(id=target)]),
        rules=[deploy_v1.AutomationRule(promote_release_rule=rule)],
    )


def suspended(spec: Spec) -> bool:
    """Whether the pipeline refuses new releases and rollouts."""
    return spec.rollout is not None and spec.rollout.suspended is True


def _labels(spec: Spec) -> dict[str, str]:
    return {names.OWNER_LABEL: "true", names.SERVICE_LABEL: spec.service.id}


def _description(text: str) -> str:
    return text if len(text) <= _DESCRIPTION_LIMIT else text[: _DESCRIPTION_LIMIT - 1] + "…"
