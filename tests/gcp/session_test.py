"""What Google's clients speak over: bounded in time and size, and every failure an error for people."""

import gzip
import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from msp.gcp.credentials import AnonymousCredentials, Credentials
from msp.gcp.errors import ApiError, UnauthenticatedError, UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.session import MAX_ANSWER_BYTES, Adapter, error_message, sent_over

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer


class FakeCredentials:
    def __init__(self) -> None:
        self.renewed = 0

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer secret-{self.renewed}"}

    def renew(self) -> bool:
        self.renewed += 1
        return True


def session(credentials: Credentials | None = None) -> requests.Session:
    return sent_over(
        Adapter(connection_pool(environment={}), credentials or AnonymousCredentials()), requests.Session()
    )


def test_an_answer_arrives_unpacked(server: "ScriptedServer") -> None:
    server.answers((200, gzip.compress(b'{"a": "b"}'), {"Content-Encoding": "gzip"}))
    answer = session().get(f"http://{server.address}/x")
    assert answer.json() == {"a": "b"}
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_an_expired_token_is_renewed_once(server: "ScriptedServer") -> None:
    credentials = FakeCredentials()
    server.respond = lambda r: (200, {}) if r.headers["authorization"] == "Bearer secret-1" else (401, {})
    session(credentials).get(f"http://{server.address}/x")
    assert credentials.renewed == 1


def test_credentials_that_are_turned_down_say_how_to_get_others(server: "ScriptedServer") -> None:
    server.answers((401, {"error": {"message": "who?", "status": "UNAUTHENTICATED"}}))
    with pytest.raises(UnauthenticatedError) as raised:
        session(FakeCredentials()).get(f"http://{server.address}/x")
    assert "gcloud auth application-default login" in raised.value.hint
    assert "secret" not in "".join(traceback.format_exception(raised.value))
    assert len(server.requests) == 2


def test_a_token_does_not_follow_a_redirect(server: "ScriptedServer") -> None:
    server.answers((302, {}, {"Location": f"http://localhost:{server.address.rpartition(':')[2]}/elsewhere"}))
    with pytest.raises(ApiError, match="HTTP 302"):
        session(FakeCredentials()).get(f"http://{server.address}/x")
    assert [request.path for request in server.requests] == ["/x"]


def test_a_password_of_netrc_does_not_take_the_tokens_place(
    server: "ScriptedServer", tmp_path: "object", monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", netrc)
    session(FakeCredentials()).get(f"http://{server.address}/x")
    assert server.requests[0].headers["authorization"] == "Bearer secret-0"


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"null", b"7", b"\xff", b"", b'{"error": "no"}', b'{"error": {}}', b"[" * 100_000]
)
def test_an_error_in_another_shape_is_told_by_its_status(server: "ScriptedServer", body: bytes) -> None:
    server.answers((403, body))
    with pytest.raises(ApiError, match="HTTP 403"):
        session().get(f"http://{server.address}/x")


@pytest.mark.parametrize("odd", ["null", "7", "[]", "{}", '"x"', "true", "1e999"])
def test_an_errors_odd_fields_are_left_out(odd: str) -> None:
    message, code = error_message(f'{{"error": {{"message": {odd}, "status": {odd}}}}}'.encode())
    assert (message, code) == (("x", "x") if odd == '"x"' else ("", ""))


def test_an_errors_text_can_do_nothing_to_a_terminal(server: "ScriptedServer") -> None:
    server.answers((400, {"error": {"message": "no\r::error::\x1b]0;x\x07\u202e", "status": "INVALID_ARGUMENT"}}))
    with pytest.raises(ApiError) as raised:
        session().get(f"http://{server.address}/x")
    assert (
        raised.value.message
        == "no ::error::\N{REPLACEMENT CHARACTER}]0;x\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    )


def test_a_code_that_is_none_is_told_by_the_status(server: "ScriptedServer") -> None:
    server.answers((404, {"error": {"message": "m", "status": "NO\nSUCH"}}))
    with pytest.raises(ApiError) as raised:
        session().get(f"http://{server.address}/x")
    assert raised.value.code == "NOT_FOUND"


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"{address} can't be reached: no connection could be made"):
            session().get(f"http://{address}/x")


def test_a_server_that_says_nothing_runs_out_of_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="within the time limit"):
            session().get(f"http://{address}/x", timeout=0.05)


@pytest.mark.parametrize("head", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_drip_ends_with_the_time_limit(head: bytes) -> None:
    """A byte now and then restarts the clock of each read, in the head as in the body."""
    with dripping(head) as address:
        before = time.monotonic()
        with pytest.raises(UnreachableError, match="within the time limit"):
            session().get(f"http://{address}/x", timeout=0.1)
        assert time.monotonic() - before < 5


@pytest.mark.parametrize("packing", ["gzip", "identity", "gzip, gzip"])
def test_an_answer_without_end_is_not_read_whole(server: "ScriptedServer", packing: str) -> None:
    content = bytes(MAX_ANSWER_BYTES + 1)
    for _ in range(packing.count("gzip")):
        content = gzip.compress(content)
    server.answers((200, content, {"Content-Encoding": packing}))
    with pytest.raises(UnreachableError, match=r"more than 32 MiB|dropped"):
        session().get(f"http://{server.address}/x")


@pytest.mark.parametrize("body", [b"", b"nonsense", gzip.compress(b"{}")[:-9]])
def test_a_body_that_cannot_be_unpacked_is_an_answer_that_did_not_come(server: "ScriptedServer", body: bytes) -> None:
    server.answers((200, body, {"Content-Encoding": "gzip"}))
    try:
        assert session().get(f"http://{server.address}/x").content in {b"", b"{}"}
    except UnreachableError:
        assert body


@pytest.mark.parametrize(
    "head", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx" + b"y" * 70_000]
)
def test_what_is_not_http_is_an_answer_that_did_not_come(head: bytes) -> None:
    with dripping(head, pause=0) as address, pytest.raises(UnreachableError):
        session().get(f"http://{address}/x", timeout=2)


def test_connections_are_used_again(server: "ScriptedServer") -> None:
    pool = connection_pool(environment={})
    ours = sent_over(Adapter(pool, AnonymousCredentials()), requests.Session())
    for _ in range(3):
        ours.get(f"http://{server.address}/x")
    connections = pool.connection_from_url(f"http://{server.address}").num_connections
    assert connections == 1


def test_json_is_what_was_sent(server: "ScriptedServer") -> None:
    session().post(f"http://{server.address}/x", data=json.dumps({"é": 1}))
    assert json.loads(server.requests[0].body) == {"é": 1}


@contextmanager
def dripping(head: bytes, pause: float = 0.02) -> Iterator[str]:
    """A server that sends a head and then a byte now and then."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    connection.sendall(head)
                    while pause and not done.wait(pause):
                        connection.sendall(b"1")
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        done.set()
        thread.join()
