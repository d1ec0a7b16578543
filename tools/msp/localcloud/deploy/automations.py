"""Automations: what is to be done when a rollout succeeds, ends a phase, or fails; and the runs that do it."""

from datetime import timedelta

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names, stages
from msp.localcloud.deploy.actions import Actions
from msp.localcloud.deploy.automatic import Automatic
from msp.localcloud.deploy.policies import PolicyError, selected
from msp.localcloud.deploy.progress import Event, Progress
from msp.localcloud.deploy.repairs import Repairs
from msp.localcloud.deploy.resources import AUTOMATION, AUTOMATION_RUN, RELEASE, ROLLOUT, TARGET, Resources
from msp.localcloud.deploy.rollouts import Origin, Rollouts
from msp.localcloud.engine import Engine
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, failed_precondition

_STATES = pb.AutomationRun.State
_EXPIRES_AFTER = timedelta(days=14)


class Automations:
    """Runs the automations of pipelines.

    Args:
        resources: Loads automations, and saves automation runs.
        engine: Wakes runs that wait.
        progress: Tells what happens to rollouts.
        rollouts: Creates what is promoted.
        actions: Advances.
        repairs: Carries out `repairRolloutRule`.
        automatic: Does what runs do, as their service account.
    """

    def __init__(
        self,
        resources: Resources,
        engine: Engine,
        *,
        progress: Progress,
        rollouts: Rollouts,
        actions: Actions,
        repairs: Repairs,
        automatic: Automatic,
    ) -> None:
        self._resources = resources
        self._rollouts = rollouts
        self._actions = actions
        self._repairs = repairs
        self._automatic = automatic
        progress.listeners.append(self._observe)
        engine.on("automation-run", self._wake)

    def _observe(self, event: Event) -> None:
        """Begins the runs that an event calls for."""
        rollout = self._resources.find(ROLLOUT, event.rollout)
        if rollout is None or rollout.controller_rollout:
            return
        if rollout.active_repair_automation_run:
            self._repairs.observe(event, rollout)
            return
        kind = {
            "rollout-succeeded": "promote_release_rule",
            "phase-succeeded": "advance_rollout_rule",
            "job-failed": "repair_rollout_rule",
        }.get(event.kind)
        if kind is None:
            return
        for automation in self._resources.list(AUTOMATION, parent=names.pipeline(rollout.name), oldest_first=True):
            if automation.suspended or not selects(self._resources, automation, rollout.target_id):
                continue
            for rule in automation.rules:
                if rule.WhichOneof("rule") == kind and self._begin(automation, rule, event, rollout):
                    return

    def _begin(
        self, automation: "pb.Automation", rule: "pb.AutomationRule", event: Event, rollout: "pb.Rollout"
    ) -> bool:
        """Begins a run by a rule, if the rule is for the event; tells whether no other rule shall have it."""
        which = rule.WhichOneof("rule")
        if which == "promote_release_rule":
            self._begin_promotion(automation, rule.promote_release_rule, rollout)
        elif which == "advance_rollout_rule":
            return self._begin_advance(automation, rule.advance_rollout_rule, event, rollout)
        else:
            own = rule.repair_rollout_rule
            if (not own.phases or event.phase_id in own.phases) and (not own.jobs or event.job_id in own.jobs):
                run = self._new_run(automation, own.id, rollout)
                self._repairs.begin(run, own, event)
                return True
        return False

    def _begin_promotion(
        self, automation: "pb.Automation", rule: "pb.PromoteReleaseRule", rollout: "pb.Rollout"
    ) -> None:
        release = self._resources.get(RELEASE, names.release(rollout.name))
        destination: str | None = rule.destination_target_id
        if destination in {"", "@next"}:
            destination = stages.following(release, rollout.target_id)
        # What was rolled back to has been promoted in its time.
        if destination is None or rollout.rollback_of_rollout:
            return
        run = self._new_run(automation, rule.id, rollout)
        operation = run.promote_release_operation
        operation.target_id, operation.rollout, operation.phase = destination, rollout.name, rule.destination_phase
        operation.wait.CopyFrom(rule.wait)
        self._wait(run, rule.wait.ToTimedelta())

    def begin_timed_promotion(
        self,
        automation: "pb.Automation",
        rule: "pb.TimedPromoteReleaseRule",
        rollout: "pb.Rollout",
        destination: str,
    ) -> None:
        """Begins a run that promotes what a rollout has put into its target.

        Args:
            automation: Whose rule it is.
            rule: Its time has come.
            rollout: The rollout whose release is promoted.
            destination: The id of the target that it is promoted to.
        """
        run = self._new_run(automation, rule.id, rollout)
        operation = run.timed_promote_release_operation
        operation.target_id, operation.release = destination, names.release(rollout.name)
        operation.phase = rule.destination_phase
        self._wait(run, timedelta(0))

    def _begin_advance(
        self, automation: "pb.Automation", rule: "pb.AdvanceRolloutRule", event: Event, rollout: "pb.Rollout"
    ) -> bool:
        following = next((phase.id for phase in rollout.phases if phase.state == pb.Phase.State.PENDING), None)
        if following is None or (rule.source_phases and event.phase_id not in rule.source_phases):
            return False
        run = self._new_run(automation, rule.id, rollout)
        operation = run.advance_rollout_operation
        operation.source_phase, operation.destination_phase = event.phase_id, following
        operation.rollout = rollout.name
        operation.wait.CopyFrom(rule.wait)
        rollout.metadata.automation.advance_automation_runs.append(run.name)
        self._resources.save(ROLLOUT, rollout)
        self._wait(run, rule.wait.ToTimedelta())
        return True

    def _new_run(self, automation: "pb.Automation", rule_id: str, rollout: "pb.Rollout") -> "pb.AutomationRun":
        run: pb.AutomationRun = pb.AutomationRun(
            name=f"{names.pipeline(rollout.name)}/automationRuns/{self._resources.token()}",
            service_account=automation.service_account,
            automation_snapshot=automation,
            automation_id=names.last(automation.name),
            rule_id=rule_id,
            target_id=rollout.target_id,
            state=_STATES.PENDING,
        )
        run.expire_time.FromDatetime(self._resources.clock.now() + _EXPIRES_AFTER)
        return run

    def _wait(self, run: "pb.AutomationRun", wait: timedelta) -> None:
        until = self._resources.clock.now() + wait
        run.wait_until_time.FromDatetime(until)
        self._resources.create(AUTOMATION_RUN, run)
        self._resources.store.schedule(until, "automation-run", run.name)

    def _wake(self, name: str) -> None:
        """Does what a run has waited to do; a task of the engine."""
        run = self._resources.find(AUTOMATION_RUN, name)
        if run is None or run.state not in {_STATES.PENDING, _STATES.IN_PROGRESS}:
            return
        automation = self._resources.find(AUTOMATION, run.automation_snapshot.name)
        if automation is None or automation.suspended:
            gone = "deleted" if automation is None else "suspended"
            self._end(run, _STATES.ABORTED, f"the automation was {gone}")
            return
        operation = run.WhichOneof("operation")
        try:
            with self._resources.store.transaction():
                if operation == "repair_rollout_operation":
                    self._repairs.attempt(run)
                    return
                description = self._advance(run) if operation == "advance_rollout_operation" else self._promote(run)
        except ApiError as error:
            if isinstance(error, PolicyError):
                run.policy_violation.CopyFrom(error.violation)
            self._end(run, _STATES.FAILED, error.message)
            return
        self._end(run, _STATES.ABORTED if description else _STATES.SUCCEEDED, description)

    def _promote(self, run: "pb.AutomationRun") -> str:
        operation = getattr(run, run.WhichOneof("operation"))
        timed = run.HasField("timed_promote_release_operation")
        release = operation.release if timed else names.release(operation.rollout)
        stopped = {pb.Rollout.State.FAILED, pb.Rollout.State.CANCELLED, pb.Rollout.State.APPROVAL_REJECTED}
        for rollout in self._resources.list(ROLLOUT, parent=release, keys={"targetId": operation.target_id}):
            if rollout.state not in stopped:
                return f"the release was promoted to {operation.target_id} already, by {rollout.name}"
        request = pb.CreateRolloutRequest(
            parent=release,
            rollout_id=self._rollouts.free_id(release, operation.target_id),
            starting_phase_id=operation.phase,
        )
        request.rollout.target_id = operation.target_id
        origin = Origin(by_automation=True, promote_run=run.name)
        self._automatic.do(run, "CreateRollout", request, lambda: self._rollouts.create(request, origin))
        return ""

    def _advance(self, run: "pb.AutomationRun") -> str:
        operation = run.advance_rollout_operation
        request = pb.AdvanceRolloutRequest(name=operation.rollout, phase_id=operation.destination_phase)
        self._automatic.do(run, "AdvanceRollout", request, lambda: self._actions.advance(request, by_automation=True))
        return ""

    def _end(self, run: "pb.AutomationRun", state: int, description: str) -> None:
        run.state, run.state_description = state, description
        if run.HasField("repair_rollout_operation"):
            self._repairs.end(run)
        else:
            self._resources.save(AUTOMATION_RUN, run)

    def cancel(self, request: "pb.CancelAutomationRunRequest") -> AnyMessage:
        """`CancelAutomationRun`.

        Raises:
            ApiError: `NOT_FOUND`, `FAILED_PRECONDITION` (it has ended).
        """
        with self._resources.store.transaction():
            run = self._resources.get(AUTOMATION_RUN, request.name)
            if run.state not in {_STATES.PENDING, _STATES.IN_PROGRESS}:
                state = _STATES.Name(run.state)
                raise failed_precondition(f"AutomationRun '{run.name}' is {state}: only one under way can be cancelled")
            self._resources.store.unschedule("automation-run", run.name)
            self._end(run, _STATES.CANCELLED, "cancelled by a user")
        return pb.CancelAutomationRunResponse()


def selects(resources: Resources, automation: "pb.Automation", target_id: str) -> bool:
    """Whether an automation is for a target of its pipeline."""
    target = resources.find(TARGET, names.target(automation.name, target_id))
    labels = target.labels if target is not None else {}
    return any(selected(each, target_id, labels) for each in automation.selector.targets)
