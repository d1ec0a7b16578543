"""What a stage of a pipeline runs, and what is happening there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msp.localcloud.console.rollouts import next_phase
from msp.localcloud.console.times import first_time
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import ROLLOUT, TARGET, Resources, slot_of, slot_state
from msp.localcloud.methods import AnyMessage

_STATES = pb.Rollout.State
_NEVER_BEGAN = {_STATES.APPROVAL_REJECTED, _STATES.CANCELLED}
_WAITING = {_STATES.PENDING_APPROVAL, _STATES.PENDING, _STATES.PENDING_RELEASE}
_MOST_WAITING = 5


@dataclass(frozen=True)
class StageNow:
    """A stage at this moment.

    Attributes:
        target_id: Its target.
        target: The target itself; `None` where it does not exist.
        running: What was deployed last, as the deploy left it: release, rollout, images; `None` before the first.
        since: When that rollout ended, in RFC 3339; empty where it has not.
        rollouts: The newest rollouts, the newest first.
        asking: The rollouts that wait for an approval, the newest first.
    """

    target_id: str
    target: AnyMessage | None
    running: dict[str, Any] | None
    since: str
    rollouts: Sequence[Any]
    asking: Sequence[Any]

    @property
    def release(self) -> str:
        """The id of the release that runs; empty where none does."""
        return str(self.running["release"]) if self.running else ""

    def failed(self) -> "pb.Rollout | None":
        """The rollout that began last, if it failed and nothing has been done about it."""
        begun = (each for each in self.rollouts if each.state not in _WAITING and not _never_began(each))
        latest = next(begun, None)
        return latest if latest is not None and latest.state == _STATES.FAILED else None

    def marks(self) -> dict[str, str]:
        """What is to be known of the stage, each mark with the release that it is about."""
        found: dict[str, str] = {}
        if (failed := self.failed()) is not None:
            found["failed"] = _release_id(failed)
        if self.asking:
            found["approval"] = _release_id(self.asking[0])
        for rollout in self.rollouts:
            if next_phase(rollout):
                found.setdefault("advance", _release_id(rollout))
            elif rollout.state in {_STATES.IN_PROGRESS, _STATES.CANCELLING}:
                found.setdefault("busy", _release_id(rollout))
            elif rollout.state in {_STATES.PENDING, _STATES.PENDING_RELEASE}:
                found.setdefault("queued", _release_id(rollout))
        return found


def stage_now(resources: Resources, pipeline: str, target_id: str, most_rollouts: int) -> StageNow:
    """A stage at this moment.

    Args:
        resources: Loads what is there.
        pipeline: The pipeline's name.
        target_id: The stage's target.
        most_rollouts: How many of its rollouts are looked at.
    """
    where = slot_of(pipeline, target_id)
    running = _running(resources, where)
    rollouts = resources.list(ROLLOUT, keys={"slot": where}, limit=most_rollouts)
    return StageNow(
        target_id=target_id,
        target=resources.find(TARGET, names.target(pipeline, target_id)),
        running=running,
        since=_since(resources, running, rollouts),
        rollouts=rollouts,
        asking=resources.list(ROLLOUT, keys=slot_state(where, _STATES.PENDING_APPROVAL), limit=_MOST_WAITING),
    )


def _running(resources: Resources, where: str) -> dict[str, Any] | None:
    """What the last deploy left; of a target whose children are deployed to, what its last rollout brought."""
    payload = resources.store.get("running", where)
    if payload is not None:
        found: dict[str, Any] = json.loads(payload)
        return found
    for rollout in resources.list(ROLLOUT, keys=slot_state(where, _STATES.SUCCEEDED), limit=1):
        return {"release": _release_id(rollout), "rollout": rollout.name, "images": []}
    return None


def _since(resources: Resources, running: dict[str, Any] | None, rollouts: Sequence[Any]) -> str:
    if running is None:
        return ""
    rollout = next((each for each in rollouts if each.name == running["rollout"]), None)
    rollout = rollout or resources.find(ROLLOUT, running["rollout"])
    return first_time(rollout, "deploy_end_time", "deploy_start_time") if rollout is not None else ""


def _never_began(rollout: "pb.Rollout") -> bool:
    return rollout.state in _NEVER_BEGAN and not rollout.HasField("deploy_start_time")


def _release_id(rollout: "pb.Rollout") -> str:
    return names.last(names.release(rollout.name))
