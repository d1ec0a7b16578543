"""How rollouts get on by themselves: the queue of each target, phases, jobs, and what is told of them.

A slot (a pipeline's target) is held by one rollout at a time; the others wait in the order in which they were enqueued.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from msp.localcloud.deploy import jobs, names, stages
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.execution import Executor, Outcome
from msp.localcloud.deploy.resources import JOB_RUN, RELEASE, ROLLOUT, Resources, queue, slot, slot_state
from msp.localcloud.engine import Engine
from msp.localcloud.status import failed_precondition

_STATES = pb.Rollout.State
_PHASES = pb.Phase.State
_JOBS = pb.Job.State
_RUNS = pb.JobRun.State
_APPROVALS = pb.Rollout.ApprovalState


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


class Progress:
    """Carries rollouts through.

    Args:
        resources: Loads and saves rollouts, job runs and releases.
        engine: Ends their jobs after a while.
        executor: Runs their jobs.
        job_time: How long a job takes.
    """

    def __init__(self, resources: Resources, engine: Engine, executor: Executor, job_time: timedelta) -> None:
        self._resources = resources
        self._store = resources.store
        self._executor = executor
        self._job_time = job_time
        self.listeners: list[Callable[[Event], None]] = [self._tell_controller]
        """Called with what happened, in the transaction in which it did."""
        self.create_child: Callable[[pb.Rollout, str, str], str] = _no_children
        """Creates the rollout to a multi-target's child (controller, target, phase); returns its name."""
        engine.on("job-run", self._end_job_run)

    # The queue

    def leave_release(self, rollout: "pb.Rollout") -> None:
        """Has a rollout whose release is rendered wait for approval, or for its turn."""
        if rollout.approval_state == _APPROVALS.NEEDS_APPROVAL:
            rollout.state = _STATES.PENDING_APPROVAL
            self.save(rollout)
        else:
            self.enqueue(rollout)

    def enqueue(self, rollout: "pb.Rollout") -> None:
        """Has a rollout wait for its turn, which may be now."""
        rollout.state = _STATES.PENDING
        rollout.enqueue_time.FromDatetime(self._resources.clock.now())
        self.save(rollout)
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
        self.proceed(rollout, start_phase=True)
        return rollout

    def _next(self, where: str) -> "pb.Rollout | None":
        """The rollout whose turn it is in a slot that is free."""
        # One under repair holds its slot between two attempts.
        if repairing := self._resources.list(ROLLOUT, keys={"repairing": where}):
            return next((rollout for rollout in repairing if rollout.state == _STATES.PENDING), None)
        document = self._store.first(ROLLOUT.name, queue(where))
        return None if document is None else self._resources.parse(ROLLOUT, document.payload)

    # Phases and jobs

    def proceed(self, rollout: "pb.Rollout", *, start_phase: bool = False) -> None:
        """Starts what comes next in a rollout that is in progress, saves it, and tells."""
        phase = current_phase(rollout)
        if phase is not None and phase.state == _PHASES.PENDING and start_phase:
            phase.state = _PHASES.IN_PROGRESS
        if phase is None or phase.state != _PHASES.IN_PROGRESS:
            self.save(rollout)
            return
        open_jobs = [job for job in stages.jobs(phase) if job.state in {_JOBS.PENDING, _JOBS.IN_PROGRESS}]
        if open_jobs:
            # The children of a multi-target run beside each other; the jobs of a phase one after another.
            for job in open_jobs if phase.HasField("child_rollout_jobs") else open_jobs[:1]:
                if job.state == _JOBS.PENDING:
                    self._start_job(rollout, phase, job)
            self.save(rollout)
            return
        failed = next((job for job in stages.jobs(phase) if job.state == _JOBS.FAILED), None)
        if failed is not None:
            self.fail(rollout, Outcome(rollout.failure_reason), phase.id, failed.id)
            return
        phase.state = _PHASES.SUCCEEDED
        if current_phase(rollout) is not None:
            self.save(rollout)
            self.emit(Event("phase-succeeded", rollout.name, phase.id))
            return
        rollout.state = _STATES.SUCCEEDED
        rollout.deploy_end_time.FromDatetime(self._resources.clock.now())
        self.save(rollout)
        self.emit(Event("phase-succeeded", rollout.name, phase.id))
        self.emit(Event("rollout-succeeded", rollout.name, phase.id))
        self.start_next(slot(rollout))

    def _start_job(self, rollout: "pb.Rollout", phase: "pb.Phase", job: "pb.Job") -> None:
        run = jobs.begin(self._resources, rollout, phase, job)
        kind = jobs.kind(job)
        if kind == "create_child_rollout":
            child = self.create_child(rollout, job.id.removeprefix("create-rollout-"), phase.id)
            run.create_child_rollout_job_run.rollout = child
            run.create_child_rollout_job_run.rollout_phase_id = phase.id
            self._resources.save(JOB_RUN, run)
        elif kind == "advance_child_rollout":
            advanced = self._child(rollout, job.id.removeprefix("advance-rollout-"))
            run.advance_child_rollout_job_run.rollout = advanced.name
            run.advance_child_rollout_job_run.rollout_phase_id = phase.id
            self._resources.save(JOB_RUN, run)
            self.proceed(advanced, start_phase=True)
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
            self.proceed(rollout)
            self.emit(Event("job-succeeded", rollout.name, phase.id, job.id))
            return
        job.state = _JOBS.FAILED
        if any(other.state == _JOBS.IN_PROGRESS for other in stages.jobs(phase)):
            # The other children of a multi-target end first.
            rollout.failure_reason = outcome.failure
            self.save(rollout)
            return
        self.fail(rollout, outcome, phase.id, job.id)

    def fail(self, rollout: "pb.Rollout", outcome: Outcome, phase_id: str = "", job_id: str = "") -> None:
        """Ends a rollout as failed, and frees its slot."""
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
        self.save(rollout)
        if job_id:
            self.emit(Event("job-failed", rollout.name, phase_id, job_id))
        self.emit(Event("rollout-failed", rollout.name, phase_id, job_id))
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

    # Shared

    def set_repairing(self, name: str, run: str) -> None:
        """Notes which automation run repairs a rollout; with none, the slot is free for the next."""
        rollout = self._resources.find(ROLLOUT, name)
        if rollout is None:
            return
        rollout.active_repair_automation_run = run
        if run and run not in rollout.metadata.automation.repair_automation_runs:
            rollout.metadata.automation.repair_automation_runs.append(run)
        self.save(rollout)
        if not run:
            self.start_next(slot(rollout))

    def save(self, rollout: "pb.Rollout") -> None:
        """Saves a rollout."""
        self._resources.save(ROLLOUT, rollout)

    def emit(self, event: Event) -> None:
        """Tells everybody who listens."""
        for listener in self.listeners:
            listener(event)


def current_phase(rollout: "pb.Rollout") -> "pb.Phase | None":
    """The first phase that is neither done nor skipped."""
    for phase in rollout.phases:
        if phase.state not in {_PHASES.SUCCEEDED, _PHASES.SKIPPED}:
            found: pb.Phase = phase
            return found
    return None


def _no_children(controller: "pb.Rollout", target_id: str, phase_id: str) -> str:
    raise NotImplementedError(f"{controller.name}: {target_id}: {phase_id}")
