"""Rollouts: the state machine of one deployment to one target.

PENDING_RELEASE → PENDING_APPROVAL → PENDING → IN_PROGRESS → SUCCEEDED | FAILED, and CANCELLING → CANCELLED on the way.
A slot (a pipeline's target) is held by one rollout at a time; the others wait in the order in which they were enqueued.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from msp.localcloud.deploy import jobs, names, stages, validation
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.execution import Executor, Outcome
from msp.localcloud.deploy.policies import Policies
from msp.localcloud.deploy.resources import (
    JOB_RUN,
    PIPELINE,
    RELEASE,
    ROLLOUT,
    Resources,
    queue,
    slot,
    slot_of,
    slot_state,
)
from msp.localcloud.engine import Engine
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code, failed_precondition, invalid

_STATES = pb.Rollout.State
_PHASES = pb.Phase.State
_JOBS = pb.Job.State
_RUNS = pb.JobRun.State
_APPROVALS = pb.Rollout.ApprovalState
_WAITING = (_STATES.PENDING_RELEASE, _STATES.PENDING_APPROVAL, _STATES.PENDING)


@dataclass(frozen=True)
class Origin:
    """Why a rollout is created, where it isn't simply asked for.

    Attributes:
        action: What deploy policies call it: `CREATE` or `ROLLBACK`.
        by_automation: Whether an automation does it.
        promote_run: The automation run that promotes.
        rollback_of: The rollout that is rolled back.
        controller: The rollout to a multi-target that this is a child of.
    """

    action: str = "CREATE"
    by_automation: bool = False
    promote_run: str = ""
    rollback_of: str = ""
    controller: str = ""


ASKED = Origin()


@dataclass(frozen=True)
class Event:
    """Something that happened to a rollout and was saved.

    Attributes:
        kind: What.
        rollout: The rollout's name.
        phase_id: The phase it happened in, if it did in one.
        job_id: The job it happened to, if it did to one.
    """

    kind: Literal[
        "job-succeeded", "job-failed", "phase-succeeded", "rollout-succeeded", "rollout-failed", "rollout-ended"
    ]
    rollout: str
    phase_id: str = ""
    job_id: str = ""


class Rollouts:
    """Creates rollouts and carries them through.

    Args:
        resources: Where they are.
        engine: Ends their jobs after a while.
        executor: Runs their jobs.
        policies: Asked before each action.
        job_time: How long a job takes.
    """

    def __init__(
        self, resources: Resources, engine: Engine, executor: Executor, policies: Policies, job_time: timedelta
    ) -> None:
        self._resources = resources
        self._store = resources.store
        self._executor = executor
        self._policies = policies
        self._job_time = job_time
        self.listeners: list[Callable[[Event], None]] = [self._tell_controller]
        """Called with what happened, in the transaction in which it did."""
        engine.on("job-run", self._end_job_run)
        engine.on("terminate-job-run", self._end_termination)
        engine.on("cancel-rollout", self._end_cancellation)

    # Creation

    def create(self, request: "pb.CreateRolloutRequest", origin: Origin = ASKED) -> "pb.Rollout":
        """`CreateRollout`.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `NOT_FOUND` (the release), `ALREADY_EXISTS`, `FAILED_PRECONDITION` (pipeline
                suspended, release abandoned or failed, no such stage, a deploy policy).
        """
        rollout_id = names.check_id("rollout_id", request.rollout_id)
        name = f"{request.parent}/rollouts/{rollout_id}"
        given = request.rollout
        if given.name and given.name != name:
            raise invalid("rollout.name", f"{given.name!r} is not {name!r}, as parent and id say")
        if not given.target_id:
            raise invalid("rollout.target_id", "is required")
        validation.common("rollout", given)
        release = self._resources.get(RELEASE, request.parent)
        self._check_may_deploy(release, given.target_id, origin)
        self._policies.check(
            origin.action,
            names.pipeline(name),
            given.target_id,
            overrides=request.override_deploy_policy,
            by_automation=origin.by_automation,
        )
        rollout = self._new(name, release, request, origin)
        self._resources.create(ROLLOUT, rollout)
        if release.render_state == pb.Release.RenderState.SUCCEEDED:
            self._leave_release(rollout)
        return rollout

    def _check_may_deploy(self, release: "pb.Release", target_id: str, origin: Origin) -> None:
        pipeline = self._resources.get(PIPELINE, names.pipeline(release.name))
        if pipeline.suspended:
            raise failed_precondition(f"DeliveryPipeline '{pipeline.name}' is suspended: no rollout can be created")
        if release.abandoned:
            raise failed_precondition(f"Release '{release.name}' is abandoned: no rollout can be created from it")
        if release.render_state == pb.Release.RenderState.FAILED:
            reasons = sorted({render.failure_message for render in release.target_renders.values()} - {""})
            raise failed_precondition(f"Release '{release.name}' failed to render: {'; '.join(reasons)}")
        stage = stages.stage(release, target_id)
        if stage.target_id != target_id and not origin.controller:
            raise failed_precondition(
                f"target {target_id!r} is a child of {stage.target_id!r}: create a rollout to that one"
            )

    def _new(
        self, name: str, release: "pb.Release", request: "pb.CreateRolloutRequest", origin: Origin
    ) -> "pb.Rollout":
        given = request.rollout
        target = stages.target(release, given.target_id)
        strategy = stages.stage(release, given.target_id).strategy
        rollout = pb.Rollout(
            name=name,
            description=given.description,
            annotations=given.annotations,
            labels=given.labels,
            target_id=given.target_id,
            state=_STATES.PENDING_RELEASE,
            rollback_of_rollout=origin.rollback_of,
            controller_rollout=origin.controller,
        )
        if origin.promote_run:
            rollout.metadata.automation.promote_automation_run = origin.promote_run
        needs_approval = target.require_approval and not origin.controller
        rollout.approval_state = _APPROVALS.NEEDS_APPROVAL if needs_approval else _APPROVALS.DOES_NOT_NEED_APPROVAL
        children = list(target.multi_target.target_ids)
        own = stages.phases(strategy)
        start, message = self._start(rollout, [phase.id for phase in own], children, request.starting_phase_id)
        rollout.phases.extend(stages.child_phases(own, children, start) if children else own)
        for phase in rollout.phases[:start]:
            phase.state, phase.skip_message = _PHASES.SKIPPED, message
            for job in stages.jobs(phase):
                job.state = _JOBS.SKIPPED
        return rollout

    def _start(
        self, rollout: "pb.Rollout", ids: Sequence[str], children: Sequence[str], starting_phase_id: str
    ) -> tuple[int, str]:
        """The number of the phase to start with, and why those before it are skipped."""
        message = "A later phase was asked for to start with"
        slots = [slot_of(names.pipeline(rollout.name), child) for child in children] or [slot(rollout)]
        if not starting_phase_id and not any(self._store.get("running", each) for each in slots):
            # A canary shares traffic with what runs already: the first rollout to a target goes straight to stable.
            starting_phase_id, message = "stable", "Nothing was deployed to the target before"
        if starting_phase_id and starting_phase_id not in ids:
            raise invalid("starting_phase_id", f"{starting_phase_id!r} is none of the phases {', '.join(ids)}")
        return (ids.index(starting_phase_id) if starting_phase_id else 0), message

    def release_changed(self, release: "pb.Release") -> None:
        """Carries on with the rollouts that wait for a release, now that it was rendered or abandoned."""
        waiting = self._resources.list(ROLLOUT, parent=release.name, oldest_first=True)
        causes = pb.Rollout.FailureCause
        for rollout in waiting:
            if rollout.state != _STATES.PENDING_RELEASE:
                continue
            if release.abandoned:
                self._fail(rollout, Outcome("the release was abandoned", causes.Name(causes.RELEASE_ABANDONED)))
            elif release.render_state == pb.Release.RenderState.FAILED:
                self._fail(rollout, Outcome("the release failed to render", causes.Name(causes.RELEASE_FAILED)))
            else:
                self._leave_release(rollout)

    def _leave_release(self, rollout: "pb.Rollout") -> None:
        if rollout.approval_state == _APPROVALS.NEEDS_APPROVAL:
            rollout.state = _STATES.PENDING_APPROVAL
            self._save(rollout)
        else:
            self._enqueue(rollout)

    # The queue

    def _enqueue(self, rollout: "pb.Rollout") -> None:
        rollout.state = _STATES.PENDING
        rollout.enqueue_time.FromDatetime(self._resources.clock.now())
        self._save(rollout)
        started = self.start_next(slot(rollout))
        if started is not None and started.name == rollout.name:
            rollout.CopyFrom(started)

    def start_next(self, where: str) -> "pb.Rollout | None":
        """Starts the rollout that waits longest for a slot, if nothing holds it; returns the started one."""
        for state in (_STATES.IN_PROGRESS, _STATES.CANCELLING):
            if self._resources.list(ROLLOUT, keys=slot_state(where, state), limit=1):
                return None
        rollout = self._next(where)
        if rollout is None:
            return None
        rollout.state = _STATES.IN_PROGRESS
        rollout.deploy_start_time.FromDatetime(self._resources.clock.now())
        rollout.deploying_build = f"{names.location(rollout.name)}/builds/{self._resources.token()}"
        self._proceed(rollout, start_phase=True)
        return rollout

    def _next(self, where: str) -> "pb.Rollout | None":
        """The rollout whose turn it is in a slot that is free."""
        # One under repair holds its slot between two attempts.
        if repairing := self._resources.list(ROLLOUT, keys={"repairing": where}):
            return next((rollout for rollout in repairing if rollout.state == _STATES.PENDING), None)
        document = self._store.first(ROLLOUT.name, queue(where))
        return None if document is None else self._resources.parse(ROLLOUT, document.payload)

    # Phases and jobs

    def _proceed(self, rollout: "pb.Rollout", *, start_phase: bool = False) -> None:
        """Starts what comes next in a rollout that is in progress, saves it, and tells."""
        phase = _current(rollout)
        if phase is not None and phase.state == _PHASES.PENDING and start_phase:
            phase.state = _PHASES.IN_PROGRESS
        if phase is None or phase.state != _PHASES.IN_PROGRESS:
            self._save(rollout)
            return
        open_jobs = [job for job in stages.jobs(phase) if job.state in {_JOBS.PENDING, _JOBS.IN_PROGRESS}]
        if open_jobs:
            # The children of a multi-target run beside each other; the jobs of a phase one after another.
            for job in open_jobs if phase.HasField("child_rollout_jobs") else open_jobs[:1]:
                if job.state == _JOBS.PENDING:
                    self._start_job(rollout, phase, job)
            self._save(rollout)
            return
        failed = next((job for job in stages.jobs(phase) if job.state == _JOBS.FAILED), None)
        if failed is not None:
            self._fail(rollout, Outcome(rollout.failure_reason), phase.id, failed.id)
            return
        phase.state = _PHASES.SUCCEEDED
        if _current(rollout) is not None:
            self._save(rollout)
            self._emit(Event("phase-succeeded", rollout.name, phase.id))
            return
        rollout.state = _STATES.SUCCEEDED
        rollout.deploy_end_time.FromDatetime(self._resources.clock.now())
        self._save(rollout)
        self._emit(Event("phase-succeeded", rollout.name, phase.id))
        self._emit(Event("rollout-succeeded", rollout.name, phase.id))
        self.start_next(slot(rollout))

    def _start_job(self, rollout: "pb.Rollout", phase: "pb.Phase", job: "pb.Job") -> None:
        run = jobs.begin(self._resources, rollout, phase, job)
        kind = jobs.kind(job)
        if kind == "create_child_rollout":
            child_id = job.id.removeprefix("create-rollout-")
            release = names.release(rollout.name)
            child_rollout_id = self.free_id(release, child_id)
            request = pb.CreateRolloutRequest(
                parent=release,
                rollout_id=child_rollout_id,
                rollout=pb.Rollout(target_id=child_id),
                starting_phase_id=phase.id,
            )
            run.create_child_rollout_job_run.rollout = f"{release}/rollouts/{child_rollout_id}"
            run.create_child_rollout_job_run.rollout_phase_id = phase.id
            self._resources.save(JOB_RUN, run)
            self.create(request, Origin(by_automation=True, controller=rollout.name))
        elif kind == "advance_child_rollout":
            child = self._child(rollout, job.id.removeprefix("advance-rollout-"))
            run.advance_child_rollout_job_run.rollout = child.name
            run.advance_child_rollout_job_run.rollout_phase_id = phase.id
            self._resources.save(JOB_RUN, run)
            self._proceed(child, start_phase=True)
        else:
            self._store.schedule(self._resources.clock.now() + self._job_time, "job-run", run.name)

    def _end_job_run(self, name: str) -> None:
        """Ends a job run; a task of the engine."""
        run = self._resources.find(JOB_RUN, name)
        if run is None or run.state != _RUNS.IN_PROGRESS:
            return
        rollout = self._resources.get(ROLLOUT, names.rollout(name))
        release = self._resources.get(RELEASE, names.release(name))
        _, job = jobs.find(rollout, run.phase_id, run.job_id)
        self._finish_job(run, rollout, self._executor.run(jobs.kind(job), release, rollout))

    def _finish_job(self, run: "pb.JobRun", rollout: "pb.Rollout", outcome: Outcome) -> None:
        release = self._resources.get(RELEASE, names.release(rollout.name))
        artifact = release.target_artifacts[rollout.target_id].artifact_uri
        jobs.end(self._resources, run, _RUNS.FAILED if outcome.failure else _RUNS.SUCCEEDED, outcome, artifact)
        phase, job = jobs.find(rollout, run.phase_id, run.job_id)
        if not outcome.failure:
            job.state = _JOBS.SUCCEEDED
            if outcome.values:
                rollout.metadata.custom.values.update(outcome.values)
            self._proceed(rollout)
            self._emit(Event("job-succeeded", rollout.name, phase.id, job.id))
            return
        job.state = _JOBS.FAILED
        if any(other.state == _JOBS.IN_PROGRESS for other in stages.jobs(phase)):
            # The other children of a multi-target end first.
            rollout.failure_reason = outcome.failure
            self._save(rollout)
            return
        self._fail(rollout, outcome, phase.id, job.id)

    def _fail(self, rollout: "pb.Rollout", outcome: Outcome, phase_id: str = "", job_id: str = "") -> None:
        for phase in rollout.phases:
            if phase.state not in {_PHASES.SUCCEEDED, _PHASES.SKIPPED}:
                phase.state = _PHASES.FAILED if phase.id == phase_id else _PHASES.ABORTED
                for job in stages.jobs(phase):
                    if job.state == _JOBS.PENDING:
                        job.state = _JOBS.ABORTED
        rollout.state = _STATES.FAILED
        rollout.failure_reason = outcome.failure
        causes = pb.Rollout.FailureCause
        known = outcome.cause in rollout.FailureCause.DESCRIPTOR.values_by_name
        rollout.deploy_failure_cause = causes.Value(outcome.cause if known else "EXECUTION_FAILED")
        rollout.deploy_end_time.FromDatetime(self._resources.clock.now())
        self._save(rollout)
        if job_id:
            self._emit(Event("job-failed", rollout.name, phase_id, job_id))
        self._emit(Event("rollout-failed", rollout.name, phase_id, job_id))
        self.start_next(slot(rollout))

    # Children of a multi-target

    def _tell_controller(self, event: Event) -> None:
        """Ends the controller's job whose child rollout came to the end of a phase, or to its own end."""
        child = self._resources.find(ROLLOUT, event.rollout)
        if child is None or not child.controller_rollout:
            return
        outcome = {
            "phase-succeeded": Outcome(),
            "rollout-failed": Outcome(f"child rollout {names.last(child.name)} failed: {child.failure_reason}"),
            "rollout-ended": Outcome(f"child rollout {names.last(child.name)} was cancelled"),
        }.get(event.kind)
        controller = self._resources.find(ROLLOUT, child.controller_rollout)
        if outcome is None or controller is None:
            return
        for run in self._resources.list(JOB_RUN, parent=controller.name):
            body: Any = getattr(run, run.WhichOneof("job_run"))
            if run.state == _RUNS.IN_PROGRESS and getattr(body, "rollout", "") == child.name:
                self._finish_job(run, controller, outcome)

    def _child(self, rollout: "pb.Rollout", target_id: str) -> "pb.Rollout":
        siblings = self._resources.list(ROLLOUT, parent=names.release(rollout.name), keys={"targetId": target_id})
        for child in siblings:
            if child.controller_rollout == rollout.name:
                found: pb.Rollout = child
                return found
        raise failed_precondition(f"Rollout '{rollout.name}' has no child rollout in target {target_id!r}")

    def free_id(self, release: str, target_id: str) -> str:
        """The first id in gcloud's way of naming rollouts that no rollout of the release has."""
        taken = {names.last(document.name) for document in self._store.list(ROLLOUT.name, parent=release)}
        for number in range(1, 10_000):
            suffix = f"-to-{target_id}-{number:04d}"
            # gcloud never shortens, and then is refused; ids have 63 characters at most.
            rollout_id = f"{names.last(release)[: max(63 - len(suffix), 1)]}{suffix}"[:63]
            if rollout_id not in taken:
                return rollout_id
        raise ApiError(Code.RESOURCE_EXHAUSTED, f"Release '{release}' has too many rollouts")

    # What users ask of a rollout

    def approve(self, request: "pb.ApproveRolloutRequest") -> AnyMessage:
        """`ApproveRollout`: approves, or rejects for good.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (it needs no approval now, or a deploy policy).
        """
        with self._store.transaction():
            rollout = self._resources.get(ROLLOUT, request.name)
            if rollout.state != _STATES.PENDING_APPROVAL:
                raise _wrong_state(rollout, "approved or rejected", "PENDING_APPROVAL")
            self._check_policy("APPROVE", rollout, request.override_deploy_policy)
            rollout.approve_time.FromDatetime(self._resources.clock.now())
            if request.approved:
                rollout.approval_state = _APPROVALS.APPROVED
                self._enqueue(rollout)
            else:
                rollout.approval_state = _APPROVALS.REJECTED
                rollout.state = _STATES.APPROVAL_REJECTED
                self._save(rollout)
                self._emit(Event("rollout-ended", rollout.name))
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
            phase = _current(rollout)
            if phase is None or phase.state != _PHASES.PENDING:
                raise failed_precondition(f"Rollout '{rollout.name}' is in the middle of a phase")
            if request.phase_id != phase.id:
                raise failed_precondition(
                    f"Rollout '{rollout.name}' can be advanced to phase {phase.id!r} only, not {request.phase_id!r}"
                )
            self._check_policy("ADVANCE", rollout, request.override_deploy_policy, by_automation=by_automation)
            self._proceed(rollout, start_phase=True)
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
            self._enqueue(rollout)

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
            self._fail(rollout, outcome, run.phase_id, run.job_id)
        else:
            self._save(rollout)

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
        self._save(rollout)
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
        self._save(rollout)
        self._emit(Event("rollout-ended", rollout.name))
        self.start_next(slot(rollout))

    # Shared

    def set_repairing(self, name: str, run: str) -> None:
        """Notes which automation run repairs a rollout; with none, the slot is free for the next."""
        rollout = self._resources.find(ROLLOUT, name)
        if rollout is None:
            return
        rollout.active_repair_automation_run = run
        if run and run not in rollout.metadata.automation.repair_automation_runs:
            rollout.metadata.automation.repair_automation_runs.append(run)
        self._save(rollout)
        if not run:
            self.start_next(slot(rollout))

    def _check_policy(
        self, action: str, rollout: "pb.Rollout", overrides: Sequence[str], *, by_automation: bool = False
    ) -> None:
        pipeline = names.pipeline(rollout.name)
        self._policies.check(action, pipeline, rollout.target_id, overrides=overrides, by_automation=by_automation)

    def _save(self, rollout: "pb.Rollout") -> None:
        self._resources.save(ROLLOUT, rollout)

    def _emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


def _current(rollout: "pb.Rollout") -> "pb.Phase | None":
    """The first phase that is neither done nor skipped."""
    for phase in rollout.phases:
        if phase.state not in {_PHASES.SUCCEEDED, _PHASES.SKIPPED}:
            found: pb.Phase = phase
            return found
    return None


def _wrong_state(rollout: "pb.Rollout", done: str, wanted: str) -> ApiError:
    state = _STATES.Name(rollout.state)
    return failed_precondition(f"Rollout '{rollout.name}' is {state}: only one that is {wanted} can be {done}")
