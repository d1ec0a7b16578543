"""A rollout, looked at until nothing more happens to it by itself."""

from collections.abc import Callable

from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.deadline import Deadline
from msp.gcp.polling import Polling
from msp.rollouts.conversion import to_rollout
from msp.rollouts.facts import Rollout
from msp.rollouts.states import RolloutState


def settled(rollout: Rollout) -> bool:
    """Whether nothing more happens to a rollout by itself: it has ended, or waits for a person."""
    ended = rollout.state is RolloutState.SUCCEEDED or rollout.state.failed
    return ended or rollout.state is RolloutState.PENDING_APPROVAL


def follow(
    name: str, deploy: CloudDeploy, polling: Polling, *, timeout: float, seen: Callable[[Rollout], None]
) -> Rollout:
    """Waits until a rollout has settled.

    Args:
        name: Its full name: `projects/…/releases/r/rollouts/o`.
        deploy: Whom to ask.
        polling: How often.
        timeout: Seconds at most, the slowest answer included.
        seen: Told of each look.

    Raises:
        PollTimeoutError: It goes on still.
        RemoteError: It can't be looked at.
    """
    within = deploy.within(Deadline.after(timeout, polling.monotonic))

    def look() -> Rollout:
        found = to_rollout(within.read(within.client.get_rollout, name=name))
        seen(found)
        return found

    what = f"rollout {name.rpartition('/')[2]} to end"
    return polling.until(settled, look, timeout=timeout, what=what)
