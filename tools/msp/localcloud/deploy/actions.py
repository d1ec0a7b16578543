"""What users and automations ask of a rollout: approve, advance, retry, ignore, terminate, cancel."""

from collections.abc import Sequence

from msp.localcloud.deploy import jobs, names, stages
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.execution import Outcome
from msp.localcloud.deploy.policies import Policies
from msp.localcloud.deploy.progress import Event, Progress, current_phase
from msp.localcloud.deploy.resources import JOB_RUN, PIPELINE, RELEASE, ROLLOUT, Resources, slot
from msp.localcloud.engine import Engine
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, failed_precondition

_STATES = pb.Rollout.State
_PHASES = pb.Phase.State
_JOBS = pb.Job.State
_RUNS = pb.JobRun.State
_APPROVALS = pb.Rollout.ApprovalState
_WAITING = (_STATES.PENDING_RELEASE, _STATES.PENDING_APPROVAL, _STATES.PENDING)


class Actions:
    """Changes the course of rollouts.

    Args:
        resources: Loads and saves rollouts and job runs.
        engine: Ends what is being cancelled or terminated.
        progress: Carries on.
        policies: Asked before each action.
    """

    def __init__(self, resources: Resources, engine: Engine, progress: Progress, policies: Policies) -> None:
        self._resources = resources
        self._store = resources.store
        self._progress = progress
        self._policies = policies
        engine.on("terminate-job-run", self._end_termination)
        engine.on("cancel-rollout", self._end_cancellation)

    def approve(self, request: "pb.ApproveRolloutRequest") -> AnyMessage:
        """`ApproveRollout`: approves, or rejects for good.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (it needs no approval now, its pipeline is suspended, or a
                deploy policy).
        """
        with self._store.transaction():
            rollout = self._resources.get(ROLLOUT, request.name)
            if rollout.state != _STATES.PENDING_APPROVAL:
                raise _wrong_state(rollout, "approved or rejected", "PENDING_APPROVAL")
            pipeline = names.pipeline(rollout.name)
            if self._resources.get(PIPELINE, pipeline).suspended:
                raise failed_precondition(
                    f"DeliveryPipeline '{pipeline}' is suspended: no rollout can be approved or rejected"
                )
            self._check_policy("APPROVE", rollout, request.override_deploy_policy)
            rollout.approve_time.FromDatetime(self._resources.clock.now())
            if request.approved:
                rollout.approval_state = _APPROVALS.APPROVED
                self._progress.enqueue(rollout)
            else:
                rollout.approval_state = _APPROVALS.REJECTED
                rollout.state = _STATES.APPROVAL_REJECTED
                self._progress.save(rollout)
                self._progress.emit(Event("rollout-ended", rollout.name))
        return pb.ApproveRolloutResponse()

    def advance(self, request: "pb.AdvanceRolloutRequest", *, by_automation: bool = False) -> AnyMessage:
        """`AdvanceRollout`: starts the next phase of one that has ended a phase.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (another phase is next, one runs still, a deploy policy).
        """
        with self._store.transaction():
            rollout = self._resources.get(ROLLOUT, request.name)
            if rollout.state != _STATES.IN_PROGRESS:
                raise _wrong_state(rollout, "advanced", "IN_PROGRESS")
            phase = current_phase(rollout)
            if phase is None or phase.state != _PHASES.PENDING:
                raise failed_precondition(f"Rollout '{rollout.name}' is in the middle of a phase")
            if request.phase_id != phase.id:
                raise failed_precondition(
                    f"Rollout '{rollout.name}' can be advanced to phase {phase.id!r} only, not {request.phase_id!r}"
                )
            self._check_policy("ADVANCE", rollout, request.override_deploy_policy, by_automation=by_automation)
            self._progress.proceed(rollout, start_phase=True)
        return pb.AdvanceRolloutResponse()

    def retry_job(self, request: "pb.RetryJobRequest", *, by_automation: bool = False) -> AnyMessage:
        """`RetryJob`: runs a failed job again, and what comes after it.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (the job did not fail, the release is abandoned, a policy).
        """
        self._mend(request, "RETRY_JOB", _JOBS.PENDING, by_automation=by_automation)
        return pb.RetryJobResponse()

    def ignore_job(self, request: "pb.IgnoreJobRequest") -> AnyMessage:
        """`IgnoreJob`: carries on as if a failed job had succeeded.

        Raises:
            ApiError: As `retry_job`.
        """
        self._mend(request, "IGNORE_JOB", _JOBS.IGNORED)
        return pb.IgnoreJobResponse()

    def _mend(self, request: AnyMessage, action: str, state: int, *, by_automation: bool = False) -> None:
        with self._store.transaction():
            rollout = self._resources.get(ROLLOUT, request.rollout)
            _, job = jobs.find(rollout, request.phase_id, request.job_id)
            if rollout.state != _STATES.FAILED:
                raise _wrong_state(rollout, "mended", "FAILED")
            if job.state not in {_JOBS.FAILED, _JOBS.ABORTED} or not job.job_run:
                raise failed_precondition(
                    f"job {job.id!r} of Rollout '{rollout.name}' is {_JOBS.Name(job.state)}, and did not fail"
                )
            if self._resources.get(RELEASE, names.release(rollout.name)).abandoned:
                raise failed_precondition(f"Release '{names.release(rollout.name)}' is abandoned")
            self._check_policy(action, rollout, request.override_deploy_policy, by_automation=by_automation)
            job.state = state
            for phase in rollout.phases:
                if phase.state in {_PHASES.FAILED, _PHASES.ABORTED}:
                    phase.state = _PHASES.PENDING
                    for other in stages.jobs(phase):
                        if other.state == _JOBS.ABORTED or (other.state == _JOBS.FAILED and other.id != job.id):
                            other.state = _JOBS.PENDING
            rollout.failure_reason = ""
            rollout.deploy_failure_cause = pb.Rollout.FailureCause.FAILURE_CAUSE_UNSPECIFIED
            rollout.ClearField("deploy_end_time")
            self._progress.enqueue(rollout)

    def terminate(self, request: "pb.TerminateJobRunRequest") -> AnyMessage:
        """`TerminateJobRun`: stops a job run, which fails its rollout.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (it is not in progress, or a deploy policy).
        """
        with self._store.transaction():
            run = self._resources.get(JOB_RUN, request.name)
            rollout = self._resources.get(ROLLOUT, names.rollout(request.name))
            if run.state != _RUNS.IN_PROGRESS:
                raise failed_precondition(
                    f"JobRun '{run.name}' is {_RUNS.Name(run.state)}; only one IN_PROGRESS can be terminated"
                )
            self._check_policy("TERMINATE_JOBRUN", rollout, request.override_deploy_policy)
            run.state = _RUNS.TERMINATING
            self._resources.save(JOB_RUN, run)
            self._store.unschedule("job-run", run.name)
            self._store.schedule(self._resources.clock.now(), "terminate-job-run", run.name)
        return pb.TerminateJobRunResponse()

    def _end_termination(self, name: str) -> None:
        run = self._resources.find(JOB_RUN, name)
        if run is None or run.state != _RUNS.TERMINATING:
            return
        rollout = self._resources.get(ROLLOUT, names.rollout(name))
        outcome = Outcome(f"job {run.job_id} was terminated")
        jobs.end(self._resources, run, _RUNS.TERMINATED, outcome)
        _, job = jobs.find(rollout, run.phase_id, run.job_id)
        job.state = _JOBS.ABORTED
        if rollout.state == _STATES.IN_PROGRESS:
            self._progress.fail(rollout, outcome, run.phase_id, run.job_id)
        else:
            self._progress.save(rollout)

    def cancel(self, request: "pb.CancelRolloutRequest") -> AnyMessage:
        """`CancelRollout`: stops one that waits or is in progress.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (it has ended, or a deploy policy).
        """
        with self._store.transaction():
            rollout = self._resources.get(ROLLOUT, request.name)
            self._check_policy("CANCEL", rollout, request.override_deploy_policy)
            self._cancel(rollout)
        return pb.CancelRolloutResponse()

    def _cancel(self, rollout: "pb.Rollout") -> None:
        if rollout.state in _WAITING:
            self._end_cancelled(rollout)
            return
        if rollout.state != _STATES.IN_PROGRESS:
            raise _wrong_state(rollout, "cancelled", "IN_PROGRESS or waiting")
        rollout.state = _STATES.CANCELLING
        self._progress.save(rollout)
        for run in self._resources.list(JOB_RUN, parent=rollout.name):
            if run.state == _RUNS.IN_PROGRESS:
                run.state = _RUNS.TERMINATING
                self._resources.save(JOB_RUN, run)
                self._store.unschedule("job-run", run.name)
        for child in self._resources.list(ROLLOUT, parent=names.release(rollout.name)):
            if child.controller_rollout == rollout.name and child.state in {*_WAITING, _STATES.IN_PROGRESS}:
                self._cancel(child)
        self._store.schedule(self._resources.clock.now(), "cancel-rollout", rollout.name)

    def _end_cancellation(self, name: str) -> None:
        rollout = self._resources.find(ROLLOUT, name)
        if rollout is None or rollout.state != _STATES.CANCELLING:
            return
        for run in self._resources.list(JOB_RUN, parent=name):
            if run.state in {_RUNS.IN_PROGRESS, _RUNS.TERMINATING}:
                jobs.end(self._resources, run, _RUNS.TERMINATED, Outcome("the rollout was cancelled"))
        self._end_cancelled(rollout)

    def _end_cancelled(self, rollout: "pb.Rollout") -> None:
        for phase in rollout.phases:
            if phase.state in {_PHASES.PENDING, _PHASES.IN_PROGRESS}:
                phase.state = _PHASES.ABORTED
            for job in stages.jobs(phase):
                if job.state in {_JOBS.PENDING, _JOBS.IN_PROGRESS}:
                    job.state = _JOBS.ABORTED
        rollout.state = _STATES.CANCELLED
        rollout.deploy_end_time.FromDatetime(self._resources.clock.now())
        self._progress.save(rollout)
        self._progress.emit(Event("rollout-ended", rollout.name))
        self._progress.start_next(slot(rollout))

    def _check_policy(
        self, action: str, rollout: "pb.Rollout", overrides: Sequence[str], *, by_automation: bool = False
    ) -> None:
        pipeline = names.pipeline(rollout.name)
        self._policies.check(action, pipeline, rollout.target_id, overrides=overrides, by_automation=by_automation)


def _wrong_state(rollout: "pb.Rollout", done: str, wanted: str) -> ApiError:
    state = _STATES.Name(rollout.state)
    return failed_precondition(f"Rollout '{rollout.name}' is {state}: only one that is {wanted} can be {done}")
