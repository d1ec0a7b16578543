"""Cloud Audit Logs: who did what, written in the transaction of what was done.

An entry is as `google.cloud.audit.AuditLog` defines it. A long-running operation writes two, of which the one says
`first`, with the request, and the other `last`, with the response.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from google.cloud.audit import audit_log_pb2
from google.longrunning import operations_pb2
from google.protobuf import struct_pb2
from google.protobuf.message import Message

from msp.localcloud.caller import CALLER, Caller, acting_as
from msp.localcloud.clock import Clock
from msp.localcloud.json_text import json_text
from msp.localcloud.logging import messages as pb
from msp.localcloud.logging.activities import ACTIVITIES, Activity, activity, resource_name
from msp.localcloud.logging.entries import Entries
from msp.localcloud.methods import AnyMessage, Handler, Method
from msp.localcloud.operations import Operations
from msp.localcloud.status import ApiError, Code
from msp.localcloud.store import Store

M = TypeVar("M", bound=Message)

_LOG_ID = "cloudaudit.googleapis.com%2Factivity"
_UNDER_WAY = "audited-operation"
_OVERRIDE = "clouddeploy.deployPolicies.override"


@dataclass(frozen=True)
class Call:
    """A call to be logged.

    Attributes:
        activity: What it is logged as.
        resource: The full name of what it changes, `projects/p/locations/l/targets/t`.
        request: What was asked for, as JSON, with its `@type`.
        caller: Who asked.
        began: When.
        labels: The labels of the monitored resource, where the service has a type of its own.
        kind: That type, `cloud_run_revision`.
    """

    activity: Activity
    resource: str
    request: dict[str, Any]
    caller: Caller
    began: datetime
    kind: str = "audited_resource"
    labels: tuple[tuple[str, str], ...] = ()


class AuditLog:
    """Logs what changes something.

    Args:
        entries: Where to.
        store: Has the transactions in which things change, and what was begun.
        clock: Tells when.
        operations: Tells when an operation that took its time has ended.
    """

    def __init__(self, entries: Entries, store: Store, clock: Clock, operations: Operations) -> None:
        self._entries = entries
        self._store = store
        self._clock = clock
        operations.listeners.append(self._operation_ended)

    def recorded(self, method: Method) -> Method:
        """A method whose calls are logged, if they are an administrator's activity; otherwise the method as it is.

        A call that only validates changes nothing, and neither does one that repeats a request id; they aren't logged.
        """
        handler: Any = method.handler
        if handler is None or (method.full_name not in ACTIVITIES and method.name != "SetIamPolicy"):
            return method

        def handle(request: AnyMessage) -> Message:
            found = activity(method, request)
            if found is None:
                answer: Message = handler(request)
                return answer
            name = resource_name(method, request)
            if found.service == "run.googleapis.com":
                call = self.call(found, name, _json(request), *cloud_run_revision(name))
            else:
                call = self.call(found, name, _json(request))
            logged: Message = self.logged(call, lambda: handler(request))
            return logged

        wrapped: Handler = handle
        return replace(method, handler=wrapped)

    def call(
        self,
        activity: Activity,
        resource: str,
        request: dict[str, Any],
        kind: str = "audited_resource",
        labels: tuple[tuple[str, str], ...] = (),
    ) -> Call:
        """A call that is made now, by whoever makes one now."""
        return Call(activity, resource, request, CALLER.get(), self._clock.now(), kind, labels)

    def automated(self, caller: Caller, method: str, resource: str, request: Message, act: Callable[[], M]) -> M:
        """What the service itself does as `caller`, as if that one had called `method`; logged if it succeeds.

        Args:
            caller: The service account that acts.
            method: The method's name, `google.cloud.deploy.v1.CloudDeploy/CreateRollout`.
            resource: The full name of what is changed.
            request: What it would have asked for.
            act: Does it.
        """
        with acting_as(caller):
            call = self.call(ACTIVITIES[method], resource, _json(request))
            with self._store.transaction():
                answer = act()
                self._write(call, _json(answer))
            return answer

    def logged(self, call: Call, act: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever `act` returns)
        """Does what a call asks for, and logs it: in the same transaction, or by itself when it is refused.

        Args:
            call: What is asked for.
            act: Does it; returns a message, an operation, or JSON.
        """
        try:
            with self._store.transaction():
                before = self._store.created()
                answer = act()
                if not isinstance(answer, operations_pb2.Operation):
                    self._write(call, answer if isinstance(answer, dict) else _json(answer))
                elif self._store.created() > before:
                    self._operation_began(call, answer)
                return answer
        except ApiError as error:
            self._write(call, None, error)
            raise

    def _operation_began(self, call: Call, operation: operations_pb2.Operation) -> None:
        entry, first = self._entry(call)
        _set_operation(entry, operation.name, first=True)
        if not operation.done:
            # What was asked for stands in the first entry; the last has the rest in common with it.
            shown = type(first)()
            shown.CopyFrom(first)
            shown.ClearField("request")
            entry.proto_payload.Pack(shown)
            self._store.put(_UNDER_WAY, operation.name, entry.SerializeToString())
        entry.proto_payload.Pack(first)
        self._entries.write(entry)
        if operation.done:
            last, payload = self._entry(replace(call, request={}))
            self._write_end(last, payload, operation)

    def _operation_ended(self, operation: operations_pb2.Operation) -> None:
        begun = self._store.get(_UNDER_WAY, operation.name)
        if begun is None:
            return
        self._store.delete(_UNDER_WAY, operation.name)
        entry, payload = pb.LogEntry.FromString(begun), audit_log_pb2.AuditLog()
        entry.proto_payload.Unpack(payload)
        for field in ("timestamp", "receive_timestamp", "insert_id"):
            entry.ClearField(field)
        self._write_end(entry, payload, operation)

    def _write_end(
        self, entry: AnyMessage, payload: audit_log_pb2.AuditLog, operation: operations_pb2.Operation
    ) -> None:
        _set_operation(entry, operation.name, last=True)
        if operation.HasField("error"):
            _refuse(entry, payload, operation.error.code, operation.error.message)
        elif operation.HasField("response"):
            payload.response.CopyFrom(_struct(_unpacked(operation.response)))
        entry.proto_payload.Pack(payload)
        self._entries.write(entry)

    def _write(self, call: Call, response: dict[str, Any] | None, error: ApiError | None = None) -> None:
        entry, payload = self._entry(call)
        if error is not None:
            _refuse(entry, payload, error.code, error.message)
            payload.authorization_info[0].granted = error.code is not Code.PERMISSION_DENIED
        elif response:
            payload.response.CopyFrom(_struct(response))
        entry.proto_payload.Pack(payload)
        self._entries.write(entry)

    def _entry(self, call: Call) -> tuple[AnyMessage, audit_log_pb2.AuditLog]:
        project = call.resource.split("/")[1]
        own = {"service": call.activity.service, "method": call.activity.method}
        entry = pb.LogEntry(log_name=f"projects/{project}/logs/{_LOG_ID}", severity="NOTICE")
        entry.resource.type = call.kind
        for name, value in (("project_id", project), *(call.labels or own.items())):
            entry.resource.labels[name] = value
        return entry, _payload(call)


def cloud_run_revision(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The type of monitored resource that Cloud Run's entries have, and its labels.

    Args:
        name: Of a service, or of a revision of one: `projects/p/locations/l/services/s[/revisions/r]`.
    """
    _, _, _, location, _, service, *rest = name.split("/")
    revision = rest[-1] if rest else ""
    labels = {"location": location, "service_name": service, "revision_name": revision, "configuration_name": ""}
    return "cloud_run_revision", tuple(labels.items())


