"""Google's own client of Cloud Deploy, with the retries, deadlines and bounds that we give it."""

import json
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google.cloud import deploy_v1

from msp.gcp import errors
from msp.gcp.calls import Calls, Later
from msp.gcp.clients import cloud_deploy_client
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.deadline import Deadline
from msp.gcp.endpoints import Endpoints
from msp.gcp.messages import enum_name, last_part, nanoseconds, part_after, unpacked
from msp.gcp.polling import Polling, PollTimeoutError
from msp.gcp.retry import RetryPolicy

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer

LOCATION = "projects/p/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/d"
RELEASE = f"{PIPELINE}/releases/r"
REQUEST_ID = str(uuid.UUID(int=7))


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def deploy(server: "ScriptedServer", slept: list[float]) -> CloudDeploy:
    retry = RetryPolicy(attempts=3, sleep=slept.append)
    endpoints = Endpoints.local(server.address)
    return CloudDeploy(lambda: cloud_deploy_client(endpoints), retry, Polling(sleep=lambda _: None))


def get(deploy: CloudDeploy) -> deploy_v1.Release:
    return deploy.read(deploy.client.get_release, name=RELEASE)


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504])
def test_a_read_is_repeated(server: "ScriptedServer", deploy: CloudDeploy, status: int) -> None:
    server.answers((status,), (status,), (200, {"name": RELEASE}))
    assert get(deploy).name == RELEASE
    assert len(server.requests) == 3


def test_waits_as_long_as_it_is_told_to(server: "ScriptedServer", deploy: CloudDeploy, slept: list[float]) -> None:
    server.answers((429, {}, {"Retry-After": "9"}), (200, {}))
    get(deploy)
    assert slept == [9]


def test_does_not_wait_past_the_deadline(server: "ScriptedServer", deploy: CloudDeploy, slept: list[float]) -> None:
    server.answers((429, {}, {"Retry-After": "9"}))
    with pytest.raises(errors.ApiError):
        get(deploy.within(Deadline.after(5)))
    assert slept == []


