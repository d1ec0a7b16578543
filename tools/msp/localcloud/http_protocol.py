"""uvicorn's HTTP protocol, and what the local cloud needs of a connection besides."""

import asyncio
import json
from typing import Any

import h11
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from msp.localcloud.http_faults import CONNECTION
from msp.localcloud.http_patience import PATIENCE_SECONDS
from msp.localcloud.status import ApiError, Code


class Protocol(H11Protocol):
    """A connection that can be cut, answers nonsense in the API's form, and waits for no head for ever."""

    patience = PATIENCE_SECONDS
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the connection into the scope of each of its requests."""
        super().connection_made(transport)
        served: Any = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            cycle = self.cycle

            async def send_while_connected(message: Message) -> None:
                # uvicorn would take an endless answer to a client that left.
                if cycle.disconnected:
                    raise ClientDisconnect
                await send(message)

            scope.setdefault("extensions", {})[CONNECTION] = self
            try:
                await served(scope, receive, send_while_connected)
            except asyncio.CancelledError:
                # The server stops and does not wait for this client any longer.
                self.abort()

        self.app = app
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the timer."""
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
