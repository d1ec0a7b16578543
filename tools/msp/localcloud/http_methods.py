"""APIs that are spoken over HTTP alone: a table with one row for each method, and the application that serves it."""

import math
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from msp.localcloud import disk
from msp.localcloud.http_faults import with_faults
from msp.localcloud.http_patience import StalledError
from msp.localcloud.intake import Intake
from msp.localcloud.quotas import retry_delay
from msp.localcloud.request_context import RequestContext
from msp.localcloud.status import ApiError

CallT = TypeVar("CallT")


class HttpError(Exception):
    """What an API answers when it refuses; each API has a class of its own.

    Attributes:
        status: The HTTP status.
        headers: Headers of the answer besides.
    """

    status: int
    headers: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The answer's body, in the API's own form."""
        raise NotImplementedError


def anybody(_: object) -> None:
    """The access of a method that everybody may call."""


@dataclass(frozen=True)
class HttpMethod(Generic[CallT]):
    """A row of an API's table.

    Attributes:
        verb: `GET`, `HEAD`, `POST`, `PATCH`, `PUT`, `DELETE`.
        path: A template, `/v2/{repository=**}/blobs/{reference}`: a field stands for one segment, with `=**` for
            several; what is in brackets may be missing; after a `?` stands what the query must hold, `?alt=media&name`.
        name: The method's name as faults know it, `GetBlob`.
        handler: Takes the call and returns the answer, or raises an `HttpError`.
        access: Takes the call and raises an `HttpError` when its caller may not make it.
    """

    verb: str
    path: str
    name: str
    handler: Callable[[CallT], Awaitable[Response]]
    access: Callable[[CallT], None] = anybody

    def match(self, path: str, query: Mapping[str, str]) -> dict[str, str] | None:
        """The fields in a path as they stand there; `None` when the path or the query is another method's."""
        found = self._pattern.fullmatch(path)
        if found is None or not all(name in query and value in {"", query[name]} for name, value in self._wanted):
            return None
        return found.groupdict()

    @cached_property
    def _wanted(self) -> list[tuple[str, str]]:
        return parse_qsl(self.path.partition("?")[2], keep_blank_values=True)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pattern = ""
        template = self.path.partition("?")[0]
        for field, several, optional, literal in re.findall(r"\{(\w+)(=\*\*)?\}|\[([^]]*)\]|([^{[]+)", template):
            if field:
                pattern += f"(?P<{field}>{'.+' if several else '[^/]+'})"
            else:
                pattern += f"(?:{re.escape(optional)})?" if optional else re.escape(literal)
        return re.compile(pattern)


class HttpApi(ABC, Generic[CallT]):
    """An API as an ASGI application.

    Args:
        methods: Its table; of several rows that fit a request, the first is called.
        intake: Asked at each call.
    """

    service: ClassVar[str]
    """Its name as faults know it, `registry`."""

    headers: ClassVar[Mapping[str, str]] = {}
    """What each of its answers carries."""

    def __init__(self, methods: Sequence[HttpMethod[CallT]], intake: Intake) -> None:
        self._methods = methods
        self._intake = intake

    @abstractmethod
    def path(self, scope: Scope) -> str:
        """The path that templates are held against."""

    @abstractmethod
    def fields(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """The fields in a path as handlers read them, or an `HttpError`."""

    @abstractmethod
    def call(self, request: Request, fields: Mapping[str, str]) -> CallT:
        """A request as handlers take it."""

    @abstractmethod
    def project(self, told: Mapping[str, str]) -> str:
        """The project that a request is for, empty where it can't be known from its path and query.

        Args:
            told: The fields in the path, and the query's parameters.
        """

    @abstractmethod
    def refusal(self, status: int, message: str) -> HttpError:
        """The API's own error for what none of its methods says: an injected fault, a full disk, a stalled client."""

    @abstractmethod
    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> HttpError:
        """The API's own error for a request that no row fits.

        Args:
            verb: The request's verb.
            path: The request's path.
            allowed: The verbs that the path has; empty when there is no such path.
        """

    def error_answer(self, error: HttpError) -> Response:
        """A refusal in the API's own form: JSON, unless the API has another."""
        return JSONResponse(error.to_json(), error.status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        try:
            method, fields = self._find(scope)
            self._admit(method, scope, fields)
        except HttpError as error:
            await self._refuse(error)(scope, receive, send)
            return

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            call = self.call(Request(scope, receive), fields)
            try:
                method.access(call)
                response = await method.handler(call)
            except HttpError as error:
                response = self._refuse(error)
            except ClientDisconnect:
                return
            except (OSError, sqlite3.Error, StalledError) as error:
                response = self._failed(error)
            response.headers.update(self.headers)
            await response(scope, receive, send)

        faulty = with_faults(self._intake.faults, f"{self.service}/{method.name}", serve, self._refuse_with)
        await faulty(scope, receive, send)

    def _admit(self, method: HttpMethod[CallT], scope: Scope, fields: Mapping[str, str]) -> None:
        names = [f"projects/{project}"] if (project := self.project({**Request(scope).query_params, **fields})) else []
        try:
            self._intake.admit(RequestContext.of(f"{self.service}/{method.name}", names))
        except ApiError as error:
            refused = self.refusal(error.http_status, error.message)
            refused.headers["Retry-After"] = str(math.ceil(retry_delay(error).total_seconds()))
            raise refused from None

    def _find(self, scope: Scope) -> tuple[HttpMethod[CallT], Mapping[str, str]]:
        verb, path, query = scope["method"], self.path(scope), Request(scope).query_params
        for method in self._methods:
            if method.verb == verb and (found := method.match(path, query)) is not None:
                return method, self.fields(found)
        allowed = {method.verb: None for method in self._methods if method.match(path, query) is not None}
        raise self.unknown(verb, path, [*allowed])

    def _failed(self, error: Exception) -> Response:
        if isinstance(error, StalledError):
            response = self._refuse(self.refusal(408, str(error)))
            response.headers["Connection"] = "close"
            return response
        if disk.is_full(error):
            return self._refuse(self.refusal(507, disk.FULL))
        raise error

    def _refuse_with(self, status: int, message: str) -> Response:
        return self._refuse(self.refusal(status, message))

    def _refuse(self, error: HttpError) -> Response:
        headers = {**self.headers, **error.headers}
        if error.status == 304:
            return Response(status_code=304, headers=headers)
        response = self.error_answer(error)
        response.headers.update(headers)
        return response
