"""The HTTP side: one application on one port, and the server that runs it."""

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from msp.localcloud import http_guard
from msp.localcloud.caller import CALLER, Caller
from msp.localcloud.grpc_server import PortTakenError
from msp.localcloud.http_faults import cut
from msp.localcloud.http_patience import PATIENCE_SECONDS, impatient
from msp.localcloud.http_protocol import Protocol, Receivers
from msp.localcloud.rest import error_response, failure_response
from msp.localcloud.status import ApiError, Code
from msp.localcloud.traffic import Connections

_log = logging.getLogger(__name__)
_KNATIVE = re.compile(
    r"/v1/projects/[^/]+/(locations/[^/]+/services(/[^/]+:testIamPermissions)?|services/run\.googleapis\.com)"
)
_V2 = re.compile(
    r"/v2/(entries:\w+|monitoredResourceDescriptors|[^/]+/[^/]+/logs(/[^/]+)?"
    r"|projects/[^/]+/locations/[^/]+/(services|operations)(?!.*/(manifests|blobs|tags|referrers)/).*)"
)
_ABSOLUTE = re.compile(rb"https?://[^/?]*", re.IGNORECASE)

_REST = ("/v1/", "/v1beta2/")


def application(
    rest_api: ASGIApp, routes: Sequence[BaseRoute], listening: str = "127.0.0.1", patience: float = PATIENCE_SECONDS
) -> ASGIApp:
    """Everything that is served over HTTP.

    Args:
        rest_api: Serves `/v1/…` and `/v1beta2/…`, Google's REST APIs.
        routes: All else: the registry (`/v2/…`), Storage, the control endpoints, the console page.
        listening: The address or name that the server listens on.
        patience: For how many seconds a client may send or read nothing in the middle of a request.
    """
    other = Starlette(
        routes=[*routes],
        exception_handlers={404: _not_found, 405: _not_found, ApiError: _api_error, Exception: _failed},
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette would match the decoded path; Google's templates are matched on the encoded one.
        await (rest_api if _is_rest(scope) else other)(scope, receive, send)

    waiting = impatient(serve, patience)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_contained(message: Message) -> None:
            nonlocal started
            started = True
            await contained(message)

        contained = http_guard.contained(send)
        scope = _in_origin_form(scope)
        CALLER.set(_caller(scope))
        if problem := http_guard.refusal(scope, listening):
            await error_response(ApiError(Code.PERMISSION_DENIED, problem))(scope, receive, contained)
            return
        try:
            await waiting(scope, receive, send_contained)
        except ClientDisconnect:
            pass
        except Exception as error:
            answer = failure_response(error)
            if answer.status_code == 500:
                _log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                cut(scope)
            else:
                await answer(scope, receive, contained)

    return app


def _is_rest(scope: Scope) -> bool:
    """Whether a request is for Google's REST APIs. `/v2/` is the registry's too, of which no path looks like these."""
    if _KNATIVE.fullmatch(scope["path"]):
        return False
    return scope["path"].startswith(_REST) or _V2.match(scope["path"]) is not None


def _in_origin_form(scope: Scope) -> Scope:
    """A request as its server sees it, where its client took the local cloud for a proxy and wrote the whole URL."""
    absolute = _ABSOLUTE.match(scope.get("raw_path", b""))
    if absolute is None:
        return scope
    path = scope["raw_path"][absolute.end() :] or b"/"
    return {**scope, "raw_path": path, "path": unquote(path.decode("latin-1"))}


def _caller(scope: Scope) -> Caller:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Caller.of(headers, scope["client"][0] if scope.get("client") else "")


async def _not_found(request: Request, _: Exception) -> Response:
    return error_response(ApiError(Code.NOT_FOUND, f"Not found: {request.method} {request.url.path}"))


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 (starlette's signature is wider than its promise)
    return error_response(error)


async def _failed(_: Request, error: Exception) -> Response:
    return failure_response(error)


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
        patience: For how many seconds a request's head may take.
        connections: Where its connections are counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        patience: float = PATIENCE_SECONDS,
        connections: Connections | None = None,
    ) -> None:
        class Patient(Protocol):
            pass

        Patient.patience = patience
        Patient.counted = connections or Connections()
        Patient.receivers = self._receivers = Receivers()
        config = uvicorn.Config(
            app,
            http=Patient,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
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
        self._receivers.threads.shutdown(wait=False)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the command's business
