"""Errors in the shape of Cloud Storage's JSON API (https://cloud.google.com/storage/docs/json_api/v1/status-codes)."""

from typing import Any

from msp.localcloud.http_methods import HttpError


class StorageError(HttpError):
    """What Storage answers when it refuses.

    Attributes:
        status: The HTTP status.
        reason: Google's word for it, `notFound`.
        message: What is wrong, for its reader.
        code: The XML API's word for it, `NoSuchKey`; empty for its general one for the status.
    """

    def __init__(self, status: int, reason: str, message: str, code: str = "") -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.headers = {}
        self.reason = reason
        self.message = message
        self.code = code

    def to_json(self) -> dict[str, Any]:
        """The answer's body."""
        cause = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [cause]}}


def invalid(message: str) -> StorageError:
    """A 400 for a value that can't be."""
    return StorageError(400, "invalid", message)


def required(name: str) -> StorageError:
    """A 400 for what is missing."""
    return StorageError(400, "required", f"Required parameter: {name}")


def bucket_not_found() -> StorageError:
    """The 404 for a bucket."""
    return StorageError(404, "notFound", "The specified bucket does not exist.", "NoSuchBucket")


def object_not_found(bucket: str, name: str) -> StorageError:
    """The 404 for an object."""
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}", "NoSuchKey")


def condition_not_met() -> StorageError:
    """The 412 for a precondition."""
    return StorageError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def not_modified() -> StorageError:
    """The 304 for a read whose precondition says that the client has it already."""
    return StorageError(304, "notModified", "Not Modified")


def refusal(status: int, message: str) -> StorageError:
    """The error for an HTTP status that no method of the API gives, as injected faults need it."""
    reasons = {401: "authError", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded"}
    return StorageError(status, reasons.get(status, "backendError"), message)
