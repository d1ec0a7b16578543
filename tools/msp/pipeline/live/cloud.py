"""A pipeline where it lives: reads what is there, and makes one change at a time.

Every call has a timeout and is repeated when it fails on the way: reads as they are; changes under one request id,
which Cloud Deploy honours for at least an hour, or under a precondition, which the second of two can't meet.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import proto
from google.cloud import deploy_v1
from google.protobuf import field_mask_pb2

from msp import names
from msp.errors import MspError
from msp.gcp import clients
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import NotFoundError, about
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy
from msp.pipeline.live.changes import (
    DeleteResource,
    Grant,
    LiftSuspension,
    PipelineChange,
    PutResource,
    UploadArchive,
    wanted_resources,
)
from msp.pipeline.live.policies import Policies
from msp.pipeline.live.source import SourceArchive
from msp.pipeline.live.state import Live
from msp.pipeline.resources import PipelineResources

# As `gcloud deploy apply` asks for it: of a deploy policy, `*` alone.
_EVERY_FIELD = ("*", "labels")
_EVERY_FIELD_OF_POLICY = ("*",)


class ForeignPolicyError(MspError):
    """A deploy policy has a standing freeze's name, and is not one."""


class Cloud:
    """The Cloud Deploy and storage of one service's pipeline.

    Args:
        endpoints: Whose services are asked: Google's, or a local cloud's.
        made: The resources that the specification asks for; they say in which project and region to look.
        timeout: Seconds that one operation of Cloud Deploy may take.
        polling: How often to look at an operation.
        new_id: Makes request ids, UUIDs that are never used again.
        now: Tells the time, aware.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        made: PipelineResources,
        *,
        timeout: float,
        polling: Polling | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        retry = RetryPolicy()
        adapter = clients.default_adapter(endpoints)
        self._made = made
        self._deploy = CloudDeploy(lambda: clients.cloud_deploy_client(endpoints, adapter), retry, polling)
        self._policies = Policies(self._deploy)
        storage = clients.storage_client(endpoints, made.project, adapter)
        self._source = SourceArchive(storage, retry, project=made.project, region=made.region)
        self._timeout = timeout
        self._new_id = new_id
        self._now = now

    def read(self) -> Live:
        """What is there.

        Raises:
            RemoteError: Something could not be read.
            ForeignPolicyError: A freeze's name is another deploy policy's.
        """
        resources = {}
        for wanted in wanted_resources(self._made):
            with about(names.short_name(wanted.name)):
                found = self._get(wanted)
            if found is not None:
                self._check_own(found)
                resources[wanted.name] = found
        members = {
            name: self._policies.members(name)
            for name in resources
            if not re.search("/(automations|deployPolicies)/", name)  # these have no policy of their own
        }
        released = self._made.delivery_pipeline.name in resources and self._released()
        return Live(resources, tuple(self._leftovers()), members, self._source.read(), released, self._now())

    def make(self, change: PipelineChange, archive: bytes) -> None:
        """Makes one change, and returns when it is done.

        Args:
            change: One of those that were computed from what `read` gave.
            archive: The source archive.

        Raises:
            RemoteError: It was refused or could not be made.
            PollTimeoutError: The operation did not end in time.
        """
        match change:
            case UploadArchive():
                self._source.upload(change.live, archive)
            case PutResource():
                with about(names.short_name(change.wanted.name)):
                    self._put(change)
            case DeleteResource():
                with about(names.short_name(change.live.name)):
                    self._delete(change.live)
            case Grant():
                self._policies.grant(change.resource, change.bindings)
            case LiftSuspension():
                with about(names.short_name(change.live.name)):
                    self._lift_suspension(change.live)

    def _get(self, wanted: proto.Message) -> proto.Message | None:
        try:
            return self._deploy.read(getattr(self._deploy.client, f"get_{_field(wanted)}"), name=wanted.name)
        except NotFoundError:
            return None

    def _leftovers(self) -> Iterator[proto.Message]:
        wanted = {message.name for message in wanted_resources(self._made)}
        location = names.location_name(self._made.project, self._made.region)
        with about("the targets"):
            found: list[proto.Message] = list(self._deploy.pages(self._deploy.client.list_targets, parent=location))
        with about("the deploy policies"):
            found += self._deploy.pages(self._deploy.client.list_deploy_policies, parent=location)
        with about("the automations"), suppress(NotFoundError):  # no pipeline yet, so no automations
            pipeline = self._made.delivery_pipeline.name
            found += self._deploy.pages(self._deploy.client.list_automations, parent=pipeline)
        for message in found:
            if self._is_own(message) and _by_id(message, wanted) is None:
                yield message

    def _is_own(self, message: proto.Message) -> bool:
        """Whether this service's specification made a resource: then alone it is deleted, and a policy changed."""
        labels, service = message.labels, self._made.delivery_pipeline.labels[names.SERVICE_LABEL]
        standing = labels.get(names.FREEZE_LABEL) == names.STANDING_FREEZE
        return (
            labels.get(names.OWNER_LABEL) == "true"
            and labels.get(names.SERVICE_LABEL) == service
            and (standing or not isinstance(message, deploy_v1.DeployPolicy))
        )

    def _check_own(self, message: proto.Message) -> None:
        if not isinstance(message, deploy_v1.DeployPolicy) or self._is_own(message):
            return
        policy = message.name.rpartition("/")[2]
        where = f"--region={self._made.region} --project={self._made.project}"
        raise ForeignPolicyError(
            f"{names.short_name(message.name)} is not of this service's specification, and is left as it is",
            hint="give the freeze in rollout.freezes another name, or delete the policy if nobody needs it:\n"
            f"gcloud deploy deploy-policies delete {policy} {where}",
        )

    def _put(self, change: PutResource) -> None:
        resource = type(change.wanted)(change.wanted)
        if change.live is not None:
            # Refused if it changed since it was compared; what this run wrote a moment ago comes without one.
            resource.etag = change.live.etag
        name = _field(resource)
        started = self._deploy.change(
            getattr(self._deploy.client, f"update_{name}"),
            **{name: resource},
            update_mask=field_mask_pb2.FieldMask(paths=_every_field(resource)),
            allow_missing=change.live is None,
            request_id=self._new_id(),
        )
        self._deploy.wait(started, timeout=self._timeout)

    def _lift_suspension(self, live: proto.Message) -> None:
        resource = self._get(live)  # its etag changed with what was made before
        if resource is None or not resource.suspended:
            return
        resource.suspended = False
        name = _field(resource)
        started = self._deploy.change(
            getattr(self._deploy.client, f"update_{name}"),
            **{name: resource},
            update_mask=field_mask_pb2.FieldMask(paths=["suspended"]),
            request_id=self._new_id(),
        )
        self._deploy.wait(started, timeout=self._timeout)

    def _released(self) -> bool:
        pipeline = self._made.delivery_pipeline.name
        with about("the releases"):
            found = self._deploy.pages(self._deploy.client.list_releases, parent=pipeline, most=1)
            return next(iter(found), None) is not None

    def _delete(self, live: proto.Message) -> None:
        started = self._deploy.change(
            getattr(self._deploy.client, f"delete_{_field(live)}"),
            name=live.name,
            etag=live.etag,
            allow_missing=True,
            request_id=self._new_id(),
        )
        self._deploy.wait(started, timeout=self._timeout)


def _field(message: proto.Message) -> str:
    """The name of a resource in its methods and requests: `delivery_pipeline`."""
    match message:
        case deploy_v1.CustomTargetType():
            return "custom_target_type"
        case deploy_v1.DeliveryPipeline():
            return "delivery_pipeline"
        case deploy_v1.Target():
            return "target"
        case deploy_v1.DeployPolicy():
            return "deploy_policy"
        case _:
            return "automation"


def _every_field(message: proto.Message) -> tuple[str, ...]:
    return _EVERY_FIELD_OF_POLICY if isinstance(message, deploy_v1.DeployPolicy) else _EVERY_FIELD


def _by_id(message: proto.Message, wanted: set[str]) -> str | None:
    """The wanted name that this is, also where one of them has the project's number instead of its id."""
    tail = message.name.split("/", 2)[2]
    return next((name for name in wanted if name.split("/", 2)[2] == tail), None)
