"""A rollout as the page reads it: its state, its phases and jobs, and why it failed."""

from typing import Any

from msp.localcloud.console.times import first_time
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names, stages
from msp.localcloud.deploy.progress import current_phase
from msp.localcloud.deploy.resources import JOB_RUN, RELEASE, Resources

_STOPPED = {pb.Job.State.FAILED, pb.Job.State.ABORTED}


def to_json(resources: Resources, rollout: "pb.Rollout") -> dict[str, Any]:
    """A rollout with all that its page and its stage show."""
    release = resources.find(RELEASE, names.release(rollout.name))
    cause = rollout.deploy_failure_cause
    return {
        "name": rollout.name,
        "id": names.last(rollout.name),
        "release": names.last(names.release(rollout.name)),
        "releaseCreated": first_time(release, "create_time") if release is not None else "",
        "target": rollout.target_id,
        "state": pb.Rollout.State.Name(rollout.state),
        "created": first_time(rollout, "create_time"),
        "started": first_time(rollout, "deploy_start_time"),
        "ended": first_time(rollout, "deploy_end_time"),
        "time": first_time(rollout, "deploy_end_time", "deploy_start_time", "create_time"),
        "failure": rollout.failure_reason,
        "cause": pb.Rollout.FailureCause.Name(cause) if cause else "",
        "description": rollout.description,
        "reason": rollout.annotations.get("reason", ""),
        "by": rollout.annotations.get("by", ""),
        "rollbackOf": rollout.rollback_of_rollout,
        "rolledBackBy": list(rollout.rolled_back_by_rollouts),
        "automation": bool(rollout.metadata.automation.promote_automation_run),
        "advance": next_phase(rollout),
        "phases": [_phase(resources, phase) for phase in rollout.phases],
    }


def next_phase(rollout: "pb.Rollout") -> str:
    """The phase that waits for somebody to advance to it; empty when none does."""
    phase = current_phase(rollout)
    if phase is None or rollout.state != pb.Rollout.State.IN_PROGRESS or phase.state != pb.Phase.State.PENDING:
        return ""
    return str(phase.id)


def _phase(resources: Resources, phase: "pb.Phase") -> dict[str, Any]:
    return {
        "id": phase.id,
        "state": pb.Phase.State.Name(phase.state),
        "skipped": phase.skip_message,
        "jobs": [_job(resources, job) for job in stages.jobs(phase)],
    }


def _job(resources: Resources, job: "pb.Job") -> dict[str, Any]:
    shown = {
        "id": job.id,
        "state": pb.Job.State.Name(job.state),
        "skipped": job.skip_message,
        "failure": "",
        "cause": "",
    }
    run = resources.find(JOB_RUN, job.job_run) if job.job_run and job.state in _STOPPED else None
    shown["canRetry"] = bool(job.job_run) and job.state in _STOPPED
    if run is not None:
        body = getattr(run, run.WhichOneof("job_run"))
        shown["failure"] = getattr(body, "failure_message", "")
        if getattr(body, "failure_cause", 0):
            causes = body.DESCRIPTOR.fields_by_name["failure_cause"].enum_type.values_by_number
            shown["cause"] = causes[body.failure_cause].name
    return shown
