"""Creating something in Cloud Deploy exactly once, whoever else tries, and whatever gets lost on the way."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.errors import AbortedError, AlreadyExistsError, ApiError, NotFoundError
from msp.gcp.messages import unpacked
from msp.gcp.retry import RetryPolicy

if TYPE_CHECKING:
    from google.api_core.operation import Operation

T = TypeVar("T")

# Codes of an operation that failed for no fault of its request.
_TRANSIENT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "CANCELLED"})


@dataclass(frozen=True)
class Creation(Generic[T]):
    """How to create one resource.

    Attributes:
        kind: The type of the resource: `google.cloud.deploy_v1.Release`.
        start: Asks for it under a request id.
        find: Fetches it where it exists.
    """

    kind: type[T]
    start: "Callable[[str], Operation]"
    find: Callable[[], T]


def create(creation: Creation[T], deploy: CloudDeploy, retry: RetryPolicy) -> tuple[T, bool]:
    """Creates a resource, or finds the one that somebody else has created.

    That there is one is the resource's id's doing. The request id is this run's alone, and only repeats a request whose
    answer was lost: one that others share would be answered for an hour with what they made, deleted or not.

    Args:
        creation: Of what.
        deploy: Cloud Deploy.
        retry: How often to try, and how long to wait in between.

    Returns:
        The resource, and whether it was made under our request.

    Raises:
        ApiError: Cloud Deploy refuses.
        UnreachableError: It can't be reached; the resource may have been made.
        PollTimeoutError: The operation did not end in time.
    """
    failures = 0
    while True:
        failure: ApiError
        try:
            started = creation.start(str(uuid.uuid4()))
        except AlreadyExistsError as error:
            failure = error
        except AbortedError as error:
            # Somebody else is creating it at this moment.
            if (found := _await(creation, retry)) is not None:
                return found, False
            failure = error
        else:
            try:
                return _made(creation, started, deploy), True
            except ApiError as error:
                if error.code not in _TRANSIENT and not isinstance(error, AlreadyExistsError | NotFoundError):
                    raise
                failure = error
        if isinstance(failure, AlreadyExistsError):
            # Unless it was deleted since.
            with suppress(NotFoundError):
                return creation.find(), False
        failures += 1
        if failures >= retry.attempts:
            raise failure
        seconds = retry.delay(failures)
        retry.notify(failure, seconds)
        retry.sleep(seconds)


def _made(creation: Creation[T], started: "Operation", deploy: CloudDeploy) -> T:
    operation = deploy.wait(started)
    made = unpacked(operation.response, creation.kind)
    # What was done at once may be an older request's, repeated: only a look tells that it is still there.
    return creation.find() if made is None or started.operation.done else made


def _await(creation: Creation[T], retry: RetryPolicy) -> T | None:
    """What somebody else creates, once it is there; None where it isn't after some looks."""
    for look in range(retry.attempts):
        retry.sleep(retry.delay(look + 1))
        try:
            return creation.find()
        except NotFoundError:
            continue
    return None
