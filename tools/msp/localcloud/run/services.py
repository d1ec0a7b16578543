"""Services and their revisions: what is asked for becomes a revision, with its image's digest, that serves at once.

A service is kept as the v2 API has it, and so is a revision; v1 shows the same in other words.
"""

import hashlib
import re
from collections.abc import Callable
from random import Random

from google.protobuf import field_mask_pb2

from msp.localcloud.caller import project_number
from msp.localcloud.clock import Clock
from msp.localcloud.listing import Listing
from msp.localcloud.methods import AnyMessage
from msp.localcloud.run import messages as pb
from msp.localcloud.run import traffic
from msp.localcloud.status import ApiError, Code, already_exists, failed_precondition, invalid, not_found
from msp.localcloud.store import Store

Resolve = Callable[[str], str | None]
"""Gives an image's reference with its digest in the place of its tag; `None` when there is no such image."""

SERVICE, REVISION = "run-service", "run-revision"

_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
_REVISION_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_GIVEN_BY_USERS = (
    *("description", "labels", "annotations", "client", "client_version", "ingress", "launch_stage", "template"),
    *("traffic", "scaling", "invoker_iam_disabled", "default_uri_disabled", "custom_audiences", "binary_authorization"),
)
_OF_A_TEMPLATE = (
    *("labels", "annotations", "scaling", "vpc_access", "timeout", "service_account", "containers", "volumes"),
    *("execution_environment", "encryption_key", "max_instance_request_concurrency", "session_affinity"),
    *("node_selector", "service_mesh", "encryption_key_revocation_action", "encryption_key_shutdown_duration"),
)
_SUFFIX = "bcdfghjklmnpqrstvwxz"


