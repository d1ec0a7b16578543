"""What the console page shows, as one JSON value: each pipeline's stages and what runs in them, its newest releases."""

import json
from typing import Any

from msp.localcloud.deploy import conditions, names
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.resources import (
    AUTOMATION_RUN,
    PIPELINE,
    RELEASE,
    ROLLOUT,
    TARGET,
    Resources,
    slot_of,
)

_MOST_PIPELINES = 100
_MOST_RELEASES = 12
_MOST_ROLLOUTS = 4


def overview(resources: Resources) -> dict[str, Any]:
    """The page's content: `{"revision", "now", "pipelines": […]}`, names as in the API, times in RFC 3339."""
    pipelines = resources.list(PIPELINE, oldest_first=True, limit=_MOST_PIPELINES)
    return {
        "revision": resources.store.revision,
        "now": resources.clock.now().isoformat(),
        "pipelines": [_pipeline(resources, pipeline) for pipeline in pipelines],
    }


def _pipeline(resources: Resources, pipeline: "pb.DeliveryPipeline") -> dict[str, Any]:
    conditions.fill(resources, pipeline)
    condition = pipeline.condition
    missing = condition.targets_present_condition.missing_targets
    problem = condition.targets_type_condition.error_details
    if missing:
        problem = f"missing: {', '.join(names.last(name) for name in missing)}"
    return {
        "name": pipeline.name,
        "id": names.last(pipeline.name),
        "project": pipeline.name.split("/")[1],
        "location": pipeline.name.split("/")[3],
        "description": pipeline.description,
        "suspended": pipeline.suspended,
        "problem": problem,
        "stages": [_stage(resources, pipeline.name, stage.target_id) for stage in pipeline.serial_pipeline.stages],
        "releases": [
            _release(release) for release in resources.list(RELEASE, parent=pipeline.name, limit=_MOST_RELEASES)
        ],
        "waiting": _waiting(resources, pipeline.name),
    }


def _stage(resources: Resources, pipeline: str, target_id: str) -> dict[str, Any]:
    slot = slot_of(pipeline, target_id)
    target = resources.find(TARGET, names.target(pipeline, target_id))
    running = resources.store.get("running", slot)
    rollouts = resources.list(ROLLOUT, keys={"slot": slot}, limit=_MOST_ROLLOUTS)
    return {
        "target": target_id,
        "exists": target is not None,
        "requireApproval": target is not None and target.require_approval,
        "running": json.loads(running) if running is not None else None,
        "rollouts": [_rollout(rollout) for rollout in rollouts],
    }


def _rollout(rollout: "pb.Rollout") -> dict[str, Any]:
    return {
        "name": rollout.name,
        "id": names.last(rollout.name),
        "release": names.last(names.release(rollout.name)),
        "state": pb.Rollout.State.Name(rollout.state),
        "reason": rollout.failure_reason,
        "rollback": bool(rollout.rollback_of_rollout),
        "time": _time(rollout, "deploy_end_time", "deploy_start_time", "create_time"),
        "phases": [
            {"id": phase.id, "state": pb.Phase.State.Name(phase.state), "failedJob": _failed_job(phase)}
            for phase in rollout.phases
        ],
    }


def _failed_job(phase: "pb.Phase") -> str:
    own = phase.deployment_jobs
    stopped = {pb.Job.State.FAILED, pb.Job.State.ABORTED}
    return next((job.id for _, job in own.ListFields() if job.state in stopped and job.job_run), "")


def _release(release: "pb.Release") -> dict[str, Any]:
    failures = sorted({render.failure_message for render in release.target_renders.values()} - {""})
    return {
        "name": release.name,
        "id": names.last(release.name),
        "time": _time(release, "create_time"),
        "render": pb.Release.RenderState.Name(release.render_state),
        "reason": "; ".join(failures),
        "abandoned": release.abandoned,
        "labels": dict(release.labels),
        "annotations": dict(release.annotations),
        "tag": release.deploy_parameters.get("customTarget/tag", ""),
    }


def _waiting(resources: Resources, pipeline: str) -> list[dict[str, Any]]:
    """Promotions that automations will make."""
    runs = resources.list(AUTOMATION_RUN, keys={"waiting": pipeline}, limit=_MOST_ROLLOUTS)
    return [
        {
            "name": run.name,
            "automation": run.automation_id,
            "from": run.target_id,
            "to": run.promote_release_operation.target_id,
            "release": names.last(names.release(run.promote_release_operation.rollout)),
            "until": _time(run, "wait_until_time"),
        }
        for run in runs
        if run.HasField("promote_release_operation")
    ]


def _time(message: Any, *fields: str) -> str:  # noqa: ANN401 (any resource)
    """The first of the times that is set."""
    return next((getattr(message, field).ToJsonString() for field in fields if message.HasField(field)), "")
