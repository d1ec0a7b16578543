"""Clients that stall: a request or an answer that does not move for a while is given up, and what it held is free."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from msp.localcloud.http_faults import cut

PATIENCE_SECONDS = 60.0
"""How long a client may send or read nothing in the middle of a request, unless a server is told otherwise."""


class StalledError(Exception):
    """The client has stopped sending its request: 408."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"No part of the request came for {seconds:g} seconds")


def impatient(app: ASGIApp, seconds: float) -> ASGIApp:
    """`app`, whose `receive` raises `StalledError` in a request's body; who reads no answer is cut off.

    Args:
        app: Serves requests.
        seconds: How long nothing may move.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        whole = False

        async def receive_soon() -> Message:
            nonlocal whole
            if whole:
                return await receive()  # waits for the client to leave, which may take as long as it likes
            try:
                async with asyncio.timeout(seconds):
                    message = await receive()
            except TimeoutError:
                raise StalledError(seconds) from None
            whole = not message.get("more_body", False)
            return message

        async def send_soon(message: Message) -> None:
            try:
                async with asyncio.timeout(seconds):
                    await send(message)
            except TimeoutError:
                cut(scope)
                raise ClientDisconnect from None

        await app(scope, receive_soon, send_soon)

    return serve
