"""Storage over HTTP.

The JSON API is below `/storage/v1`, `/upload/storage/v1`, `/download/storage/v1` and `/batch/storage/v1`.
The XML API is at `/bucket/object`.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from msp.localcloud.http_methods import HttpApi, HttpError
from msp.localcloud.intake import Intake
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import StorageError, invalid, refusal
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.table import methods
from msp.localcloud.storage.xml_documents import error_document
from msp.localcloud.storage.xml_table import xml_methods

_OTHER = re.compile(r"/($|v\d|batch/|console/|discovery/|download/|resumable/|storage/|upload/|[^a-z0-9])")
"""Paths at which no bucket is looked for: those of other APIs, as on Google's own host."""


def routes(state: BucketState, intake: Intake) -> list[BaseRoute]:
    """Storage's routes; to stand behind all others, as a bucket may have any name."""
    app = StorageApi(methods(state), intake)
    below = ("/storage/v1", "/upload/storage/v1", "/resumable/upload/storage/v1", "/download/storage/v1")
    json = [*(Route(path + "/{path:path}", app) for path in below), Route("/batch/storage/v1", app)]
    return [*json, Route("/{path:path}", XmlApi(xml_methods(state), intake))]


class StorageApi(HttpApi[Call]):
    """The JSON API as an ASGI application."""

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


class XmlApi(StorageApi):
    """The XML API as an ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, if it can be about a bucket."""
        if _OTHER.match(self.path(scope)):
            raise HTTPException(404)
        await super().__call__(scope, receive, send)

    def error_answer(self, error: HttpError) -> Response:
        """A refusal as an XML document."""
        assert isinstance(error, StorageError)  # noqa: S101 (its handlers raise no other)
        return error_document(error)

    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> StorageError:
        """501: the real API has more."""
        del allowed
        return StorageError(501, "notImplemented", f"The local cloud does not emulate {verb} {path} in the XML API.")
