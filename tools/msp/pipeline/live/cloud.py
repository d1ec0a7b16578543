"""A pipeline where it lives: reads what is there, and makes one change at a time.

Every call has a timeout and is repeated when it fails on the way: reads as they are; changes under one request id,
which Cloud Deploy honours for at least an hour, or under a precondition, which the second of two can't meet.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import google.auth.exceptions
import proto
import requests.exceptions
from google.api_core import exceptions
from google.cloud import deploy_v1
from google.protobuf import field_mask_pb2

from msp.errors import MspError
from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.gcp.polling import Polling
from msp.pipeline import names
from msp.pipeline.iam import Binding
from msp.pipeline.live.changes import (
    Change,
    DeleteResource,
    Grant,
    Live,
    LiveArchive,
    PutResource,
    UploadArchive,
    wanted_resources,
)
from msp.pipeline.live.report import short_name
from msp.pipeline.resources import PipelineResources

if TYPE_CHECKING:
    from google.cloud.storage import Bucket
    from google.iam.v1.policy_pb2 import Policy

_POLICY_VERSION = 3  # as it was read, so that other bindings keep their conditions (google.iam.v1.Policy.version)
_POLICY_ATTEMPTS = 5
_ARCHIVE_LIMIT = 1 << 20  # bytes; an object that is larger is none of ours, and differs without being read
_RETRY_SECONDS = 30.0  # for all attempts of a call together; whoever is told sooner can look sooner
_EVERY_FIELD = ("*", "labels")  # as `gcloud deploy apply` asks for it

_HINTS = {
    401: "run: gcloud auth application-default login",
    403: "ask for roles/clouddeploy.admin and roles/storage.admin in the pipeline's project",
    404: "is the project right, and is the Cloud Deploy API enabled in it?",
    409: "it was changed by someone else at the same time; run this again",
}


class CloudError(MspError):
    """Google's services refused, or could not be reached."""


