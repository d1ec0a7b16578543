import socket
from typing import TYPE_CHECKING

import pytest

from msp.gcp.credentials import AnonymousCredentials
from msp.gcp.errors import ApiError, UnauthenticatedError, UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.gcp.session import Session

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


def session(slept: list[float] | None = None) -> Session:
    sleep = (slept if slept is not None else []).append
    return Session(connection_pool(), AnonymousCredentials(), RetryPolicy(attempts=3, sleep=sleep))


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504])
def test_a_read_is_repeated(server: "ScriptedServer", status: int) -> None:
    server.answers((status,), (status,), (200, {"a": "b"}))
    assert session().get(f"http://{server.address}/x") == {"a": "b"}
    assert len(server.requests) == 3


def test_a_change_that_may_not_be_repeated_is_sent_once(server: "ScriptedServer") -> None:
    server.answers((0,))
    with pytest.raises(UnreachableError, match="the connection was dropped"):
        session().post(f"http://{server.address}/x", {}, repeatable=False)
    assert len(server.requests) == 1


def test_waits_as_long_as_it_is_told_to(server: "ScriptedServer") -> None:
    slept: list[float] = []
    server.answers((429, {}, {"Retry-After": "9"}), (200, {}))
    session(slept).get(f"http://{server.address}/x")
    assert slept == [9]


def test_an_expired_token_is_renewed_once(server: "ScriptedServer") -> None:
    credentials = FakeCredentials()
    server.respond = lambda r: (200, {}) if r.headers["authorization"] == "Bearer secret-1" else (401, {})
    Session(connection_pool(), credentials).get(f"http://{server.address}/x")
    assert credentials.renewed == 1


def test_credentials_that_are_turned_down_say_how_to_get_others(server: "ScriptedServer") -> None:
    server.answers((401, {"error": {"message": "who?", "status": "UNAUTHENTICATED"}}))
    with pytest.raises(UnauthenticatedError) as raised:
        Session(connection_pool(), FakeCredentials()).get(f"http://{server.address}/x")
    assert "gcloud auth application-default login" in raised.value.hint
    assert "secret" not in f"{raised.value.message}{raised.value.hint}"
    assert len(server.requests) == 2


def test_a_token_does_not_follow_a_redirect(server: "ScriptedServer") -> None:
    server.answers((302, {}, {"Location": f"http://localhost:{server.address.rpartition(':')[2]}/elsewhere"}))
    with pytest.raises(ApiError, match="HTTP 302"):
        Session(connection_pool(), FakeCredentials()).get(f"http://{server.address}/x")
    assert [request.path for request in server.requests] == ["/x"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b""])
def test_a_page_that_is_no_json_counts_as_unreachable(server: "ScriptedServer", body: bytes) -> None:
    server.answers((200, body))
    with pytest.raises(UnreachableError, match="not JSON"):
        session().get(f"http://{server.address}/x")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"", b'{"error": "no"}', b'{"error": {}}'])
def test_an_error_in_another_shape_is_told_by_its_status(server: "ScriptedServer", body: bytes) -> None:
    server.answers((403, body))
    with pytest.raises(ApiError, match="HTTP 403"):
        session().get(f"http://{server.address}/x")


def test_query_values_are_quoted_and_empty_ones_left_out(server: "ScriptedServer") -> None:
    session().get(f"http://{server.address}/x", {"filter": 'a="b&c" d/é', "none": ""})
    assert server.requests[0].path == "/x?filter=a%3D%22b%26c%22%20d%2F%C3%A9"


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"{address} can't be reached: no connection could be made"):
            session().get(f"http://{address}/x")


def test_a_server_that_says_nothing_runs_out_of_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="no answer within the time limit"):
            session().get(f"http://{address}/x", timeout=0.05)
