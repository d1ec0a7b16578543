"""Long-running operations: how changes are made, and the `google.longrunning.Operations` service.

A change is a function of its request that writes what it changes and returns the resource. Run at once, the operation
arrives done. With a `delay`, the change is tried and undone first, so that what is wrong is said at once, and made when
the operation ends; until then it can be cancelled.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from msp.localcloud.clock import Clock
from msp.localcloud.engine import Engine
from msp.localcloud.faults import Faults
from msp.localcloud.listed import Listed
from msp.localcloud.listing import Listing, page
from msp.localcloud.methods import AnyMessage, Binding, Handler, Method
from msp.localcloud.status import ApiError, Code, invalid, not_found
from msp.localcloud.store import Store

_KIND = "operation"
_REQUEST_IDS_FOR = timedelta(hours=24)
_SERVICE = "google.longrunning.Operations"


@dataclass(frozen=True)
class Change:
    """One method that makes a long-running operation.

    Attributes:
        method: Its full name, `google.cloud.deploy.v1.CloudDeploy/CreateTarget`.
        request_type: Its request's class.
        verb: What metadata calls it: `create`, `update`, `delete`.
        target: The name of the resource that a request changes.
        apply: Makes the change and returns the operation's response.
        metadata: The class of the operation's metadata.
    """

    method: str
    request_type: type[Message]
    verb: str
    target: Callable[[Any], str]
    apply: Callable[[Any], Message]
    metadata: Callable[..., Any]


class Operations:
    """The operations of all services.

    Args:
        store: Keeps operations, the requests of those under way, and request ids.
        engine: Ends those that take time.
        clock: Tells when they began and ended.
        random: Names them.
        faults: `{method}:operation` makes an operation of the method fail, after it was accepted.
        delay: How long an operation takes.
    """

    def __init__(
        self, *, store: Store, engine: Engine, clock: Clock, random: Random, faults: Faults, delay: timedelta
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._faults = faults
        self._delay = delay
        self._changes: dict[str, Change] = {}
        self.listeners: list[Callable[[operations_pb2.Operation], None]] = []
        """Told of each operation that has ended since it was begun, in the transaction in which it ended."""
        engine.on("operation", self._end_delayed)
        engine.on("forget-request-id", self._forget_request_id)

    def handler(self, change: Change) -> Handler:
        """The method's handler, to be put in the table."""
        self._changes[change.method] = change

        def handle(request: AnyMessage) -> operations_pb2.Operation:
            return self._begin(change, request)

        return handle

    def _begin(self, change: Change, request: AnyMessage) -> operations_pb2.Operation:
        request_id = _checked_request_id(getattr(request, "request_id", ""))
        target = change.target(request)
        parent = "/".join(target.split("/")[:4])
        remembered = f"{parent}|{change.method}|{request_id}" if request_id else ""
        if remembered and (earlier := self._store.get("request-id", remembered)) is not None:
            return self._load(earlier.decode())
        operation = operations_pb2.Operation(
            name=f"{parent}/operations/operation-{self._clock.now():%Y%m%d%H%M%S}-{self._random.getrandbits(64):016x}"
        )
        if getattr(request, "validate_only", False):
            self._finish(operation, change, target, self._rehearse(change, request))
            return operation
        fault = self._faults.take_failure(f"{change.method}:operation")
        failure = ApiError(Code[fault.code or "INTERNAL"], fault.message) if fault is not None else None
        with self._store.transaction():
            self._refuse_if_changing(target)
            if self._delay or failure is not None:
                self._rehearse(change, request)
                self._postpone(operation, change, target, request, failure)
            else:
                self._finish(operation, change, target, change.apply(request))
                self._save(operation, target)
            if remembered:
                self._store.put("request-id", remembered, operation.name.encode())
                self._store.schedule(self._clock.now() + _REQUEST_IDS_FOR, "forget-request-id", remembered)
        return operation

    def _rehearse(self, change: Change, request: AnyMessage) -> Message:
        """What the change would return, or its error; nothing is kept."""
        try:
            with self._store.transaction():
                raise _RehearsedError(change.apply(request))  # noqa: TRY301 (undoes it)
        except _RehearsedError as rehearsed:
            return rehearsed.response

    def _refuse_if_changing(self, target: str) -> None:
        if pending := self._store.list(_KIND, keys={"changing": target}, limit=1):
            raise ApiError(Code.ABORTED, f"Resource '{target}' is being changed by {pending[0].name}; try again later")

    def _postpone(
        self,
        operation: operations_pb2.Operation,
        change: Change,
        target: str,
        request: Message,
        failure: ApiError | None,
    ) -> None:
        operation.metadata.Pack(self._metadata(change, target))
        self._save(operation, target)
        asked = f"{change.method}\n".encode() + request.SerializeToString()
        self._store.put("operation-request", operation.name, asked)
        if failure is not None:
            self._store.put("operation-failure", operation.name, failure.to_status().SerializeToString())
        self._store.schedule(self._clock.now() + self._delay, "operation", operation.name)

    def _end_delayed(self, name: str) -> None:
        asked = self._store.get("operation-request", name)
        if asked is None:
            return
        method, _, serialized = asked.partition(b"\n")
        change = self._changes[method.decode()]
        request = change.request_type.FromString(serialized)
        operation, target = self._load(name), change.target(request)
        failure = self._store.get("operation-failure", name)
        if failure is not None:
            operation.error.ParseFromString(failure)
            self._finish(operation, change, target, None)
        else:
            try:
                with self._store.transaction():
                    self._finish(operation, change, target, change.apply(request))
            except ApiError as error:
                operation.error.CopyFrom(error.to_status())
                self._finish(operation, change, target, None)
        self._forget_request(name)
        self._save(operation, target)
        self._tell(operation)

    def _tell(self, operation: operations_pb2.Operation) -> None:
        for listener in self.listeners:
            listener(operation)

    def _finish(
        self, operation: operations_pb2.Operation, change: Change, target: str, response: Message | None
    ) -> None:
        metadata = self._metadata(change, target)
        if operation.HasField("metadata"):
            operation.metadata.Unpack(metadata)
        if _tells_times(metadata):
            metadata.end_time.FromDatetime(self._clock.now())
        operation.metadata.Pack(metadata)
        operation.done = True
        if response is not None:
            operation.response.Pack(response)

    def _metadata(self, change: Change, target: str) -> AnyMessage:
        metadata = change.metadata()
        if _tells_times(metadata):
            metadata.target, metadata.verb, metadata.api_version = target, change.verb, "v1"
            metadata.create_time.FromDatetime(self._clock.now())
        return metadata

    def _load(self, name: str) -> operations_pb2.Operation:
        payload = self._store.get(_KIND, name)
        if payload is None:
            raise not_found(name)
        return operations_pb2.Operation.FromString(payload)

    def _save(self, operation: operations_pb2.Operation, target: str) -> None:
        parent = operation.name.rpartition("/operations/")[0]
        keys = {} if operation.done else {"changing": target}
        self._store.put(_KIND, operation.name, operation.SerializeToString(), parent=parent, keys=keys)

    def _forget_request(self, name: str) -> None:
        self._store.delete("operation-request", name)
        self._store.delete("operation-failure", name)

    def get(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        """`GetOperation`."""
        return self._load(request.name)

    def list(self, request: operations_pb2.ListOperationsRequest) -> Listed:
        """`ListOperations`, newest first."""
        # The service calls a list's parent its name.
        query = _OperationsQuery(request.name, request.page_size, request.page_token, request.filter)
        listing = Listing(_KIND, "operations", operations_pb2.Operation)
        return page(self._store, listing, query, operations_pb2.ListOperationsResponse)

    def cancel(self, request: operations_pb2.CancelOperationRequest) -> empty_pb2.Empty:
        """`CancelOperation`: what is not done yet ends as `CANCELLED`, and its change is not made."""
        with self._store.transaction():
            operation = self._load(request.name)
            asked = self._store.get("operation-request", request.name)
            if asked is not None:
                method, _, serialized = asked.partition(b"\n")
                change = self._changes[method.decode()]
                target = change.target(change.request_type.FromString(serialized))
                metadata = change.metadata()
                operation.metadata.Unpack(metadata)
                if _tells_times(metadata):
                    metadata.requested_cancellation = True
                operation.metadata.Pack(metadata)
                operation.error.CopyFrom(ApiError(Code.CANCELLED, "The operation was cancelled").to_status())
                self._finish(operation, change, target, None)
                self._forget_request(request.name)
                self._store.unschedule("operation", request.name)
                self._save(operation, target)
                self._tell(operation)
        return empty_pb2.Empty()

    def delete(self, request: operations_pb2.DeleteOperationRequest) -> empty_pb2.Empty:
        """`DeleteOperation`: forgets one that is done."""
        operation = self._load(request.name)
        if not operation.done:
            raise ApiError(Code.FAILED_PRECONDITION, f"Operation '{request.name}' is not done; cancel it first")
        self._store.delete(_KIND, request.name)
        return empty_pb2.Empty()

    async def wait(self, request: operations_pb2.WaitOperationRequest) -> operations_pb2.Operation:
        """`WaitOperation`: returns when it is done, or with what it is after the timeout (at most a minute)."""
        timeout = min(request.timeout.ToTimedelta().total_seconds(), 60) if request.HasField("timeout") else 60
        end = asyncio.get_running_loop().time() + timeout
        while True:
            operation = self._load(request.name)
            if operation.done or asyncio.get_running_loop().time() >= end:
                return operation
            await asyncio.sleep(0.02)

    def _forget_request_id(self, remembered: str) -> None:
        self._store.delete("request-id", remembered)

    def methods(self, version: str = "v1") -> Sequence[Method]:
        """The service's table.

        Args:
            version: What its paths begin with; Cloud Run's `v2` has one to wait at, too.
        """
        name = f"/{version}/{{name=projects/*/locations/*/operations/*}}"
        wait = (Binding("POST", f"{name}:wait", "*"),) if version == "v2" else ()
        pb, empty = operations_pb2, empty_pb2.Empty
        return [
            Method(_SERVICE, "GetOperation", (Binding("GET", name),), pb.GetOperationRequest, pb.Operation, self.get),
            Method(
                _SERVICE,
                "ListOperations",
                (Binding("GET", f"/{version}/{{name=projects/*/locations/*}}/operations"),),
                pb.ListOperationsRequest,
                pb.ListOperationsResponse,
                self.list,
            ),
            Method(
                _SERVICE,
                "CancelOperation",
                (Binding("POST", f"{name}:cancel", "*"),),
                pb.CancelOperationRequest,
                empty,
                self.cancel,
            ),
            Method(
                _SERVICE, "DeleteOperation", (Binding("DELETE", name),), pb.DeleteOperationRequest, empty, self.delete
            ),
            Method(_SERVICE, "WaitOperation", wait, pb.WaitOperationRequest, pb.Operation, self.wait),
        ]


def _tells_times(metadata: AnyMessage) -> bool:
    """Whether an operation's metadata are of the common form; Artifact Registry's are empty, Cloud Run's a resource."""
    return "end_time" in metadata.DESCRIPTOR.fields_by_name


@dataclass(frozen=True)
class _OperationsQuery:
    parent: str
    page_size: int
    page_token: str
    filter: str


class _RehearsedError(Exception):
    """Carries the response of a rehearsed change out of its transaction, which is thereby undone."""

    def __init__(self, response: Message) -> None:
        super().__init__()
        self.response = response


def _checked_request_id(text: str) -> str:
    if not text:
        return ""
    try:
        value = uuid.UUID(text)
    except ValueError:
        raise invalid("request_id", f"{text!r} is not a UUID") from None
    if value.int == 0:
        raise invalid("request_id", "the zero UUID is not supported")
    return str(value)