class Cloud:
    """The Cloud Deploy and storage of one service's pipeline.

    Args:
        endpoints: Where the services are.
        made: The resources that the specification asks for; they say in which project and region to look.
        timeout: Seconds that one operation of Cloud Deploy may take.
        polling: How often to look at an operation.
        new_id: Makes request ids.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        made: PipelineResources,
        *,
        timeout: float,
        polling: Polling | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._made = made
        self._deploy = clients.cloud_deploy_client(endpoints)
        self._storage = clients.storage_client(endpoints, made.project)
        self._timeout = timeout
        self._polling = polling or Polling()
        self._new_id = new_id
        self._call: dict[str, Any] = {
            "retry": clients.retry().with_timeout(_RETRY_SECONDS),
            "timeout": clients.TIMEOUT_SECONDS,
        }

    def read(self) -> Live:
        """What is there.

        Raises:
            CloudError: Something could not be read.
        """
        resources = {}
        for wanted in wanted_resources(self._made):
            with _told(short_name(wanted.name)):
                found = self._get(wanted)
            if found is not None:
                resources[wanted.name] = found
        members = {
            name: _members(self._policy(name))
            for name in resources
            if "/automations/" not in name  # an automation has no policy of its own
        }
        return Live(resources, tuple(self._leftovers()), members, self._archive())

    def make(self, change: Change, archive: bytes) -> None:
        """Makes one change, and returns when it is done.

        Args:
            change: One of those that were computed from what `read` gave.
            archive: The source archive.

        Raises:
            CloudError: It was refused or could not be made.
            PollTimeoutError: The operation did not end in time.
        """
        match change:
            case UploadArchive():
                with _told(change.uri):
                    self._upload(change.live, archive)
            case PutResource():
                with _told(short_name(change.wanted.name)):
                    self._put(change)
            case DeleteResource():
                with _told(short_name(change.live.name)):
                    self._delete(change.live)
            case Grant():
                with _told(f"policy of {short_name(change.resource)}"):
                    self._grant(change.resource, change.bindings)

    def _get(self, wanted: proto.Message) -> proto.Message | None:
        try:
            found: proto.Message = getattr(self._deploy, f"get_{_field(wanted)}")(name=wanted.name, **self._call)
        except exceptions.NotFound:
            return None
        return found

    def _leftovers(self) -> Iterator[proto.Message]:
        wanted = {message.name for message in wanted_resources(self._made)}
        service = self._made.delivery_pipeline.labels[names.SERVICE_LABEL]
        location = names.location_name(self._made.project, self._made.region)
        with _told("the targets"):
            found: list[proto.Message] = list(self._deploy.list_targets(parent=location, **self._call))
        with _told("the automations"), suppress(exceptions.NotFound):  # no pipeline yet, so no automations
            found += self._deploy.list_automations(parent=self._made.delivery_pipeline.name, **self._call)
        for message in found:
            ours = message.labels.get(names.OWNER_LABEL) == "true"
            if ours and message.labels.get(names.SERVICE_LABEL) == service and _by_id(message, wanted) is None:
                yield message

    def _archive(self) -> LiveArchive:
        with _told(names.source_uri(self._made.project)):
            bucket = self._bucket()
            if bucket is None:
                return LiveArchive()
            blob = bucket.get_blob(names.SOURCE_OBJECT, **self._call)
            if blob is None:
                return LiveArchive(bucket_exists=True)
            content = b""
            if blob.size <= _ARCHIVE_LIMIT:
                content = blob.download_as_bytes(raw_download=True, **self._call)
            return LiveArchive(bucket_exists=True, content=content, generation=blob.generation)

    def _bucket(self) -> "Bucket | None":
        """The archive's bucket, or None where this project has none.

        Bucket names are global: one of that name may belong to somebody else, who would then say what is deployed.
        """
        name = names.source_bucket(self._made.project)
        found = self._storage.list_buckets(prefix=name, **self._call)
        return next((bucket for bucket in found if bucket.name == name), None)

    def _create_bucket(self) -> "Bucket":
        bucket = self._storage.bucket(names.source_bucket(self._made.project))
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = "enforced"
        try:
            self._storage.create_bucket(bucket, location=self._made.region, **self._call)
        except exceptions.Conflict:
            # Our own call repeated, or another run of this just now; or else it is somebody else's.
            if self._bucket() is None:
                raise CloudError(
                    f"bucket {bucket.name} exists in another project",
                    hint="bucket names are global; find out whose it is",
                ) from None
        return bucket

    def _upload(self, live: LiveArchive, archive: bytes) -> None:
        name = names.source_bucket(self._made.project)
        bucket = self._storage.bucket(name) if live.bucket_exists else self._create_bucket()
        blob = bucket.blob(names.SOURCE_OBJECT)
        try:
            blob.upload_from_string(
                archive,
                content_type="application/gzip",
                checksum="crc32c",
                if_generation_match=live.generation,
                **self._call,
            )
        except exceptions.PreconditionFailed:
            # The answer to an upload that was repeated may be lost; what counts is what is there.
            if self._archive().content != archive:
                raise

    def _put(self, change: PutResource) -> None:
        resource = type(change.wanted)(change.wanted)
        if change.live is not None:
            resource.etag = change.live.etag  # refused if it changed since it was compared
        name = _field(resource)
        request = {
            name: resource,
            "update_mask": field_mask_pb2.FieldMask(paths=_EVERY_FIELD),
            "allow_missing": change.live is None,
            "request_id": self._new_id(),
        }
        self._wait(getattr(self._deploy, f"update_{name}")(request=request, **self._call))

    def _delete(self, live: proto.Message) -> None:
        request = {"name": live.name, "etag": live.etag, "allow_missing": True, "request_id": self._new_id()}
        self._wait(getattr(self._deploy, f"delete_{_field(live)}")(request=request, **self._call))

    def _wait(self, started: Any) -> None:  # noqa: ANN401 - google.api_core.operation.Operation, untyped
        operation = started.operation
        if not operation.done:
            operation = self._polling.until(
                lambda seen: bool(seen.done),
                lambda: self._deploy.get_operation({"name": operation.name}, **self._call),
                timeout=self._timeout,
                what=f"operation {operation.name}",
            )
        if operation.error.code:
            raise CloudError(operation.error.message)

    def _policy(self, resource: str) -> "Policy":
        request = {"resource": resource, "options": {"requested_policy_version": _POLICY_VERSION}}
        with _told(f"policy of {short_name(resource)}"):
            return self._deploy.get_iam_policy(request=request, **self._call)

    def _grant(self, resource: str, bindings: tuple[Binding, ...]) -> None:
        for attempt in range(1, _POLICY_ATTEMPTS + 1):
            policy = self._policy(resource)
            missing = [row for row in bindings if (row.role, row.member) not in _members(policy)]
            if not missing:
                return
            for row in missing:
                _binding(policy, row.role).members.append(row.member)
            try:
                self._deploy.set_iam_policy(request={"resource": resource, "policy": policy}, **self._call)
            except exceptions.Conflict:
                # Its etag is old: someone else set it between our two calls, or our own call was repeated.
                if attempt == _POLICY_ATTEMPTS:
                    raise
            else:
                return


def _field(message: proto.Message) -> str:
    """The name of a resource in its methods and requests: `delivery_pipeline`."""
    match message:
        case deploy_v1.CustomTargetType():
            return "custom_target_type"
        case deploy_v1.DeliveryPipeline():
            return "delivery_pipeline"
        case deploy_v1.Target():
            return "target"
        case _:
            return "automation"


def _by_id(message: proto.Message, wanted: set[str]) -> str | None:
    """The wanted name that this is, also where one of them has the project's number instead of its id."""
    tail = message.name.split("/", 2)[2]
    return next((name for name in wanted if name.split("/", 2)[2] == tail), None)


def _members(policy: "Policy") -> frozenset[tuple[str, str]]:
    return frozenset(
        (binding.role, member)
        for binding in policy.bindings
        if not binding.HasField("condition")
        for member in binding.members
    )


def _binding(policy: "Policy", role: str) -> Any:  # noqa: ANN401 - google.iam.v1.policy_pb2.Binding, untyped
    """The policy's unconditional binding of a role, added where there is none."""
    for binding in policy.bindings:
        if binding.role == role and not binding.HasField("condition"):
            return binding
    return policy.bindings.add(role=role)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turns what Google's clients raise into an error about `what`."""
    try:
        yield
    except CloudError as error:
        raise CloudError(f"{what}: {error.message}", hint=error.hint) from error
    except exceptions.RetryError as error:
        # The cause of a failed connection is long, and says no more than its type.
        cause = getattr(error.cause, "message", None) or type(error.cause).__name__
        raise CloudError(f"{what}: no answer in time ({cause})", hint="is there a network?") from error
    except exceptions.GoogleAPICallError as error:
        raise CloudError(f"{what}: {error.message}", hint=_HINTS.get(error.code or 0, "")) from error
    except requests.exceptions.RequestException as error:
        raise CloudError(f"{what}: can't be reached ({type(error).__name__})", hint="is there a network?") from error
    except google.auth.exceptions.GoogleAuthError as error:
        raise CloudError(f"{what}: Google does not take these credentials", hint=_HINTS[401]) from error
