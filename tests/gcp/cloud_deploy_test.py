"""Our Cloud Deploy client against Google's own: the same requests, and the same reading of every answer."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google.cloud import deploy_v1

from msp.gcp import clients, errors
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.credentials import AnonymousCredentials
from msp.gcp.deploy_resources import (
    CustomTargetType,
    DeliveryPipeline,
    Operation,
    Release,
    RenderState,
    Rollout,
    RolloutState,
    Target,
    TargetRender,
)
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.polling import Polling, PollTimeoutError
from msp.gcp.retry import RetryPolicy
from msp.gcp.session import Session

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer

LOCATION = "projects/p/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/d"
REQUEST_ID = str(uuid.UUID(int=7))
OURS = Release(
    skaffold_config_uri="gs://p-cloudrun-skaffold/source.tar.gz",
    description="a description",
    labels={"commit": "c"},
    annotations={"author": "A. Developer <a@example.com>"},
    deploy_parameters={"customTarget/tag": "t", "customTarget/digest": "sha256:0"},
)
THEIRS = deploy_v1.Release(
    skaffold_config_uri=OURS.skaffold_config_uri,
    description=OURS.description,
    labels=OURS.labels,
    annotations=OURS.annotations,
    deploy_parameters=OURS.deploy_parameters,
)
OUR_ROLLOUT = Rollout(target_id="staging-us-central1", description="d", labels={"a": "b"}, annotations={"c": "d"})
THEIR_ROLLOUT = deploy_v1.Rollout(
    target_id=OUR_ROLLOUT.target_id, description="d", labels={"a": "b"}, annotations={"c": "d"}
)


@pytest.fixture
def ours(server: "ScriptedServer") -> CloudDeploy:
    session = Session(connection_pool(), AnonymousCredentials(), RetryPolicy(sleep=lambda _: None))
    polling = Polling(sleep=lambda _: None)
    return CloudDeploy(session, Endpoints.local(server.address), project="p", region="us-central1", polling=polling)


@pytest.fixture
def theirs(server: "ScriptedServer") -> deploy_v1.CloudDeployClient:
    return clients.cloud_deploy_client(Endpoints.local(server.address))


CALLS: dict[str, tuple[Callable[[CloudDeploy], object], Callable[[deploy_v1.CloudDeployClient], object]]] = {
    "get_pipeline": (lambda c: c.get_pipeline("d"), lambda c: c.get_delivery_pipeline(name=PIPELINE)),
    "get_target": (lambda c: c.get_target("t"), lambda c: c.get_target(name=f"{LOCATION}/targets/t")),
    "get_custom_target_type": (
        lambda c: c.get_custom_target_type("cloud-run-service"),
        lambda c: c.get_custom_target_type(name=f"{LOCATION}/customTargetTypes/cloud-run-service"),
    ),
    "get_custom_target_type by its full name": (
        lambda c: c.get_custom_target_type(f"{LOCATION}/customTargetTypes/x"),
        lambda c: c.get_custom_target_type(name=f"{LOCATION}/customTargetTypes/x"),
    ),
    "get_release": (lambda c: c.get_release("d", "r"), lambda c: c.get_release(name=f"{PIPELINE}/releases/r")),
    "list_releases": (
        lambda c: list(
            c.list_releases("d", filter='abandoned = false AND labels.a = "b"', order_by="create_time desc")
        ),
        lambda c: list(
            c.list_releases(
                request=deploy_v1.ListReleasesRequest(
                    parent=PIPELINE,
                    filter='abandoned = false AND labels.a = "b"',
                    order_by="create_time desc",
                    page_size=1000,
                )
            )
        ),
    ),
    "create_release": (
        lambda c: c.create_release("d", "r", OURS, request_id=REQUEST_ID),
        lambda c: c.create_release(
            request=deploy_v1.CreateReleaseRequest(
                parent=PIPELINE, release_id="r", release=THEIRS, request_id=REQUEST_ID
            )
        ),
    ),
    "get_rollout": (
        lambda c: c.get_rollout("d", "r", "o"),
        lambda c: c.get_rollout(name=f"{PIPELINE}/releases/r/rollouts/o"),
    ),
    "list_rollouts": (
        lambda c: list(c.list_rollouts("d", filter='targetId="t"')),
        lambda c: list(
            c.list_rollouts(
                request=deploy_v1.ListRolloutsRequest(
                    parent=f"{PIPELINE}/releases/-", filter='targetId="t"', page_size=1000
                )
            )
        ),
    ),
    "newest_rollouts": (
        lambda c: c.newest_rollouts("d", "t", most=20),
        lambda c: c.list_rollouts(
            request=deploy_v1.ListRolloutsRequest(
                parent=f"{PIPELINE}/releases/-", filter='targetId="t"', order_by="createTime desc", page_size=20
            )
        ),
    ),
    "create_rollout": (
        lambda c: c.create_rollout("d", "r", "o", OUR_ROLLOUT, request_id=REQUEST_ID),
        lambda c: c.create_rollout(
            request=deploy_v1.CreateRolloutRequest(
                parent=f"{PIPELINE}/releases/r", rollout_id="o", rollout=THEIR_ROLLOUT, request_id=REQUEST_ID
            )
        ),
    ),
    "get_operation": (
        lambda c: c.get_operation(f"{LOCATION}/operations/x"),
        lambda c: c.get_operation({"name": f"{LOCATION}/operations/x"}),
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_sends_what_googles_client_sends(
    server: "ScriptedServer", ours: CloudDeploy, theirs: deploy_v1.CloudDeployClient, call: str
) -> None:
    our_call, their_call = CALLS[call]
    our_call(ours)
    their_call(theirs)
    mine, genuine = server.requests
    assert mine.method == genuine.method
    assert urlsplit(mine.path).path == urlsplit(genuine.path).path
    expected = parse_qs(urlsplit(genuine.path).query)
    expected.pop("$alt", None)  # Theirs asks for enums as numbers; we read their names.
    assert parse_qs(urlsplit(mine.path).query) == expected
    assert json.loads(mine.body or b"null") == json.loads(genuine.body or b"null")


def wire(message: Any) -> dict[str, Any]:
    """A message of Google's client as the API sends it: enums by name."""
    json_object: dict[str, Any] = json.loads(type(message).to_json(message, use_integers_for_enums=False))
    return json_object


