"""uvicorn's HTTP protocol, and what the local cloud needs of a connection besides."""

import asyncio
import json
import select
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

import h11
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from msp.localcloud.http_faults import CONNECTION, RECEIVE_INTO, SEND_FILE
from msp.localcloud.http_patience import PATIENCE_SECONDS, StalledError
from msp.localcloud.status import ApiError, Code
from msp.localcloud.traffic import Connections

Take = Callable[[memoryview], None]
"""Takes in a piece of a body; the piece's memory is used again after."""

_PIECE = 1024 * 1024


class Receivers:
    """Threads that take in large bodies, each of one request at a time.

    Args:
        most: How many there are. Further bodies come by way of the loop, so that clients who stall block nobody.
    """

    def __init__(self, most: int = 4) -> None:
        self.threads = ThreadPoolExecutor(most, thread_name_prefix="receive")
        self.free = BoundedSemaphore(most)


class Protocol(H11Protocol):
    """A connection that can be cut, answers nonsense in the API's form, and waits for no head for ever.

    Large contents pass by uvicorn and h11, which would copy each byte four times: a part of a file is sent by the
    kernel, a body goes from the socket to whoever takes it in, in a thread.
    """

    patience = PATIENCE_SECONDS
    receivers: Receivers
    counted: Connections
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the connection into the scope of each of its requests."""
        super().connection_made(transport)
        self.counted.opened()
        served: Any = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            cycle = self.cycle

            async def send_while_connected(message: Message) -> None:
                # uvicorn would take an endless answer to a client that left.
                if cycle.disconnected:
                    raise ClientDisconnect
                if message["type"] == SEND_FILE:
                    await self._send_file(message)
                else:
                    await send(message)

            scope["extensions"] = {CONNECTION: self, SEND_FILE: {}, RECEIVE_INTO: self.receive_into}
            try:
                await served(scope, receive, send_while_connected)
            except asyncio.CancelledError:
                # The server stops and does not wait for this client any longer.
                self.abort()

        self.app = app
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the timer."""
        self.counted.closed()
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Begins or ends to wait for a request's head."""
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._timer is None and self.conn.trailing_data[0]:
            self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP; in the middle of a request, its handler hears that the client is gone."""
        self._leave()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._refuse(400, ApiError(Code.INVALID_ARGUMENT, msg).to_json())
        else:
            self.transport.abort()

    def abort(self) -> None:
        """Closes the connection at once: a reset, not an orderly end."""
        self._leave()
        self.transport.abort()

    async def receive_into(self, take: Take, size: int) -> bool:
        """Takes in a request's whole body in a thread, if one is free; to be called before anything was received.

        Args:
            take: Is given the body piece by piece, in that thread. When it raises, the rest of the body is dropped.
            size: The body's bytes, as Content-Length says.

        Returns:
            Whether it did; if not, nothing was received.

        Raises:
            StalledError, ClientDisconnect: Not all came.
        """
        if not self.receivers.free.acquire(blocking=False):
            return False
        try:
            cycle = self.cycle
            async with asyncio.timeout(self.patience):
                message: Any = await cycle.receive()
            if message["type"] != "http.request":
                raise ClientDisconnect
            # No await in between, so that what comes from here on waits in the socket.
            self.transport.pause_reading()
            first = memoryview(message["body"])
            # h11 will not hear of the rest of this request, so it can't find the next one.
            cycle.default_headers = [*cycle.default_headers, (b"connection", b"close")]
            with self.transport.get_extra_info("socket").dup() as own:
                receiving = self.loop.run_in_executor(
                    self.receivers.threads, _receive, own, first, size - len(first), take, self.patience
                )
                try:
                    await asyncio.shield(receiving)
                except asyncio.CancelledError:
                    own.shutdown(socket.SHUT_RD)
                    await asyncio.wait([receiving])
                    raise
            cycle.more_body = False
        except TimeoutError:
            raise StalledError(self.patience) from None
        finally:
            self.receivers.free.release()
        return True

    async def _send_file(self, message: Message) -> None:
        length: Any = range(message["count"])
        self.conn.send_with_data_passthrough(h11.Data(data=length))  # h11 only counts
        try:
            await self.loop.sendfile(self.transport, message["file"], message["offset"], message["count"])
        except (OSError, RuntimeError):
            self.abort()
            raise ClientDisconnect from None

    def _leave(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(self.patience, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            error = {"code": 408, "message": "The request's head did not come", "status": "DEADLINE_EXCEEDED"}
            self._refuse(408, {"error": error})

    def _refuse(self, status: int, content: dict[str, Any]) -> None:
        """Answers outside of any request, and closes the connection."""
        body = json.dumps(content).encode()
        headers = [
            (b"content-type", b"application/json; charset=UTF-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _receive(own: socket.socket, first: memoryview, left: int, take: Take, patience: float) -> None:
    """Gives a body to `take`: what came already, and what still comes over a socket that does not block."""
    failure: Exception | None = None
    ready = select.poll()
    ready.register(own, select.POLLIN)
    whole = memoryview(bytearray(_PIECE))
    piece = first
    while True:
        if failure is None and piece:
            try:
                take(piece)
            except Exception as error:  # raised when the client has sent all and will listen
                failure = error
        if not left:
            break
        try:
            piece = whole[: own.recv_into(whole[: min(left, _PIECE)])]
        except BlockingIOError:
            piece = whole[:0]
            if not ready.poll(patience * 1000):
                raise StalledError(patience) from None
            continue
        except OSError:
            raise ClientDisconnect from None
        if not piece:
            raise ClientDisconnect
        left -= len(piece)
    if failure is not None:
        raise failure