class Services:
    """The services of all projects.

    Args:
        store: Keeps them.
        clock: For their timestamps.
        random: For their uids, and the names of revisions.
        resolve: Finds their images.
    """

    def __init__(self, store: Store, clock: Clock, random: Random, resolve: Resolve) -> None:
        self.store = store
        self._clock = clock
        self._random = random
        self._resolve = resolve

    def find(self, name: str) -> AnyMessage | None:
        """The service of a full name, or `None`."""
        payload = self.store.get(SERVICE, name)
        return None if payload is None else pb.Service.FromString(payload)

    def get(self, name: str) -> AnyMessage:
        """The service of a full name.

        Raises:
            ApiError: `NOT_FOUND`.
        """
        found = self.find(name)
        if found is None:
            raise not_found(name)
        return found

    def get_revision(self, name: str) -> AnyMessage:
        """The revision of a full name.

        Raises:
            ApiError: `NOT_FOUND`.
        """
        payload = self.store.get(REVISION, name)
        if payload is None:
            raise not_found(name)
        return pb.Revision.FromString(payload)

    def create(self, name: str, given: AnyMessage, principal: str) -> AnyMessage:
        """Creates a service and its first revision.

        Args:
            name: Its full name.
            given: The `Service` that is wanted.
            principal: Who creates it.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `ALREADY_EXISTS`, `NOT_FOUND` (an image).
        """
        if not _ID.fullmatch(name.rpartition("/")[2]):
            raise invalid("service_id", "must begin with a letter, and have letters, digits and hyphens, 49 at most")
        with self.store.transaction():
            if self.find(name) is not None:
                raise already_exists(name)
            service = pb.Service(name=name, uid=self._uid(), creator=principal)
            service.create_time.FromDatetime(self._clock.now())
            return self._apply(service, given, principal)

    def update(
        self, name: str, given: AnyMessage, principal: str, mask: field_mask_pb2.FieldMask | None = None
    ) -> AnyMessage:
        """Changes a service; a changed template makes a new revision.

        Args:
            name: Its full name.
            given: The `Service` that is wanted.
            principal: Who changes it.
            mask: Which fields are taken from it; `None` or an empty one for all.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `NOT_FOUND` (the service, an image), `ABORTED` (another etag).
        """
        with self.store.transaction():
            service = self.get(name)
            check_etag(service, given.etag)
            wanted = pb.Service()
            if mask is None or not mask.paths or "*" in mask.paths:
                wanted.CopyFrom(given)
            else:
                if not mask.IsValidForDescriptor(pb.Service.DESCRIPTOR):
                    raise invalid("update_mask", f"names a field that is not there: {', '.join(mask.paths)}")
                wanted.CopyFrom(service)
                mask.MergeMessage(given, wanted, True, True)
            return self._apply(service, wanted, principal)

    def delete(self, name: str, etag: str = "") -> AnyMessage:
        """Deletes a service and its revisions; returns what it was.

        Raises:
            ApiError: `NOT_FOUND`, `ABORTED` (another etag).
        """
        with self.store.transaction():
            service = self.get(name)
            check_etag(service, etag)
            self.store.delete_below(REVISION, f"{name}/")
            self.store.delete("iam-policy", name)
            self.store.delete(SERVICE, name)
        service.delete_time.FromDatetime(self._clock.now())
        return service

    def delete_revision(self, name: str, etag: str = "") -> AnyMessage:
        """Deletes a revision that serves nothing; returns what it was.

        Raises:
            ApiError: `NOT_FOUND`, `ABORTED` (another etag), `FAILED_PRECONDITION` (it serves, or is the latest).
        """
        with self.store.transaction():
            revision = self.get_revision(name)
            check_etag(revision, etag)
            service = self.get(name.rpartition("/revisions/")[0])
            serving = {status.revision for status in service.traffic_statuses}
            if name == service.latest_created_revision or name.rpartition("/")[2] in serving:
                raise failed_precondition(f"Revision '{name}' serves traffic or is the latest one of its service")
            self.store.delete(REVISION, name)
        return revision

    def _apply(self, service: AnyMessage, given: AnyMessage, principal: str) -> AnyMessage:
        """Has a service be what is given, and saves it."""
        before = service.template.SerializeToString(deterministic=True)
        for field in _GIVEN_BY_USERS:
            service.ClearField(field)
            if field in {set_field.name for set_field, _ in given.ListFields()}:
                service.MergeFrom(_only(given, field))
        if not service.template.containers or not all(each.image for each in service.template.containers):
            raise invalid("service.template.containers", "is required: a container with an image")
        service.generation += 1
        service.observed_generation = service.generation
        service.last_modifier = principal
        service.update_time.FromDatetime(self._clock.now())
        if service.template.SerializeToString(deterministic=True) != before:
            self._add_revision(service)
        if not service.traffic:
            service.traffic.add(type_=traffic.LATEST, percent=100)
        service.uri = _uri(service.name)
        del service.urls[:], service.traffic_statuses[:]
        service.urls.append(service.uri)
        latest = service.latest_ready_revision.rpartition("/")[2]

        def known(revision: str) -> bool:
            return self.store.get(REVISION, f"{service.name}/revisions/{revision}") is not None

        service.traffic_statuses.extend(traffic.statuses(service.traffic, latest, service.uri, known))
        _set_ready(service, ("ConfigurationsReady", "RoutesReady"), self._clock)
        self._save(SERVICE, service, service.name.rpartition("/services/")[0])
        return service

    def _add_revision(self, service: AnyMessage) -> None:
        template, name = service.template, service.name
        revision_id = template.revision or self._revision_id(service)
        if not _REVISION_ID.fullmatch(revision_id) or not revision_id.startswith(f"{name.rpartition('/')[2]}-"):
            raise invalid(
                "service.template.revision", f"{revision_id!r} must begin with the service's name and a hyphen"
            )
        full = f"{name}/revisions/{revision_id}"
        if self.store.get(REVISION, full) is not None:
            raise already_exists(full)
        revision = pb.Revision(
            name=full,
            uid=self._uid(),
            generation=1,
            observed_generation=1,
            service=name.rpartition("/")[2],
            creator=service.last_modifier,
            launch_stage=service.launch_stage,
        )
        given = {field.name for field, _ in template.ListFields()}
        for field in _OF_A_TEMPLATE:
            if field in given:
                _copy(template, revision, field)
        for container in revision.containers:
            container.image = self._digest(container.image)
        revision.create_time.FromDatetime(self._clock.now())
        revision.update_time.FromDatetime(self._clock.now())
        _set_ready(revision, ("ContainerHealthy", "ContainerReady", "ResourcesAvailable"), self._clock)
        self._save(REVISION, revision, name)
        service.latest_created_revision = service.latest_ready_revision = full

    def _digest(self, image: str) -> str:
        found = self._resolve(image)
        if found is None:
            raise ApiError(Code.NOT_FOUND, f"Image '{image}' not found.")
        return found

    def _revision_id(self, service: AnyMessage) -> str:
        number = self.store.count(REVISION, parent=service.name) + 1
        latest = re.search(r"-(\d{5})-\w{3}$", service.latest_created_revision)
        number = max(number, int(latest[1]) + 1 if latest else 1)
        suffix = "".join(self._random.choice(_SUFFIX) for _ in range(3))
        return f"{service.name.rpartition('/')[2]}-{number:05d}-{suffix}"

    def _save(self, kind: str, message: AnyMessage, parent: str) -> None:
        message.etag = ""
        message.etag = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()[:16]
        self.store.put(kind, message.name, message.SerializeToString(), parent=parent)

    def _uid(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def services_listing(present: Callable[[AnyMessage], None] | None = None) -> Listing:
    """How services are listed."""
    return Listing(SERVICE, "services", pb.Service, "name", present=present)


def revisions_listing(present: Callable[[AnyMessage], None] | None = None) -> Listing:
    """How revisions are listed: the newest first."""
    return Listing(REVISION, "revisions", pb.Revision, present=present)


def check_etag(message: AnyMessage, etag: str) -> None:
    """Refuses a change that was meant for another state.

    Raises:
        ApiError: `ABORTED`.
    """
    if etag and etag != message.etag:
        problem = f"version '{etag}' was specified but current version is '{message.etag}'."
        raise ApiError(Code.ABORTED, f"Conflict for resource '{message.name}': {problem}")


def _set_ready(message: AnyMessage, parts: tuple[str, ...], clock: Clock) -> None:
    del message.conditions[:]
    ready = pb.Condition(type_="Ready", state=pb.Condition.State.CONDITION_SUCCEEDED)
    ready.last_transition_time.FromDatetime(clock.now())
    if "terminal_condition" in message.DESCRIPTOR.fields_by_name:
        message.terminal_condition.CopyFrom(ready)
    else:
        message.conditions.append(ready)
    for part in parts:
        condition = message.conditions.add()
        condition.CopyFrom(ready)
        condition.type_ = part


def _only(message: AnyMessage, field: str) -> AnyMessage:
    """A message that has one field of another alone."""
    mask, one = field_mask_pb2.FieldMask(paths=[field]), type(message)()
    mask.MergeMessage(message, one)
    return one


def _copy(source: AnyMessage, destination: AnyMessage, field: str) -> None:
    """Copies a field between two types of messages that both have it."""
    value, descriptor = getattr(source, field), source.DESCRIPTOR.fields_by_name[field]
    if descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
        getattr(destination, field).update(value)
    elif descriptor.is_repeated:
        getattr(destination, field).extend(value)
    elif descriptor.message_type is not None:
        getattr(destination, field).CopyFrom(value)
    else:
        setattr(destination, field, value)


def _uri(name: str) -> str:
    _, project, _, location, _, service = name.split("/")
    return f"https://{service}-{project_number(project)}.{location}.run.app"
