"""Errors in the shape of the OCI distribution specification ("Error Codes")."""

from collections.abc import Mapping
from typing import Any

from msp.localcloud.http_methods import HttpError

_STATUS = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 400,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DENIED": 403,
    "DIGEST_INVALID": 400,
    # Google's own code: `gcloud container images delete` asks for --force-delete-tags because of it.
    "GOOGLE_MANIFEST_DANGLING_TAG": 409,
    "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE": 409,
    "MANIFEST_BLOB_UNKNOWN": 400,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "PAGINATION_NUMBER_INVALID": 400,
    "SIZE_INVALID": 400,
    "TAG_INVALID": 400,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED": 405,
}


class RegistryError(HttpError):
    """What the registry answers when it refuses.

    Attributes:
        code: The specification's identifier, `BLOB_UNKNOWN`.
        message: What is wrong, for its reader.
        detail: What a program can read of it.
        status: The HTTP status.
        headers: Headers of the answer besides.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        detail: Any = None,  # noqa: ANN401 (unstructured, says the specification)
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.detail = detail
        self.status = status or _STATUS[code]
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        """The answer's body."""
        error = {"code": self.code, "message": self.message}
        return {"errors": [error if self.detail is None else {**error, "detail": self.detail}]}


def refusal(status: int, message: str) -> RegistryError:
    """The error for an HTTP status that no method of the registry gives, as injected faults need it."""
    code = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS"}.get(status, "UNKNOWN")
    return RegistryError(code, message, status=status)
