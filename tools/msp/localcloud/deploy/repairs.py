"""Repairs of failed rollouts by automations: retry after retry, then perhaps a rollback."""

from datetime import timedelta

from google.cloud.deploy_v1.types import BackoffMode, RepairState

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.actions import Actions
from msp.localcloud.deploy.automatic import Automatic
from msp.localcloud.deploy.progress import Event, Progress
from msp.localcloud.deploy.resources import AUTOMATION_RUN, ROLLOUT, Resources, slot, slot_state
from msp.localcloud.deploy.rollbacks import Rollbacks
from msp.localcloud.status import ApiError

_STATES = pb.AutomationRun.State


class Repairs:
    """Carries out `repairRolloutRule`.

    Args:
        resources: Loads rollouts, and saves automation runs.
        progress: Holds and frees the target.
        actions: Retries jobs.
        rollbacks: Rolls back.
        automatic: Has it done as the service account of the run.
    """

    def __init__(
        self,
        resources: Resources,
        progress: Progress,
        actions: Actions,
        rollbacks: Rollbacks,
        automatic: Automatic,
    ) -> None:
        self._resources = resources
        self._progress = progress
        self._actions = actions
        self._rollbacks = rollbacks
        self._automatic = automatic

    def begin(self, run: "pb.AutomationRun", rule: "pb.RepairRolloutRule", event: Event) -> None:
        """Begins a new run, whose rollout's job just failed."""
        operation = run.repair_rollout_operation
        operation.rollout, operation.phase_id, operation.job_id = event.rollout, event.phase_id, event.job_id
        for config in rule.repair_phases:
            phase = operation.repair_phases.add()
            if config.HasField("retry"):
                phase.retry.total_attempts = config.retry.attempts
                phase.retry.backoff_mode = config.retry.backoff_mode or BackoffMode.BACKOFF_MODE_LINEAR
            else:
                phase.rollback.destination_phase = config.rollback.destination_phase
                phase.rollback.disable_rollback_if_rollout_pending = config.rollback.disable_rollback_if_rollout_pending
                phase.rollback.state = RepairState.REPAIR_STATE_PENDING
        run.state = _STATES.IN_PROGRESS
        self._resources.create(AUTOMATION_RUN, run)
        self._progress.set_repairing(event.rollout, run.name)
        self._plan(run)

    def observe(self, event: Event, rollout: "pb.Rollout") -> None:
        """Takes note of what became of the last attempt."""
        run = self._resources.find(AUTOMATION_RUN, rollout.active_repair_automation_run)
        if run is None or run.state != _STATES.IN_PROGRESS:
            return
        operation = run.repair_rollout_operation
        ours = (event.phase_id, event.job_id) == (operation.phase_id, operation.job_id)
        phase = operation.repair_phases[operation.current_repair_phase_index]
        if event.kind == "rollout-ended":
            self._end_as(run, _STATES.ABORTED, "the rollout was cancelled")
        elif not ours or not phase.HasField("retry") or not phase.retry.attempts:
            if event.kind == "rollout-failed" and not ours:
                self._end_as(run, _STATES.FAILED, f"job {event.job_id} of phase {event.phase_id} failed then")
        elif event.kind == "job-succeeded":
            phase.retry.attempts[-1].state = RepairState.REPAIR_STATE_SUCCEEDED
            self._end_as(run, _STATES.SUCCEEDED, "")
        elif event.kind == "job-failed":
            phase.retry.attempts[-1].state = RepairState.REPAIR_STATE_FAILED
            phase.retry.attempts[-1].state_desc = rollout.failure_reason
            self._plan(run)

    def _plan(self, run: "pb.AutomationRun") -> None:
        """Decides what to try next and when, and saves the run."""
        operation = run.repair_rollout_operation
        wait = timedelta(0)
        while True:
            if operation.current_repair_phase_index >= len(operation.repair_phases):
                operation.current_repair_phase_index = len(operation.repair_phases) - 1
                self._end_as(run, _STATES.FAILED, "every repair that the rule allows was tried")
                return
            phase = operation.repair_phases[operation.current_repair_phase_index]
            if phase.HasField("rollback"):
                break
            if len(phase.retry.attempts) < phase.retry.total_attempts:
                number = len(phase.retry.attempts) + 1
                wait = self._wait(run, phase.retry.backoff_mode, number)
                attempt = phase.retry.attempts.add(attempt=number, state=RepairState.REPAIR_STATE_PENDING)
                attempt.wait.FromTimedelta(wait)
                break
            operation.current_repair_phase_index += 1
        until = self._resources.clock.now() + wait
        run.wait_until_time.FromDatetime(until)
        self._resources.save(AUTOMATION_RUN, run)
        self._resources.store.schedule(until, "automation-run", run.name)

    def _wait(self, run: "pb.AutomationRun", backoff: int, number: int) -> timedelta:
        """The n-th wait: always as long as the first (linear), or doubling each time (exponential)."""
        rules = [rule.repair_rollout_rule for rule in run.automation_snapshot.rules]
        rule = next(rule for rule in rules if rule.id == run.rule_id)
        first: timedelta = rule.repair_phases[
            run.repair_rollout_operation.current_repair_phase_index
        ].retry.wait.ToTimedelta()
        return first * 2 ** (number - 1) if backoff == BackoffMode.BACKOFF_MODE_EXPONENTIAL else first

    def attempt(self, run: "pb.AutomationRun") -> None:
        """Tries what was planned."""
        operation = run.repair_rollout_operation
        phase = operation.repair_phases[operation.current_repair_phase_index]
        if phase.HasField("rollback"):
            self._roll_back(run, phase.rollback)
            return
        attempt = phase.retry.attempts[-1]
        attempt.state = RepairState.REPAIR_STATE_IN_PROGRESS
        self._resources.save(AUTOMATION_RUN, run)
        request = pb.RetryJobRequest(rollout=operation.rollout, phase_id=operation.phase_id, job_id=operation.job_id)
        self._automatic.do(run, "RetryJob", request, lambda: self._actions.retry_job(request, by_automation=True))

    def _roll_back(self, run: "pb.AutomationRun", rollback: "pb.RollbackAttempt") -> None:
        rollout = self._resources.get(ROLLOUT, run.repair_rollout_operation.rollout)
        pending = slot_state(slot(rollout), pb.Rollout.State.PENDING)
        if rollback.disable_rollback_if_rollout_pending and self._resources.list(ROLLOUT, keys=pending, limit=1):
            rollback.state, rollback.state_desc = (
                RepairState.REPAIR_STATE_ABORTED,
                "another rollout waits for the target",
            )
            self._end_as(run, _STATES.ABORTED, rollback.state_desc)
            return
        try:
            with self._resources.store.transaction():
                request = pb.RollbackTargetRequest(
                    name=names.pipeline(rollout.name),
                    target_id=rollout.target_id,
                    rollout_to_roll_back=rollout.name,
                )
                created = self._automatic.do(
                    run,
                    "RollbackTarget",
                    request,
                    lambda: self._rollbacks.repair(rollout, rollback.destination_phase),
                )
        except ApiError as error:
            rollback.state, rollback.state_desc = RepairState.REPAIR_STATE_FAILED, error.message
            self._end_as(run, _STATES.FAILED, error.message)
            return
        rollback.state = RepairState.REPAIR_STATE_SUCCEEDED
        rollback.rollout_id = created.name.rpartition("/")[2]
        self._end_as(run, _STATES.SUCCEEDED, "")

    def _end_as(self, run: "pb.AutomationRun", state: int, description: str) -> None:
        run.state, run.state_description = state, description
        self.end(run)

    def end(self, run: "pb.AutomationRun") -> None:
        """Saves a run that has ended, and frees its rollout's slot."""
        self._resources.save(AUTOMATION_RUN, run)
        self._progress.set_repairing(run.repair_rollout_operation.rollout, "")
