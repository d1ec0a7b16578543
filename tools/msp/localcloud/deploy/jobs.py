"""Job runs: what one attempt at a job is, how it begins and how it ends."""

from typing import Any

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names, stages
from msp.localcloud.deploy.execution import Outcome
from msp.localcloud.deploy.resources import JOB_RUN, Resources
from msp.localcloud.status import ApiError, Code

_EXECUTED = ("predeploy", "deploy", "verify", "postdeploy")


def begin(resources: Resources, rollout: "pb.Rollout", phase: "pb.Phase", job: "pb.Job") -> "pb.JobRun":
    """Saves a new run of a job, which is in progress from now on; the caller saves the rollout."""
    run = pb.JobRun(
        name=f"{rollout.name}/jobRuns/{resources.token()}",
        phase_id=phase.id,
        job_id=job.id,
        state=pb.JobRun.State.IN_PROGRESS,
    )
    run.start_time.FromDatetime(resources.clock.now())
    body = getattr(run, f"{kind(job)}_job_run")
    body.SetInParent()
    if kind(job) in _EXECUTED:
        body.build = f"{names.location(rollout.name)}/builds/{resources.token()}"
    resources.create(JOB_RUN, run)
    job.state, job.job_run = pb.Job.State.IN_PROGRESS, run.name
    return run


def end(resources: Resources, run: "pb.JobRun", state: int, outcome: Outcome, artifact: str = "") -> None:
    """Saves how a run ended.

    Args:
        resources: Saves the run.
        run: The run.
        state: Of `JobRun.State`.
        outcome: What came of it.
        artifact: Where what it deployed is, for a deploy.
    """
    run.state = state
    run.end_time.FromDatetime(resources.clock.now())
    body: Any = getattr(run, run.WhichOneof("job_run"))
    if outcome.failure and "failure_cause" in body.DESCRIPTOR.fields_by_name:
        causes = body.DESCRIPTOR.fields_by_name["failure_cause"].enum_type.values_by_name
        body.failure_cause = causes[outcome.cause if outcome.cause in causes else "EXECUTION_FAILED"].number
        body.failure_message = outcome.failure
    if run.HasField("deploy_job_run") and not outcome.failure:
        body.metadata.custom.values.update(outcome.values)
        body.artifact.artifact_uri = artifact
        body.artifact.manifest_paths.append(f"{run.phase_id}/manifest.yaml")
    resources.save(JOB_RUN, run)


def kind(job: "pb.Job") -> str:
    """`predeploy`, `deploy`, `verify`, `postdeploy`, `create_child_rollout` or `advance_child_rollout`."""
    which: str = job.WhichOneof("job_type")
    return which.removesuffix("_job")


def find(rollout: "pb.Rollout", phase_id: str, job_id: str) -> "tuple[pb.Phase, pb.Job]":
    """The phase and job of a rollout.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    for phase in rollout.phases:
        if phase.id == phase_id:
            for job in stages.jobs(phase):
                if job.id == job_id:
                    return phase, job
    raise ApiError(Code.NOT_FOUND, f"Rollout '{rollout.name}' has no job {job_id!r} in phase {phase_id!r}")
