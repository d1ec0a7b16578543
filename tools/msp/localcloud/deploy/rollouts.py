"""Rollouts: created from a release for a target, and what becomes of them when their release has been rendered.

PENDING_RELEASE → PENDING_APPROVAL → PENDING → IN_PROGRESS → SUCCEEDED | FAILED, and CANCELLING → CANCELLED on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names, stages, validation
from msp.localcloud.deploy.execution import Outcome
from msp.localcloud.deploy.policies import Policies
from msp.localcloud.deploy.progress import Progress
from msp.localcloud.deploy.resources import PIPELINE, RELEASE, ROLLOUT, Resources, slot, slot_of
from msp.localcloud.status import ApiError, Code, failed_precondition, invalid

_STATES = pb.Rollout.State
_PHASES = pb.Phase.State
_JOBS = pb.Job.State
_APPROVALS = pb.Rollout.ApprovalState


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


class Rollouts:
    """Creates rollouts.

    Args:
        resources: Loads pipelines and releases, and saves rollouts.
        progress: Carries them through.
        policies: Asked before each creation.
    """

    def __init__(self, resources: Resources, progress: Progress, policies: Policies) -> None:
        self._resources = resources
        self._store = resources.store
        self._progress = progress
        self._policies = policies
        progress.create_child = self._create_child

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
            self._progress.leave_release(rollout)
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
                outcome = Outcome("the release was abandoned", causes.Name(causes.RELEASE_ABANDONED))
                self._progress.fail(rollout, outcome)
            elif release.render_state == pb.Release.RenderState.FAILED:
                outcome = Outcome("the release failed to render", causes.Name(causes.RELEASE_FAILED))
                self._progress.fail(rollout, outcome)
            else:
                self._progress.leave_release(rollout)

    def _create_child(self, controller: "pb.Rollout", target_id: str, phase_id: str) -> str:
        release = names.release(controller.name)
        request = pb.CreateRolloutRequest(
            parent=release,
            rollout_id=self.free_id(release, target_id),
            rollout=pb.Rollout(target_id=target_id),
            starting_phase_id=phase_id,
        )
        return str(self.create(request, Origin(by_automation=True, controller=controller.name)).name)

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
