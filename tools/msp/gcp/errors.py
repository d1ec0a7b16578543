"""What a remote service can answer instead of what was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from msp.errors import MspError
from msp.text import harmless_lines


class RemoteError(MspError):
    """A remote service refused or could not be reached.

    Attributes:
        transient: Whether asking again later may succeed.
        retry_after: Seconds the service asked to be left alone for, if it said so.
    """

    transient = False
    retry_after: float | None = None


class UnreachableError(RemoteError):
    """No whole answer arrived: no connection, a dropped one, or a timeout. What was asked for may have happened."""

    transient = True


class OddAnswerError(RemoteError):
    """A service answered something that its interface doesn't know. What was asked for may have happened."""


class CredentialsError(MspError):
    """There are no credentials, or they were turned down."""


class ApiError(RemoteError):
    """A Google API answered with an error (https://google.aip.dev/193).

    Attributes:
        code: Its canonical name, such as `NOT_FOUND`.
        http_status: The HTTP status it came with.
    """

    code = "UNKNOWN"
    http_status = 0


class NotFoundError(ApiError):
    """The resource does not exist."""

    code = "NOT_FOUND"


class AlreadyExistsError(ApiError):
    """A resource of that name exists."""

    code = "ALREADY_EXISTS"


class PermissionDeniedError(ApiError):
    """The caller is known and may not do this."""

    code = "PERMISSION_DENIED"


class UnauthenticatedError(ApiError):
    """The caller's credentials are missing, expired or wrong."""

    code = "UNAUTHENTICATED"


class FailedPreconditionError(ApiError):
    """The resource is not in a state in which this can be done: a suspended pipeline, for one."""

    code = "FAILED_PRECONDITION"


class AbortedError(ApiError):
    """Somebody else is changing it at this moment, or has since it was read."""

    code = "ABORTED"


class InvalidArgumentError(ApiError):
    """The request is not valid, whatever the state of the resource."""

    code = "INVALID_ARGUMENT"


_BY_CODE: dict[str, type[ApiError]] = {error.code: error for error in ApiError.__subclasses__()}

# For answers that carry no code of their own (the mapping of google/rpc/code.proto).
_CODE_BY_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

# google.rpc.Code by number, which a long-running operation's error carries instead of the name.
CODE_BY_NUMBER = {
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    6: "ALREADY_EXISTS",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    10: "ABORTED",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
    16: "UNAUTHENTICATED",
}

TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})

_HINTS = {
    "UNAUTHENTICATED": "run: gcloud auth application-default login",
    "PERMISSION_DENIED": (
        "ask for roles/clouddeploy.admin and roles/storage.admin in the pipeline's project; "
        "to release, roles/clouddeploy.releaser is enough"
    ),
    "ABORTED": "it was changed by someone else at the same time; run this again",
}

# Of an error's message; the rest is no message for people.
_MAX_MESSAGE = 4000


def api_error(
    message: str, *, http_status: int = 0, code: str = "", retry_after: float | None = None, hint: str = ""
) -> ApiError:
    """The error of the class that belongs to `code`, or to `http_status` where the answer had no code.

    Every error of a Google service is made here, so the service's own words are made harmless here.
    """
    if code not in _BY_CODE and code not in CODE_BY_NUMBER.values():
        code = _CODE_BY_STATUS.get(http_status, "UNKNOWN")
    error = _BY_CODE.get(code, ApiError)(harmless_lines(message, limit=_MAX_MESSAGE), hint=hint or _HINTS.get(code, ""))
    error.code = code
    error.http_status = http_status
    error.transient = http_status in TRANSIENT_STATUS
    error.retry_after = retry_after
    return error


@contextmanager
def about(what: str) -> Iterator[None]:
    """Says in a remote service's error what it is about: `target prod-us-central1: …`."""
    try:
        yield
    except (RemoteError, CredentialsError) as error:
        error.message = f"{what}: {error.message}"
        error.args = (error.message,)
        raise
