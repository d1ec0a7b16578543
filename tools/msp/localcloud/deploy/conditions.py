"""Whether a pipeline could be released to now: its conditions, worked out when it is shown."""

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import CUSTOM_TARGET_TYPE, TARGET, Resources


def fill(resources: Resources, pipeline: "pb.DeliveryPipeline") -> None:
    """Writes `condition` of a pipeline: are all targets there, and of types that go together?"""
    missing, errors, kinds = [], [], set()
    for stage in pipeline.serial_pipeline.stages:
        for target_id in _with_children(resources, pipeline.name, stage.target_id):
            name = names.target(pipeline.name, target_id)
            target = resources.find(TARGET, name)
            if target is None:
                missing.append(name)
            elif target.HasField("custom_target"):
                kinds.add("custom_target")
                if problem := _custom_type_problem(resources, target):
                    errors.append(problem)
            elif not target.HasField("multi_target"):
                kinds.add(target.WhichOneof("deployment_target"))
    if len(kinds - {"custom_target", "anthos_cluster", "gke"}) + bool(kinds & {"anthos_cluster", "gke"}) > 1:
        errors.append(f"targets of different types can't be in one pipeline: {', '.join(sorted(kinds))}")
    now = resources.clock.now()
    condition = pipeline.condition
    condition.targets_present_condition.status = not missing
    condition.targets_present_condition.missing_targets[:] = missing
    condition.targets_present_condition.update_time.FromDatetime(now)
    condition.targets_type_condition.status = not errors
    condition.targets_type_condition.error_details = "; ".join(errors)
    condition.pipeline_ready_condition.status = not missing and not errors
    condition.pipeline_ready_condition.update_time.FromDatetime(now)


def _with_children(resources: Resources, anywhere: str, target_id: str) -> list[str]:
    target = resources.find(TARGET, names.target(anywhere, target_id))
    return [target_id, *(target.multi_target.target_ids if target is not None else ())]


def _custom_type_problem(resources: Resources, target: "pb.Target") -> str:
    kind = custom_type_name(target)
    if resources.find(CUSTOM_TARGET_TYPE, kind) is None:
        return f"target {target.target_id}: custom target type {kind} does not exist"
    return ""


def custom_type_name(target: "pb.Target") -> str:
    """The name of a custom target's type, which may be written as an id alone."""
    kind = target.custom_target.custom_target_type
    return kind if "/" in kind else f"{names.location(target.name)}/customTargetTypes/{kind}"