def _payload(call: Call) -> audit_log_pb2.AuditLog:
    caller, authority = call.caller, call.activity
    payload = audit_log_pb2.AuditLog(
        service_name=authority.service, method_name=authority.method, resource_name=call.resource
    )
    payload.status.SetInParent()
    who = payload.authentication_info
    who.principal_email, who.principal_subject = caller.principal, _subject(caller.principal)
    for delegate in caller.delegates:
        info = who.service_account_delegation_info.add()
        info.principal_subject, info.first_party_principal.principal_email = _subject(delegate), delegate
    metadata = payload.request_metadata
    metadata.caller_ip, metadata.caller_supplied_user_agent = caller.ip, caller.user_agent
    metadata.request_attributes.time.FromDatetime(call.began)
    metadata.request_attributes.reason = caller.reason
    metadata.request_attributes.auth.SetInParent()
    metadata.destination_attributes.SetInParent()
    segments = call.resource.split("/")
    if location := dict(call.labels).get("location") or "/".join(segments[2:4]).removeprefix("locations/"):
        payload.resource_location.current_locations.append(location)
    needed = [(call.resource, authority.permission)]
    for policy in call.request.get("overrideDeployPolicy", []):
        full = policy if "/" in policy else f"{'/'.join(segments[:4])}/deployPolicies/{policy}"
        needed.append((full, _OVERRIDE))
    for resource, permission in needed:
        info = payload.authorization_info.add(resource=resource, permission=permission, granted=True)
        info.permission_type = audit_log_pb2.AuthorizationInfo.ADMIN_WRITE
        info.resource_attributes.service, info.resource_attributes.name = authority.service, resource
    if call.request:
        payload.request.CopyFrom(_struct(call.request))
    return payload


def _set_operation(entry: AnyMessage, name: str, *, first: bool = False, last: bool = False) -> None:
    producer = entry.resource.labels.get("service") or "run.googleapis.com"
    entry.operation.id, entry.operation.producer = name, producer
    entry.operation.first, entry.operation.last = first, last


def _refuse(entry: AnyMessage, payload: audit_log_pb2.AuditLog, code: int, message: str) -> None:
    entry.severity = pb.LogEntry.DESCRIPTOR.fields_by_name["severity"].enum_type.values_by_name["ERROR"].number
    payload.status.code, payload.status.message = int(code), message


def _subject(principal: str) -> str:
    return f"{'serviceAccount' if principal.endswith('.gserviceaccount.com') else 'user'}:{principal}"


def _json(message: Message) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/{message.DESCRIPTOR.full_name}", **json.loads(json_text(message))}


def _unpacked(packed: AnyMessage) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(json_text(packed))
    # The JSON of an `Any` has its type's name already; that of an empty message has a `value` besides.
    return {name: value for name, value in said.items() if (name, value) != ("value", {})}


def _struct(value: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(value)
    return struct
