"""Faults over HTTP: what `Fault` says, done to a request and its response."""

import asyncio
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from msp.localcloud.faults import Fault, Faults
from msp.localcloud.status import ApiError, Code

CONNECTION = "localcloud.connection"
"""Where in a scope's `extensions` the connection is, so that it can be cut."""


SEND_FILE = "http.response.zerocopysend"
"""The name of ASGI's extension for sending a part of a file, and of its message."""

RECEIVE_INTO = "localcloud.receive_into"
"""Where in a scope's `extensions` the function is that takes in a large body, `Protocol.receive_into`."""


class ConnectionCutError(Exception):
    """The connection was closed on purpose; there is nobody left to answer."""


Refuse = Callable[[int, str], Response]
"""How an API refuses: its answer for an HTTP status and a message."""


def with_faults(faults: Faults, method: str, app: ASGIApp, refuse: Refuse | None = None) -> ASGIApp:
    """`app`, with whatever is to go wrong with this call of `method`. To be made anew for each request.

    Args:
        faults: What is to go wrong.
        method: The method's name as faults know it, `registry/PutManifest`.
        app: Serves the request.
        refuse: How its API refuses; `None` for the way of Google's REST APIs.
    """
    fault = faults.take(method)
    if fault is None:
        return app

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.latency_seconds)
        if fault.drop_connection:
            cut(scope)
        elif fault.code is not None or fault.http_status is not None:
            await _answer(fault, refuse)(scope, receive, send)
        elif fault.lose_response:
            await app(scope, receive, _swallow)
            cut(scope)
        elif fault.truncate_body is not None:
            await _truncated(fault.truncate_body, app, scope, receive, send)
        else:
            await app(scope, receive, _replacing(fault.headers, send))

    return faulty


def cut(scope: Scope) -> None:
    """Closes the connection of a request at once (a reset, not an orderly end)."""
    scope["extensions"][CONNECTION].abort()


def _answer(fault: Fault, refuse: Refuse | None) -> Response:
    error = ApiError(Code[fault.code], fault.message) if fault.code is not None else None
    status = fault.http_status or (error.http_status if error else 500)
    if refuse is not None:
        response = refuse(status, fault.message)
    else:
        body = error.to_json() if error else {"error": {"code": status, "message": fault.message}}
        response = JSONResponse(body, status)
    response.headers.update(fault.headers)
    return response


def _replacing(headers: Mapping[str, str], send: Send) -> Send:
    """Sends an answer with other values of some headers."""

    async def send_replaced(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": list(message["headers"])}
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_replaced


async def _swallow(message: Message) -> None:
    del message


async def _truncated(size: int, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    headers = dict(scope["headers"])
    has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
    left = size

    async def receive_some() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] != "http.request":
            return message
        if len(message.get("body", b"")) >= left:
            cut(scope)
            return {"type": "http.disconnect"}
        left -= len(message.get("body", b""))
        return message

    async def send_some(message: Message) -> None:
        nonlocal left
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        if len(body) < left and message.get("more_body"):
            left -= len(body)
            await send(message)
            return
        await send({"type": "http.response.body", "body": body[:left], "more_body": True})
        # Let what was written leave before the connection is cut.
        await asyncio.sleep(0.05)
        cut(scope)
        raise ConnectionCutError

    # Bytes that pass by `receive` and `send` can't be counted here.
    counted = {name: value for name, value in scope["extensions"].items() if name not in {SEND_FILE, RECEIVE_INTO}}
    try:
        await app(
            {**scope, "extensions": counted},
            receive_some if has_body else receive,
            send if has_body else send_some,
        )
    except ConnectionCutError:
        pass
    except Exception:
        if not has_body:
            raise
