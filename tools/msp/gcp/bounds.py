"""Bounds for what comes from a server: how long an answer may take, and how large it may be."""

import http.client
import io
import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import urllib3

_PIECE_BYTES = 64 << 10


@dataclass(frozen=True)
class Answer:
    """A server's answer, read as far as it may go.

    Attributes:
        status: The HTTP status.
        headers: Its headers.
        body: At most as many bytes as were allowed, after decompression.
        whole: Whether that is all of it.
    """

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes = field(default=b"", repr=False)
    whole: bool = True


def read_answer(response: urllib3.BaseHTTPResponse, limit: int, *, decode: bool = True) -> Answer:
    """Reads a response that was opened with `preload_content=False`; a longer one is cut and its connection closed.

    Args:
        response: A response of urllib3's pool, whose body is not read yet.
        limit: The most bytes, after decompression.
        decode: Whether to undo the answer's `Content-Encoding`.

    Raises:
        urllib3.exceptions.HTTPError: The connection broke, or the time is over.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        while size <= limit and (piece := response.read1(min(_PIECE_BYTES, limit + 1 - size), decode_content=decode)):
            pieces.append(piece)
            size += len(piece)
    except BaseException:
        response.close()
        raise
    if size > limit:
        response.close()
    else:
        response.release_conn()
    headers = urllib3.HTTPHeaderDict(response.headers)
    return Answer(response.status, headers, b"".join(pieces)[:limit], whole=size <= limit)


def json_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object that the bytes are; None where they are anything else.

    The error of the parser is not passed on: it holds the text, which may hold a secret.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class _TimedReader(io.RawIOBase):
    """A connection's bytes, for as long as its timeout says in all: a timeout alone begins anew with every byte."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        seconds = connection.gettimeout()
        self._ends = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer has no name before Python 3.12
        if self._ends is not None:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response that is given the connection's timeout for all of it: status, headers and body."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))

    def begin(self) -> None:
        super().begin()
        if self.msg.defects:  # urllib3 would log them, with a traceback and the address.
            raise http.client.HTTPException("malformed headers")


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(urllib3.connection.HTTPSConnection):
    response_class = _TimedResponse


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def bound_answers(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Has the pool's read timeout count for a whole answer, not for each piece of it. Returns the same pool."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