NOW = datetime(2026, 11, 22, 21, 30, 5, 123456, tzinfo=UTC)


def test_reads_a_release_as_googles_types_write_it() -> None:
    render = deploy_v1.Release.TargetRender
    message = deploy_v1.Release(
        THEIRS,
        name=f"{PIPELINE}/releases/r",
        uid="u",
        abandoned=True,
        create_time=NOW,
        skaffold_config_path="skaffold.yaml",
        render_state=deploy_v1.Release.RenderState.FAILED,
    )
    message.target_renders["t"] = render(
        rendering_state=render.TargetRenderState.FAILED,
        failure_cause=render.FailureCause.EXECUTION_FAILED,
        failure_message="why",
    )
    release = Release.from_json(wire(message))
    assert release == Release(
        OURS.skaffold_config_uri,
        "skaffold.yaml",
        OURS.description,
        OURS.labels,
        OURS.annotations,
        OURS.deploy_parameters,
        name=f"{PIPELINE}/releases/r",
        uid="u",
        abandoned=True,
        create_time=NOW,
        render_state=RenderState.FAILED,
        target_renders={"t": TargetRender(RenderState.FAILED, "EXECUTION_FAILED", "why")},
    )
    assert release.release_id == "r"


def test_reads_a_rollout_as_googles_types_write_it() -> None:
    message = deploy_v1.Rollout(
        THEIR_ROLLOUT,
        name=f"{PIPELINE}/releases/r/rollouts/o",
        uid="u",
        create_time=NOW,
        deploy_end_time=NOW,
        state=deploy_v1.Rollout.State.FAILED,
        deploy_failure_cause=deploy_v1.Rollout.FailureCause.RELEASE_FAILED,
        failure_reason="why",
    )
    rollout = Rollout.from_json(wire(message))
    assert rollout == Rollout(
        "staging-us-central1",
        "d",
        {"a": "b"},
        {"c": "d"},
        name=f"{PIPELINE}/releases/r/rollouts/o",
        uid="u",
        state=RolloutState.FAILED,
        failure_cause="RELEASE_FAILED",
        failure_reason="why",
        create_time=NOW,
        deploy_end_time=NOW,
    )
    assert (rollout.rollout_id, rollout.release_id) == ("o", "r")


def test_reads_pipeline_target_and_type_as_googles_types_write_them() -> None:
    pipeline = deploy_v1.DeliveryPipeline(
        name=PIPELINE,
        uid="u",
        suspended=True,
        annotations={"a": "b"},
        serial_pipeline={"stages": [{"target_id": "s"}, {"target_id": "t"}]},
    )
    assert DeliveryPipeline.from_json(wire(pipeline)) == DeliveryPipeline(PIPELINE, "u", True, ("s", "t"), {"a": "b"})
    target = deploy_v1.Target(
        name="n",
        uid="u",
        require_approval=True,
        custom_target={"custom_target_type": "c"},
        deploy_parameters={"customTarget/image": "i"},
    )
    assert Target.from_json(wire(target)) == Target("n", "u", True, "c", {"customTarget/image": "i"})
    custom = deploy_v1.CustomTargetType(name="n", uid="u", custom_actions={"render_action": "r", "deploy_action": "d"})
    assert CustomTargetType.from_json(wire(custom)) == CustomTargetType("n", "u", "r", "d")


