"""Cloud Deploy's resources as they are stored: their kinds, keys, uids, etags and timestamps."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from msp.localcloud.clock import Clock
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code, already_exists, not_found
from msp.localcloud.store import Order, Store

M = TypeVar("M", bound=Any)


def _no_keys(_: AnyMessage) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    Attributes:
        name: What the store calls it.
        collection: The segment before its id.
        message: Its class.
        keys: Under what the store finds it.
    """

    name: str
    collection: str
    message: Callable[..., Any]
    keys: Callable[[Any], Mapping[str, str]] = field(default=_no_keys)


def slot(rollout: "pb.Rollout") -> str:
    """What one rollout at a time may hold: a target of a pipeline."""
    return slot_of(names.pipeline(rollout.name), rollout.target_id)


def slot_of(pipeline: str, target_id: str) -> str:
    """The slot of a pipeline's target."""
    return f"{pipeline}|{target_id}"


def slot_state(where: str, state: int) -> dict[str, str]:
    """The store's key of the rollouts of a slot that are in a state."""
    return {"slotState": f"{where}|{pb.Rollout.State.Name(state)}"}


ROLLOUT_SORT_KEYS = ("deploy_end_time", "enqueue_time")
"""The times by which gcloud has rollouts sorted, besides their creation."""


def _sortable(time: AnyMessage) -> str:
    """A timestamp as text that sorts as it does; one that is not set sorts first."""
    return f"{time.seconds:012d}.{time.nanos:09d}"


def queue(where: str) -> str:
    """The store's key of the rollouts that wait for a slot; its value sorts by how long they have waited."""
    return f"queue|{where}"


def _rollout_keys(rollout: "pb.Rollout") -> Mapping[str, str]:
    where, state = slot(rollout), pb.Rollout.State.Name(rollout.state)
    keys = {"targetId": rollout.target_id, "state": state, "slot": where, "slotState": f"{where}|{state}"}
    for name in ROLLOUT_SORT_KEYS:
        keys[name] = _sortable(getattr(rollout, name))
    if rollout.state == pb.Rollout.State.PENDING:
        keys[queue(where)] = _sortable(rollout.enqueue_time)
    if rollout.active_repair_automation_run:
        keys["repairing"] = where
    return keys


def _automation_run_keys(run: "pb.AutomationRun") -> Mapping[str, str]:
    keys = {"state": pb.AutomationRun.State.Name(run.state)}
    if run.state == pb.AutomationRun.State.PENDING:
        keys["waiting"] = names.pipeline(run.name)
    return keys


PIPELINE = Kind("pipeline", "deliveryPipelines", pb.DeliveryPipeline)
TARGET = Kind("target", "targets", pb.Target)
CUSTOM_TARGET_TYPE = Kind("custom-target-type", "customTargetTypes", pb.CustomTargetType)
AUTOMATION = Kind("automation", "automations", pb.Automation)
DEPLOY_POLICY = Kind("deploy-policy", "deployPolicies", pb.DeployPolicy)
RELEASE = Kind("release", "releases", pb.Release)
ROLLOUT = Kind("rollout", "rollouts", pb.Rollout, _rollout_keys)
JOB_RUN = Kind("job-run", "jobRuns", pb.JobRun)
AUTOMATION_RUN = Kind("automation-run", "automationRuns", pb.AutomationRun, _automation_run_keys)

BELOW_PIPELINE = (AUTOMATION, RELEASE, ROLLOUT, JOB_RUN, AUTOMATION_RUN)


class Resources:
    """Loads and saves resources.

    Args:
        store: Keeps each resource as a document of its kind.
        clock: For their timestamps.
        random: For their uids.
    """

    def __init__(self, store: Store, clock: Clock, random: Random) -> None:
        self.store = store
        self.clock = clock
        self._random = random

    def find(self, kind: Kind, name: str) -> AnyMessage | None:
        """The resource, or `None`."""
        payload = self.store.get(kind.name, name)
        return None if payload is None else self.parse(kind, payload)

    def get(self, kind: Kind, name: str) -> AnyMessage:
        """The resource.

        Raises:
            ApiError: `NOT_FOUND`.
        """
        found = self.find(kind, name)
        if found is None:
            raise not_found(name)
        return found

    def parse(self, kind: Kind, payload: bytes) -> AnyMessage:
        """The resource in a payload."""
        message = kind.message()
        message.ParseFromString(payload)
        return message

    def create(self, kind: Kind, message: M) -> M:
        """Saves a new resource, with its uid and time of creation.

        Raises:
            ApiError: `ALREADY_EXISTS`.
        """
        if self.store.get(kind.name, message.name) is not None:
            raise already_exists(message.name)
        if "uid" in message.DESCRIPTOR.fields_by_name:
            message.uid = self.token()
        message.create_time.FromDatetime(self.clock.now())
        return self.save(kind, message)

    def save(self, kind: Kind, message: M) -> M:
        """Saves a resource, with its time of update and a new etag."""
        if "update_time" in message.DESCRIPTOR.fields_by_name:
            message.update_time.FromDatetime(self.clock.now())
        if "etag" in message.DESCRIPTOR.fields_by_name:
            message.etag = ""
            message.etag = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()[:16]
        self.store.put(
            kind.name,
            message.name,
            message.SerializeToString(),
            parent=names.parent(message.name),
            keys=kind.keys(message),
        )
        return message

    def list(
        self,
        kind: Kind,
        *,
        parent: str | None = None,
        keys: Mapping[str, str] | None = None,
        oldest_first: bool = False,
        limit: int = -1,
    ) -> list[Any]:
        """Resources of a kind below a parent or with keys, newest first unless said otherwise."""
        order: Order = "oldest" if oldest_first else "newest"
        documents = self.store.list(kind.name, parent=parent, keys=keys, order=order, limit=limit)
        return [self.parse(kind, document.payload) for document in documents]

    def token(self) -> str:
        """A new unique identifier: 32 hexadecimal digits."""
        return f"{self._random.getrandbits(128):032x}"


def check_etag(message: AnyMessage, etag: str) -> None:
    """Refuses a change that was meant for another state of the resource.

    Raises:
        ApiError: `ABORTED`.
    """
    if etag and etag != message.etag:
        raise ApiError(
            Code.ABORTED, f"etag {etag!r} does not match the current etag of '{message.name}'; read it again"
        )
