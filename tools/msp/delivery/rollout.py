"""The first rollout: made once, followed until it has ended."""

from collections.abc import Callable
from functools import partial

from msp import names
from msp.delivery.clients import Clients
from msp.delivery.creation import Creation, create
from msp.delivery.existing import render_failure
from msp.delivery.planning.plan import ReleasePlan
from msp.gcp.deploy_resources import Rollout, RolloutState

# A rollout that ended so is begun anew when the deployment is run again: a person wants it.
_REPEATED = frozenset({RolloutState.FAILED, RolloutState.CANCELLED})


def begin_rollout(
    plan: ReleasePlan, target: str, clients: Clients, *, taken_up: bool, force: bool = False
) -> tuple[Rollout, bool]:
    """The rollout of the plan's release to its first stage.

    Args:
        plan: What was released.
        target: The first stage's target.
        clients: Where.
        taken_up: Whether the release was there before, so that there may be rollouts of it.
        force: Whether to roll out once more what has succeeded.

    Returns:
        The rollout, and whether it was made now. One that is under way or has succeeded is taken up; after one that
        failed or was cancelled, another is begun.

    Raises:
        ApiError: Cloud Deploy refuses.
        UnreachableError: It can't be reached; running again finds out what has happened.
    """
    deploy = clients.deploy
    earlier: tuple[Rollout, ...] = ()
    if taken_up:
        found = deploy.list_rollouts(plan.pipeline, plan.release, filter=f'targetId="{target}"')
        earlier = tuple(sorted(found, key=lambda each: each.create_time.timestamp() if each.create_time else 0.0))
    repeated = _REPEATED | {RolloutState.SUCCEEDED} if force else _REPEATED
    if earlier and earlier[-1].state not in repeated:
        return earlier[-1], False
    taken = {each.rollout_id for each in earlier}
    number = next(n for n in range(1, len(taken) + 2) if names.rollout_id(plan.release, target, n) not in taken)
    rollout_id = names.rollout_id(plan.release, target, number)
    creation = Creation(
        key=f"{deploy.release_name(plan.pipeline, plan.release)}/rollouts/{rollout_id} {plan.digest}",
        start=lambda identifier: deploy.create_rollout(
            plan.pipeline, plan.release, rollout_id, Rollout(target_id=target), request_id=identifier
        ),
        read=Rollout.from_json,
        find=partial(deploy.get_rollout, plan.pipeline, plan.release, rollout_id),
    )
    made: tuple[Rollout, bool] = create(creation, clients)
    return made


def follow(
    plan: ReleasePlan, rollout: Rollout, clients: Clients, *, timeout: float, seen: Callable[[Rollout], None]
) -> Rollout:
    """Waits until a rollout has ended, or waits for somebody to approve it.

    Args:
        plan: What was released.
        rollout: As it was answered.
        clients: Where.
        timeout: Seconds at most.
        seen: Told of each look.

    Raises:
        PollTimeoutError: It goes on still.
    """

    def look() -> Rollout:
        found = clients.deploy.get_rollout(plan.pipeline, plan.release, rollout.rollout_id)
        seen(found)
        return found

    if settled(rollout):
        return rollout
    what = f"rollout {rollout.rollout_id} to end"
    return clients.polling.until(settled, look, timeout=timeout, what=what)


def settled(rollout: Rollout) -> bool:
    """Whether nothing more happens to a rollout by itself."""
    return rollout.state.ended or rollout.state is RolloutState.PENDING_APPROVAL


def failure(plan: ReleasePlan, rollout: Rollout, clients: Clients) -> str:
    """Why a rollout ended as it did, in a sentence."""
    said = rollout.failure_reason
    if rollout.failure_cause == "RELEASE_FAILED":
        release = clients.deploy.get_release(plan.pipeline, plan.release)
        said = f"rendering failed: {render_failure(release, rollout.target_id)}"
    cause = rollout.failure_cause.replace("_", " ").lower()
    return (
        ": ".join(part for part in (cause, said) if part and part != "failure cause unspecified") or "no reason given"
    )