@pytest.mark.parametrize(
    ("read", "empty"),
    [
        (Release.from_json, Release()),
        (Rollout.from_json, Rollout()),
        (Target.from_json, Target("", "", False, "", {})),
        (DeliveryPipeline.from_json, DeliveryPipeline("", "", False, (), {})),
        (CustomTargetType.from_json, CustomTargetType("", "", "", "")),
        (Operation.from_json, Operation("", False)),
    ],
)
def test_the_api_leaves_out_what_is_empty(read: Callable[[dict[str, Any]], object], empty: object) -> None:
    assert read({}) == empty


def test_knows_every_state_that_googles_types_know() -> None:
    ended = {"SUCCEEDED", "FAILED", "APPROVAL_REJECTED", "CANCELLED", "HALTED"}
    for state in list(deploy_v1.Rollout.State):
        name = state.name.removeprefix("STATE_")
        assert RolloutState(name) == name
        assert RolloutState(name).ended == (name in ended)
    renders = {state.name.removeprefix("RENDER_STATE_") for state in list(deploy_v1.Release.RenderState)}
    assert renders == set(RenderState)
    assert RolloutState("FROM_THE_FUTURE") is RolloutState.UNSPECIFIED
    assert RenderState("FROM_THE_FUTURE") is RenderState.UNSPECIFIED


def test_reads_times_to_the_nanosecond() -> None:
    assert Release.from_json({"createTime": "2026-11-22T21:30:05.123456789Z"}).create_time == NOW


def test_lists_every_page(server: "ScriptedServer", ours: CloudDeploy) -> None:
    server.answers((200, {"releases": [{"name": "a"}], "nextPageToken": "more"}), (200, {"releases": [{"name": "b"}]}))
    assert [release.name for release in ours.list_releases("d")] == ["a", "b"]
    assert "pageToken=more" in server.requests[1].path


def test_a_creation_is_repeated_with_the_same_request_id(server: "ScriptedServer", ours: CloudDeploy) -> None:
    server.answers((0,), (503,), (200, {"name": "op", "done": True}))
    assert ours.create_release("d", "r", OURS).name == "op"
    ids = {parse_qs(urlsplit(request.path).query)["requestId"][0] for request in server.requests}
    assert len(server.requests) == 3
    assert len(ids) == 1
    assert uuid.UUID(ids.pop()).int


def test_waits_for_an_operation(server: "ScriptedServer", ours: CloudDeploy) -> None:
    server.answers(
        (200, {"name": "op"}), (200, {"name": "op"}), (200, {"name": "op", "done": True, "response": {"a": 1}})
    )
    assert ours.wait(Operation("op", done=False), timeout=60).response == {"a": 1}
    assert len(server.requests) == 3
    assert ours.wait(Operation("op", done=True), timeout=60).done


def test_an_operation_that_fails_raises_its_own_error(server: "ScriptedServer", ours: CloudDeploy) -> None:
    server.answers((200, {"name": "op", "done": True, "error": {"code": 6, "message": "there is one"}}))
    with pytest.raises(errors.AlreadyExistsError, match="there is one"):
        ours.wait(Operation("op", done=False), timeout=60)


def test_an_operation_that_never_ends_runs_out_of_time(server: "ScriptedServer", ours: CloudDeploy) -> None:
    server.answers((200, {"name": "op"}))
    with pytest.raises(PollTimeoutError, match="operation op"):
        ours.wait(Operation("op", done=False), timeout=0.05)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NOT_FOUND", errors.NotFoundError),
        (409, "ALREADY_EXISTS", errors.AlreadyExistsError),
        (409, "ABORTED", errors.ApiError),
        (403, "PERMISSION_DENIED", errors.PermissionDeniedError),
        (401, "UNAUTHENTICATED", errors.UnauthenticatedError),
        (400, "FAILED_PRECONDITION", errors.FailedPreconditionError),
        (400, "INVALID_ARGUMENT", errors.InvalidArgumentError),
    ],
)
def test_a_refusal_is_an_error_of_its_own_class(
    server: "ScriptedServer", ours: CloudDeploy, status: int, code: str, expected: type[errors.ApiError]
) -> None:
    server.answers((status, {"error": {"code": status, "message": "said so", "status": code}}))
    with pytest.raises(errors.ApiError) as raised:
        ours.get_target("t")
    assert type(raised.value) is expected
    assert (raised.value.message, raised.value.code, raised.value.http_status) == ("said so", code, status)
    assert len(server.requests) == 1
