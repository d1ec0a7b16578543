"""The HTTP side: one application on one port, and the server that runs it."""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from msp.localcloud.grpc_server import PortTakenError
from msp.localcloud.http_faults import TRANSPORT
from msp.localcloud.rest import error_response
from msp.localcloud.status import ApiError, Code


def application(rest_api: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
    """Everything that is served over HTTP.

    Args:
        rest_api: Serves `/v1/…`, Google's REST APIs.
        routes: All else: the registry (`/v2/…`), Storage, the control endpoints, the console page.
    """
    other = Starlette(
        routes=[*routes],
        exception_handlers={404: _not_found, 405: _not_found, ApiError: _api_error, Exception: _internal},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if _is_foreign(scope):
            problem = ApiError(Code.PERMISSION_DENIED, "Pages of other origins may not use the local cloud")
            await error_response(problem)(scope, receive, send)
            return
        # Starlette would match the decoded path; Google's templates are matched on the encoded one.
        is_rest = scope["type"] == "http" and scope["path"].startswith("/v1/")
        await (rest_api if is_rest else other)(scope, receive, send)

    return app


def _is_foreign(scope: Scope) -> bool:
    """Whether a browser sends the request for a page that is not the local cloud's own.

    Nobody is asked who they are here, so without this any page that a developer visits could change what is deployed.
    """
    headers = dict(scope["headers"]) if scope["type"] == "http" else {}
    origin, host = headers.get(b"origin"), headers.get(b"host", b"")
    if origin is None:
        return False
    # A foreign page can have its own name resolve to this machine, but neither `localhost` nor an address.
    name = re.sub(r":\d+$", "", host.decode("latin-1")).strip("[]")
    return origin.partition(b"://")[2] != host or not (name == "localhost" or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _not_found(request: Request, _: Exception) -> Response:
    return error_response(ApiError(Code.NOT_FOUND, f"Not found: {request.method} {request.url.path}"))


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 (starlette's signature is wider than its promise)
    return error_response(error)


async def _internal(_: Request, error: Exception) -> Response:
    return error_response(ApiError(Code.INTERNAL, f"Internal error: {type(error).__name__}"))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTakenError: Another program listens on the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, each answer takes 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTakenError(f"HTTP port {port} on {host} can't be used: {error.strerror}") from error
    return listener


class HttpServer:
    """uvicorn in the running loop, without its signal handlers and its log.

    Args:
        app: What is served.
        listener: A listening socket; closed by `stop`.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._listener = listener
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serves from now on."""
        self._task = asyncio.create_task(self._server.serve([self._listener]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the HTTP server ended before it had begun")
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """Ends requests under way within two seconds, and the server."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the command's business


class _Protocol(H11Protocol):
    """Lets faults cut the connection: puts its transport into each request's scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        served: Any = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[TRANSPORT] = transport
            await served(scope, receive, send)

        self.app = app
