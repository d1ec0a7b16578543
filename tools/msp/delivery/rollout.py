"""The first rollout: made once, followed until it has ended."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msp import names
from msp.delivery.clients import Clients
from msp.delivery.existing import failure_cause, render_failure
from msp.delivery.planning.plan import ReleasePlan
from msp.gcp.creation import Creation, create
from msp.gcp.deadline import Deadline
from msp.gcp.messages import enum_name, last_part, nanoseconds
from msp.text import harmless

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Rollout

# States that stay, unless a person does something about them.
ENDED = frozenset({"SUCCEEDED", "FAILED", "APPROVAL_REJECTED", "CANCELLED", "HALTED"})

# A rollout that ended so is begun anew when the deployment is run again: a person wants it.
_REPEATED = frozenset({"FAILED", "CANCELLED"})


def begin_rollout(
    plan: ReleasePlan, target: str, clients: Clients, *, taken_up: bool, force: bool = False
) -> "tuple[Rollout, bool]":
    """The rollout of the plan's release to its first stage.

    Args:
        plan: What was released.
        target: The id of the first stage's target: `staging-us-central1`.
        clients: Cloud Deploy's among them.
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
    earlier: list[Rollout] = []
    if taken_up:
        found = deploy.pages(deploy.client.list_rollouts, parent=plan.release_name, filter=f'targetId="{target}"')
        earlier = sorted(found, key=lambda each: nanoseconds(each, "create_time"))
    repeated = _REPEATED | {"SUCCEEDED"} if force else _REPEATED
    if earlier and enum_name(earlier[-1], "state") not in repeated:
        return earlier[-1], False
    taken = {last_part(each.name) for each in earlier}
    number = next(n for n in range(1, len(taken) + 2) if names.rollout_id(plan.release, target, n) not in taken)
    rollout_id = names.rollout_id(plan.release, target, number)
    return create(_creation(plan, target, rollout_id, clients), clients.deploy, clients.retry)


def follow(rollout: "Rollout", clients: Clients, *, timeout: float, seen: "Callable[[Rollout], None]") -> "Rollout":
    """Waits until a rollout has ended, or waits for somebody to approve it.

    Args:
        rollout: The rollout as Cloud Deploy last answered it.
        clients: Cloud Deploy's among them.
        timeout: Seconds at most, the slowest answer included: `1800.0`.
        seen: Told of the rollout as each look has found it.

    Raises:
        PollTimeoutError: It goes on still.
    """
    deploy = clients.deploy.within(Deadline.after(timeout, clients.polling.monotonic))

    def look() -> "Rollout":
        found = deploy.read(deploy.client.get_rollout, name=rollout.name)
        seen(found)
        return found

    if settled(rollout):
        return rollout
    what = f"rollout {last_part(rollout.name)} to end"
    return clients.polling.until(settled, look, timeout=timeout, what=what)


def settled(rollout: "Rollout") -> bool:
    """Whether nothing more happens to a rollout by itself."""
    return enum_name(rollout, "state") in ENDED | {"PENDING_APPROVAL"}


def failure(plan: ReleasePlan, rollout: "Rollout", clients: Clients) -> str:
    """Why a rollout ended as it did, in a sentence."""
    said = harmless(rollout.failure_reason)
    cause = failure_cause(rollout, "deploy_failure_cause")
    if cause == "RELEASE_FAILED":
        release = clients.deploy.read(clients.deploy.client.get_release, name=plan.release_name)
        said = f"rendering failed: {render_failure(release, rollout.target_id)}"
    return ": ".join(part for part in (cause.replace("_", " ").lower(), said) if part) or "no reason given"


def _creation(plan: ReleasePlan, target: str, rollout_id: str, clients: Clients) -> "Creation[Rollout]":
    from google.cloud.deploy_v1 import Rollout

    deploy = clients.deploy
    name = f"{plan.release_name}/rollouts/{rollout_id}"
    return Creation(
        kind=Rollout,
        start=lambda identifier: deploy.change(
            deploy.client.create_rollout,
            parent=plan.release_name,
            rollout_id=rollout_id,
            rollout=Rollout(target_id=target),
            request_id=identifier,
        ),
        find=lambda: deploy.read(deploy.client.get_rollout, name=name),
    )
