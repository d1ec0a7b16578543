"""Rolling a target back to what it ran before."""

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import PIPELINE, RELEASE, ROLLOUT, Resources, slot_of, slot_state
from msp.localcloud.deploy.rollouts import Origin, Rollouts
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import failed_precondition, invalid

_RECENT = 200
"""How many of a slot's successful rollouts are looked at for one to go back to."""


class Rollbacks:
    """Finds what to go back to, and creates the rollout that does.

    Args:
        resources: Loads the rollouts of a target.
        rollouts: Creates them.
    """

    def __init__(self, resources: Resources, rollouts: Rollouts) -> None:
        self._resources = resources
        self._rollouts = rollouts

    def rollback_target(self, request: "pb.RollbackTargetRequest") -> AnyMessage:
        """`RollbackTarget`.

        Raises:
            ApiError: `NOT_FOUND`, `INVALID_ARGUMENT`, `FAILED_PRECONDITION` (nothing to go back to; another rollout is
                the latest; what forbids creating a rollout).
        """
        for field in ("target_id", "rollout_id"):
            if not getattr(request, field):
                raise invalid(field, "is required")
        self._resources.get(PIPELINE, request.name)
        store = self._resources.store
        config = request.rollback_config
        if not request.validate_only:
            with store.transaction():
                rollout = self._roll_back(request, by_automation=False)
        else:
            rollout = pb.Rollout()
            rollout.CopyFrom(self.rehearse(request))
        response = pb.RollbackTargetResponse()
        response.rollback_config.CopyFrom(config)
        response.rollback_config.rollout.CopyFrom(rollout)
        response.rollback_config.starting_phase_id = config.starting_phase_id or "stable"
        return response

    def rehearse(self, request: "pb.RollbackTargetRequest") -> "pb.Rollout":
        """The rollout that a request would create, or its error; nothing is changed."""
        try:
            with self._resources.store.transaction():
                raise _RehearsedError(self._roll_back(request, by_automation=False))  # noqa: TRY301 (undoes it)
        except _RehearsedError as rehearsed:
            return rehearsed.rollout

    def repair(self, failed: "pb.Rollout", destination_phase: str) -> "pb.Rollout":
        """Rolls back a rollout that an automation could not mend otherwise.

        Raises:
            ApiError: As `rollback_target`.
        """
        previous = self._previous(names.pipeline(failed.name), failed)
        release = names.release(previous.name)
        request = pb.RollbackTargetRequest(
            name=names.pipeline(failed.name),
            target_id=failed.target_id,
            rollout_id=self._rollouts.free_id(release, failed.target_id),
            release_id=names.last(release),
            rollout_to_roll_back=failed.name,
        )
        request.rollback_config.starting_phase_id = destination_phase
        return self._roll_back(request, by_automation=True)

    def _roll_back(self, request: "pb.RollbackTargetRequest", *, by_automation: bool) -> "pb.Rollout":
        current = self._latest(request.name, request.target_id)
        wanted = request.rollout_to_roll_back
        if wanted and names.last(wanted) != names.last(current.name):
            raise failed_precondition(
                f"the latest rollout in target {request.target_id!r} is '{current.name}', not '{wanted}'"
            )
        if request.release_id:
            release = f"{request.name}/releases/{request.release_id}"
            self._resources.get(RELEASE, release)
        else:
            release = names.release(self._previous(request.name, current).name)
        create = pb.CreateRolloutRequest(
            parent=release,
            rollout_id=request.rollout_id,
            starting_phase_id=request.rollback_config.starting_phase_id or "stable",
            override_deploy_policy=request.override_deploy_policy,
        )
        create.rollout.CopyFrom(request.rollback_config.rollout)
        create.rollout.name, create.rollout.target_id = "", request.target_id
        rollout = self._rollouts.create(
            create, Origin("ROLLBACK", by_automation=by_automation, rollback_of=current.name)
        )
        # Read again: what creating it set in motion may have changed the one that is rolled back.
        current = self._resources.get(ROLLOUT, current.name)
        current.rolled_back_by_rollouts.append(rollout.name)
        self._resources.save(ROLLOUT, current)
        return rollout

    def _latest(self, pipeline: str, target_id: str) -> "pb.Rollout":
        """The rollout that began last to deploy to a target."""
        recent = self._resources.list(ROLLOUT, keys={"slot": slot_of(pipeline, target_id)}, limit=_RECENT)
        begun = [rollout for rollout in recent if rollout.HasField("deploy_start_time")]
        if not begun:
            raise failed_precondition(f"nothing was deployed to target {target_id!r} yet")
        latest: pb.Rollout = max(begun, key=lambda each: (each.deploy_start_time.seconds, each.deploy_start_time.nanos))
        return latest

    def _previous(self, pipeline: str, current: "pb.Rollout") -> "pb.Rollout":
        """The last rollout that succeeded in the same target, of another release that is not abandoned."""
        keys = slot_state(slot_of(pipeline, current.target_id), pb.Rollout.State.SUCCEEDED)
        recent = self._resources.list(ROLLOUT, keys=keys, limit=_RECENT)
        recent.sort(key=lambda each: (each.deploy_end_time.seconds, each.deploy_end_time.nanos), reverse=True)
        for rollout in recent:
            release = names.release(rollout.name)
            if release != names.release(current.name) and not self._resources.get(RELEASE, release).abandoned:
                found: pb.Rollout = rollout
                return found
        raise failed_precondition(f"target {current.target_id!r} has no earlier successful rollout to go back to")


class _RehearsedError(Exception):
    def __init__(self, rollout: "pb.Rollout") -> None:
        super().__init__()
        self.rollout = rollout
