"""Storage's JSON API over HTTP: `/storage/v1`, `/upload/storage/v1`, `/download/storage/v1`, `/batch/storage/v1`."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from msp.localcloud.http_methods import HttpApi
from msp.localcloud.intake import Intake
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import StorageError, invalid, refusal
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.table import methods


def routes(state: BucketState, intake: Intake) -> list[BaseRoute]:
    """Storage's routes."""
    app = StorageApi(methods(state), intake)
    below = ("/storage/v1", "/upload/storage/v1", "/resumable/upload/storage/v1", "/download/storage/v1")
    return [*(Route(path + "/{path:path}", app) for path in below), Route("/batch/storage/v1", app)]


class StorageApi(HttpApi[Call]):
    """Storage as an ASGI application."""

    service = "storage"

    def path(self, scope: Scope) -> str:
        """The path as sent: an object's slashes come encoded."""
        return str(scope["raw_path"].decode("latin-1"))

    def fields(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """`bucket`, `object`, `target_bucket`, `target_object`, decoded."""
        try:
            return {name: unquote(value, errors="strict") for name, value in found.items()}
        except UnicodeDecodeError:
            raise invalid("Names in paths are percent-encoded UTF-8.") from None

    def call(self, request: Request, fields: Mapping[str, str]) -> Call:
        """The call of a method."""
        return Call(request, fields)

    def project(self, told: Mapping[str, str]) -> str:
        """The project in the query, of those who make or list buckets."""
        return told.get("project", "")

    def refusal(self, status: int, message: str) -> StorageError:
        """An error of the API for any status."""
        return refusal(status, message)

    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> StorageError:
        """405, or 501 for a path that the real service may have."""
        if allowed:
            return StorageError(405, "methodNotAllowed", f"The local cloud has no {verb} of {path}.")
        return StorageError(501, "notImplemented", f"The local cloud does not emulate {verb} {path}.")
