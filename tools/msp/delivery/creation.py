"""Creating something in Cloud Deploy exactly once, whoever else tries, and whatever gets lost on the way."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from msp.delivery.clients import Clients
from msp.gcp.errors import AbortedError, AlreadyExistsError, ApiError, NotFoundError
from msp.gcp.messages import unpacked

if TYPE_CHECKING:
    from google.api_core.operation import Operation

T = TypeVar("T")

_NAMESPACE = uuid.UUID("6b0f0c9e-4a5b-5d0e-9d0a-0f5c1f1c6d10")
# Codes of an operation that failed for no fault of its request.
_TRANSIENT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "CANCELLED"})


@dataclass(frozen=True)
class Creation(Generic[T]):
    """How to create one resource.

    Attributes:
        key: What makes two requests the same: the resource's full name and what it is to hold.
        kind: The type of the resource: `google.cloud.deploy_v1.Release`.
        start: Asks for it under a request id.
        find: Fetches it where it exists.
    """

    key: str
    kind: type[T]
    start: "Callable[[str], Operation]"
    find: Callable[[], T]


def request_id(key: str) -> str:
    """The request id that every run and every runner gives the same request."""
    return str(uuid.uuid5(_NAMESPACE, key))


def create(creation: Creation[T], clients: Clients) -> tuple[T, bool]:
    """Creates a resource, or finds the one that somebody else has created.

    Returns:
        The resource, and whether it was made under our request.

    Raises:
        ApiError: Cloud Deploy refuses.
        UnreachableError: It can't be reached; the resource may have been made.
        PollTimeoutError: The operation did not end in time.
    """
    failures = 0
    identifier = request_id(creation.key)
    while True:
        failure: ApiError
        try:
            started = creation.start(identifier)
        except AlreadyExistsError:
            return creation.find(), False
        except AbortedError as error:
            # Somebody else is creating it at this moment.
            if (found := _await(creation, clients)) is not None:
                return found, False
            failure = error
        else:
            try:
                operation = clients.deploy.wait(started)
            except AlreadyExistsError:
                return creation.find(), False
            except ApiError as error:
                # The first answer may be an earlier run's failure, which the service keeps giving to this request id.
                if failures and error.code not in _TRANSIENT:
                    raise
                failure = error
            else:
                made = unpacked(operation.response, creation.kind)
                return (creation.find() if made is None else made), True
        failures += 1
        if failures >= clients.retry.attempts:
            raise failure
        seconds = clients.retry.delay(failures)
        clients.retry.notify(failure, seconds)
        clients.retry.sleep(seconds)
        identifier = str(uuid.uuid4())


def _await(creation: Creation[T], clients: Clients) -> T | None:
    """What somebody else creates, once it is there; None where it isn't after some looks."""
    for look in range(clients.retry.attempts):
        clients.retry.sleep(clients.retry.delay(look + 1))
        try:
            return creation.find()
        except NotFoundError:
            continue
    return None
