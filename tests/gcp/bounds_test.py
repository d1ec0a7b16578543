"""Servers that answer too much, too slowly or nonsense."""

import gzip
import http.server
import math
import socket
import threading
import zlib
from collections.abc import Callable, Iterator

import pytest
import urllib3

from msp.gcp.bounds import Answer, json_object, read_answer
from msp.gcp.deadline import NO_DEADLINE, Deadline, DeadlineError
from msp.gcp.http import connection_pool

Script = Callable[[socket.socket], None]


class RawServer:
    """Reads one request on each connection, and lets a script answer."""

    def __init__(self) -> None:
        self.script: Script = lambda _connection: None
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                self.script(connection)
            except OSError:
                pass
        self.ended.set()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


def ask(url: str, *, limit: int = 1 << 20, seconds: float = 30.0) -> Answer:
    timeout = urllib3.Timeout(connect=10, read=seconds)
    response = connection_pool().request("GET", url, timeout=timeout, redirect=False, preload_content=False)
    return read_answer(response, limit)


def drip(pause: threading.Event, head: bytes, piece: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(head)
        while not pause.wait(0.02):
            connection.sendall(piece)

    return script


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
    ],
    ids=["status", "header", "header value", "interim", "length", "to the end", "chunks", "chunk size", "empty gzip"],
)
def test_a_drip_ends_with_its_time(server: RawServer, head: bytes, piece: bytes) -> None:
    """Each piece is in time: only the whole answer isn't."""
    stop = threading.Event()
    server.script = drip(stop, head, piece)
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(server.url, seconds=0.3)
    stop.set()


def body(headers: bytes, content: bytes) -> Script:
    head = b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(content)
    return lambda connection: connection.sendall(head + content)


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def test_what_unpacks_to_more_is_cut(server: RawServer) -> None:
    """1 MB that would be 1 GB."""
    server.script = body(b"Content-Encoding: gzip\r\n", bomb(1 << 30))
    answer = ask(server.url, limit=100_000)
    assert (answer.body, answer.whole) == (bytes(100_000), False)


def test_what_is_packed_many_times_over_is_cut_or_refused(server: RawServer) -> None:
    server.script = body(b"Content-Encoding: gzip, gzip, gzip\r\n", gzip.compress(gzip.compress(bomb(1 << 28))))
    assert not ask(server.url, limit=1000).whole
    server.script = body(b"Content-Encoding: " + b", ".join([b"gzip"] * 50) + b"\r\n", b"x")
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(server.url)


@pytest.mark.parametrize("size", [0, 999, 1000])
def test_an_answer_that_fits_is_whole(server: RawServer, size: int) -> None:
    server.script = body(b"", b"x" * size)
    assert ask(server.url, limit=1000) == Answer(
        200, urllib3.HTTPHeaderDict({"Content-Length": str(size)}), b"x" * size
    )


def test_an_answer_without_end_is_cut_and_its_connection_closed(server: RawServer) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    server.script = endless
    assert not ask(server.url, limit=1000).whole
    assert server.ended.wait(30)


def test_a_compressed_answer_that_breaks_off_is_what_came_of_it(server: RawServer) -> None:
    server.script = lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx")
    assert ask(server.url).body == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"x", b"HTTP/1.1 x\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx", b"\xff" * 100,
    ],
)  # fmt: skip
def test_nonsense_is_an_error_of_the_library(
    server: RawServer, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = lambda connection: connection.sendall(answer)
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(server.url)
    assert not caplog.records  # The library would log an odd header with a traceback, and with the address.


def test_a_connection_is_used_again() -> None:
    ports: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ports.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        pool = connection_pool()
        for _ in range(3):
            url = f"http://127.0.0.1:{server.server_port}/"
            assert read_answer(pool.request("GET", url, preload_content=False), 10).body == b"{}"
        server.shutdown()
    assert len(set(ports)) == 1


def test_a_deadline_leaves_less_and_less() -> None:
    now = 100.0
    deadline = Deadline.after(30, lambda: now)
    assert (deadline.limit(10), deadline.limit(60), deadline.left) == (10, 30, 30)
    now = 125
    assert (deadline.limit(10), deadline.left) == (5, 5)
    now = 130
    assert deadline.left == 0
    with pytest.raises(DeadlineError, match=r"^it was not done within 30 s$") as raised:
        deadline.limit(10)
    assert raised.value.hint
    assert (NO_DEADLINE.patience, NO_DEADLINE.limit(10), NO_DEADLINE.left) == (None, 10, math.inf)


@pytest.mark.parametrize(
    "data", [b"", b"1", b"[]", b"null", b"{", b"\xff", b"[" * 60_000, b'{"a":' * 60_000, b"9" * 5000]
)
def test_what_is_no_json_object(data: bytes) -> None:
    assert json_object(data) is None


def test_a_json_object() -> None:
    assert json_object(b'{"a": [1]}') == {"a": [1]}