def test_a_deadline_that_is_past_asks_nothing(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    with pytest.raises(errors.UnreachableError, match="time limit"):
        get(deploy.within(Deadline.after(0)))
    assert server.requests == []


def test_a_change_without_a_request_id_is_sent_once(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((503,))
    with pytest.raises(errors.ApiError):
        deploy.change(deploy.client.approve_rollout, name=f"{RELEASE}/rollouts/o", approved=True)
    assert len(server.requests) == 1


def test_a_change_is_repeated_with_the_same_request_id(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((0,), (503,), (200, {"name": "op", "done": True}))
    started = deploy.change(
        deploy.client.create_release,
        parent=PIPELINE,
        release_id="r",
        release=deploy_v1.Release(description="d"),
        request_id=REQUEST_ID,
    )
    assert started.operation.name == "op"
    asked = [parse_qs(urlsplit(request.path).query) for request in server.requests]
    assert [query["requestId"] for query in asked] == [[REQUEST_ID]] * 3
    assert json.loads(server.requests[2].body) == {"description": "d"}


def test_a_reason_goes_to_the_audit_log_on_one_line(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    name = f"{RELEASE}/rollouts/o"
    deploy.change(deploy.client.approve_rollout, name=name, approved=True, reason="INC-1:\r\nX-Evil: é")
    header = server.requests[0].headers["x-goog-request-reason"]
    assert header.encode("latin-1").decode() == "INC-1:  X-Evil: é"
    get(deploy)
    assert "x-goog-request-reason" not in server.requests[1].headers


def test_lists_every_page(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((200, {"releases": [{"name": "a"}], "nextPageToken": "more"}), (200, {"releases": [{"name": "b"}]}))
    found = deploy.pages(deploy.client.list_releases, parent=PIPELINE, filter="abandoned = false")
    assert [release.name for release in found] == ["a", "b"]
    first, second = (parse_qs(urlsplit(request.path).query) for request in server.requests)
    assert (first["filter"], first["pageSize"], second["pageToken"]) == (["abandoned = false"], ["1000"], ["more"])


def test_lists_no_more_than_it_is_asked_for(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((200, {"rollouts": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "nextPageToken": "more"}))
    found = deploy.pages(deploy.client.list_rollouts, parent=RELEASE, most=2)
    assert [rollout.name for rollout in found] == ["a", "b"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("fresh", [True, False])
def test_pages_without_end_end(server: "ScriptedServer", deploy: CloudDeploy, fresh: bool) -> None:
    server.respond = lambda _: (200, {"nextPageToken": str(len(server.requests)) if fresh else "again"})
    with pytest.raises(errors.OddAnswerError, match="does not end"):
        list(deploy.pages(deploy.client.list_releases, parent=PIPELINE))
    assert len(server.requests) == (1000 if fresh else 2)


def test_pages_end_with_the_deadline(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.respond = lambda _: (200, {"nextPageToken": str(len(server.requests))})
    with pytest.raises(errors.UnreachableError, match="time limit"):
        list(deploy.within(Deadline.after(0.05)).pages(deploy.client.list_releases, parent=PIPELINE))


def test_a_list_that_lacks_a_location_is_none(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((200, {"releases": [], "unreachable": ["projects/p/locations/mars\r"]}))
    with pytest.raises(errors.UnreachableError, match=r"mars $"):
        list(deploy.pages(deploy.client.list_releases, parent=PIPELINE))


def started(deploy: CloudDeploy) -> Any:
    return deploy.change(deploy.client.create_release, parent=PIPELINE, release_id="r", request_id=REQUEST_ID)


def test_waits_for_an_operation(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    response = {"@type": "type.googleapis.com/google.cloud.deploy.v1.Release", "name": RELEASE}
    name = f"{LOCATION}/operations/x"
    server.answers(
        (200, {"name": name}), (200, {"name": name}), (200, {"name": name, "done": True, "response": response})
    )
    operation = deploy.wait(started(deploy))
    release = unpacked(operation.response, deploy_v1.Release)
    assert release is not None
    assert release.name == RELEASE
    assert unpacked(operation.response, deploy_v1.Rollout) is None
    assert [urlsplit(request.path).path for request in server.requests[1:]] == [f"/v1/{name}"] * 2


def test_an_operation_that_fails_raises_its_own_error(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((200, {"name": "op", "done": True, "error": {"code": 6, "message": "there is one\x1b"}}))
    with pytest.raises(errors.AlreadyExistsError, match="there is one\N{REPLACEMENT CHARACTER}"):
        deploy.wait(started(deploy))


def test_an_operation_that_never_ends_runs_out_of_time(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    server.answers((200, {"name": f"{LOCATION}/operations/x"}))
    with pytest.raises(PollTimeoutError, match="operations/x"):
        deploy.wait(started(deploy), timeout=0.05)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NOT_FOUND", errors.NotFoundError),
        (409, "ALREADY_EXISTS", errors.AlreadyExistsError),
        (409, "ABORTED", errors.AbortedError),
        (403, "PERMISSION_DENIED", errors.PermissionDeniedError),
        (401, "UNAUTHENTICATED", errors.UnauthenticatedError),
        (400, "FAILED_PRECONDITION", errors.FailedPreconditionError),
        (400, "INVALID_ARGUMENT", errors.InvalidArgumentError),
        (400, "OUT_OF_RANGE", errors.ApiError),
    ],
)
def test_a_refusal_is_an_error_of_its_own_class(
    server: "ScriptedServer", deploy: CloudDeploy, status: int, code: str, expected: type[errors.ApiError]
) -> None:
    server.answers((status, {"error": {"code": status, "message": "said so", "status": code}}))
    with pytest.raises(errors.ApiError) as raised:
        get(deploy)
    assert type(raised.value) is expected
    assert (raised.value.message, raised.value.code, raised.value.http_status) == ("said so", code, status)
    assert len(server.requests) == 1


def test_an_error_says_what_it_is_about() -> None:
    with pytest.raises(errors.NotFoundError, match="target t: gone") as raised, errors.about("target t"):
        raise errors.api_error("gone", code="NOT_FOUND")
    assert str(raised.value) == raised.value.message == "target t: gone"


def test_a_client_is_made_in_a_thread_of_its_own_and_once() -> None:
    threads: list[str] = []

    def make() -> object:
        threads.append(threading.current_thread().name)
        return object()

    calls = Calls(make)
    assert calls.client is calls.client is calls.within(Deadline.after(1)).client
    assert threads == ["clients"]


def test_what_fails_in_the_thread_fails_where_it_is_needed() -> None:
    def fail() -> None:
        raise errors.CredentialsError("none")

    later = Later[None](fail)
    for _ in range(2):
        with pytest.raises(errors.CredentialsError):
            later.get()


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (deploy_v1.Rollout(state="SUCCEEDED"), "SUCCEEDED"),
        (deploy_v1.Rollout(), "STATE_UNSPECIFIED"),
        (deploy_v1.Rollout.from_json('{"state": 99}'), "99"),
    ],
)
def test_names_an_enums_value(message: deploy_v1.Rollout, name: str) -> None:
    assert enum_name(message, "state") == name


def test_reads_names_and_times() -> None:
    assert last_part(f"{RELEASE}/rollouts/o") == "o"
    assert part_after(f"{RELEASE}/rollouts/o", "releases") == "r"
    assert part_after("odd", "releases") == ""
    release = deploy_v1.Release.from_json('{"createTime": "2026-11-22T21:30:05.123456789Z"}')
    assert nanoseconds(release, "create_time") % 10**9 == 123456789
    assert nanoseconds(deploy_v1.Release(), "create_time") == 0


ODD: list[Any] = [None, True, 7, -1, 1.5, 1e300, "", "x", [], {}, [[]], [None], {"x": None}, {"": {}}, "\ud800", 10**30]


def test_whatever_the_service_answers_no_traceback_comes_of_it(server: "ScriptedServer", deploy: CloudDeploy) -> None:
    """Every field of every answer, one after the other, replaced by each odd value."""
    release = deploy_v1.Release(
        name=RELEASE, labels={"a": "b"}, abandoned=True, render_state="FAILED", create_time={"seconds": 1}
    )
    release.target_renders["t"] = deploy_v1.Release.TargetRender(failure_cause="EXECUTION_FAILED", failure_message="m")
    release_json = json.loads(deploy_v1.Release.to_json(release))
    packed = {"@type": "type.googleapis.com/google.cloud.deploy.v1.Release", **release_json}
    answers: list[tuple[Any, Callable[[], object]]] = [
        (release_json, lambda: get(deploy)),
        (
            {"releases": [release_json], "nextPageToken": "", "unreachable": []},
            lambda: list(deploy.pages(deploy.client.list_releases, parent=PIPELINE)),
        ),
        (
            {"name": "op", "done": True, "metadata": {**packed}, "response": packed},
            lambda: unpacked(deploy.wait(started(deploy), timeout=0).response, deploy_v1.Release),
        ),
        (
            {"name": "op", "done": True, "error": {"code": 9, "message": "m", "details": [packed]}},
            lambda: deploy.wait(started(deploy), timeout=0),
        ),
        ({"bindings": [{"role": "r", "members": ["m"], "condition": {"title": "t"}}], "etag": "BwX="}, lambda: (
            deploy.read(deploy.client.get_iam_policy, resource=RELEASE)
        )),
    ]  # fmt: skip
    refused = 0
    for answer, ask in answers:
        for odd in mutations(answer):
            server.answers((200, json.dumps(odd).encode()))
            try:
                ask()
            except (errors.RemoteError, PollTimeoutError):
                refused += 1
    assert refused > 300


def mutations(value: Any) -> Any:
    """The value with each of its parts, itself the first, replaced by each odd value, or left out."""
    yield from ODD
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {other: part for other, part in value.items() if other != key}
            for odd in mutations(inner):
                yield {**value, key: odd}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for odd in mutations(inner):
                yield [*value[:place], odd, *value[place + 1 :]]


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b"", b"[" * 100_000, b'{"uid": ' + b"9" * 9999 + b"}", b"NaN"])
def test_what_is_no_json_is_an_odd_answer(server: "ScriptedServer", deploy: CloudDeploy, body: bytes) -> None:
    server.answers((200, body))
    with pytest.raises(errors.OddAnswerError):
        get(deploy)
