"""Errors as Google's APIs give them: one code, as an HTTP status and JSON body and as a gRPC status alike."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from google.protobuf import any_pb2, json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2


class Code(IntEnum):
    """The canonical codes (google/rpc/code.proto); the values are gRPC's."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http_status(self) -> int:
        """The HTTP status that google/rpc/code.proto maps the code to."""
        return _HTTP_STATUS[self]


_HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class ApiError(Exception):
    """What a method answers when it refuses.

    Attributes:
        code: The canonical code.
        message: For the developer who reads it: what is wrong, with the resource's name or the field's path.
        details: Messages of google/rpc/error_details.proto.
    """

    def __init__(self, code: Code, message: str, details: Sequence[Message] = ()) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.details = tuple(details)

    @property
    def http_status(self) -> int:
        """The HTTP status of the code."""
        return self.code.http_status

    def to_status(self) -> status_pb2.Status:
        """The error as `google.rpc.Status`, as operations and gRPC trailers carry it."""
        status = status_pb2.Status(code=int(self.code), message=self.message)
        for detail in self.details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    def to_json(self) -> dict[str, Any]:
        """The error in the shape of Google's REST APIs, `{"error": {"code": 404, "message": …, "status": …}}`."""
        error: dict[str, Any] = {"code": self.http_status, "message": self.message, "status": self.code.name}
        if self.details:
            error["details"] = [json_format.MessageToDict(detail) for detail in self.to_status().details]
        return {"error": error}


def invalid(field: str, problem: str) -> ApiError:
    """An `INVALID_ARGUMENT` that names the field, in a `BadRequest` detail too.

    Args:
        field: The field's path in the request, as in the proto file: `delivery_pipeline.serial_pipeline.stages`.
        problem: What is wrong with it.
    """
    detail = error_details_pb2.BadRequest(
        field_violations=[error_details_pb2.BadRequest.FieldViolation(field=field, description=problem)]
    )
    return ApiError(Code.INVALID_ARGUMENT, f"{field}: {problem}", (detail,))


def not_found(name: str) -> ApiError:
    """A `NOT_FOUND` for a resource, in the words of Google's APIs."""
    return ApiError(Code.NOT_FOUND, f"Resource '{name}' was not found")


def already_exists(name: str) -> ApiError:
    """An `ALREADY_EXISTS` for a resource, in the words of Google's APIs."""
    return ApiError(Code.ALREADY_EXISTS, f"Resource '{name}' already exists")


def failed_precondition(message: str, kind: str = "", subject: str = "") -> ApiError:
    """A `FAILED_PRECONDITION`, with a `PreconditionFailure` detail when `kind` is given."""
    if not kind:
        return ApiError(Code.FAILED_PRECONDITION, message)
    violation = error_details_pb2.PreconditionFailure.Violation(type=kind, subject=subject, description=message)
    return ApiError(Code.FAILED_PRECONDITION, message, (error_details_pb2.PreconditionFailure(violations=[violation]),))
