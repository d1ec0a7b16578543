"""Answers with the wanted fields alone, over REST and gRPC."""

import contextlib
from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.cloud import deploy_v1
from google.cloud.deploy_v1.services.cloud_deploy import transports
from google.cloud.deploy_v1.types import cloud_deploy
from google.longrunning import operations_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from tests.localcloud.deploy.world import LOCATION

from msp.localcloud import field_masks
from msp.localcloud.pytest_plugin import CloudThread, local_cloud
from msp.localcloud.status import ApiError

__all__ = ["local_cloud"]

RELEASE: Any = cloud_deploy.Release.pb()(
    name="r", labels={"a": "1", "b": "2"}, delivery_pipeline_snapshot={"name": "p", "uid": "u"}
)
LISTED: Any = cloud_deploy.ListReleasesResponse.pb()(
    releases=[RELEASE, cloud_deploy.Release.pb()(name="s", uid="x")], next_page_token="t"
)


def shown(mask: str, message: Any = LISTED) -> Any:
    tree = field_masks.parse(mask)
    field_masks.check(tree, type(message))
    return json_format.MessageToDict(field_masks.select(message, tree))


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("nextPageToken", {"nextPageToken": "t"}),
        ("next_page_token,releases.name", {"nextPageToken": "t", "releases": [{"name": "r"}, {"name": "s"}]}),
        ("releases/name", {"releases": [{"name": "r"}, {"name": "s"}]}),
        ("releases(name,uid)", {"releases": [{"name": "r"}, {"name": "s", "uid": "x"}]}),
        ("releases/name,releases/uid", {"releases": [{"name": "r"}, {"name": "s", "uid": "x"}]}),
        (" releases ( uid , labels/a ) ", {"releases": [{"labels": {"a": "1"}}, {"uid": "x"}]}),
        ("releases(deliveryPipelineSnapshot(uid))", {"releases": [{"deliveryPipelineSnapshot": {"uid": "u"}}, {}]}),
        ("*/name", {"releases": [{"name": "r"}, {"name": "s"}]}),
    ],
)
def test_masks(mask: str, expected: object) -> None:
    assert shown(mask) == expected


@pytest.mark.parametrize("mask", ["", "*", "releases,nextPageToken", "releases,releases/name,nextPageToken"])
def test_all_of_it(mask: str) -> None:
    assert shown(mask) == json_format.MessageToDict(LISTED)


def test_what_is_packed_in_an_operation() -> None:
    operation = operations_pb2.Operation(name="o", done=True)
    operation.response.Pack(RELEASE)
    assert shown("response/name,done", operation)["response"]["name"] == "r"
    assert "labels" not in shown("response/name,done", operation)["response"]


@pytest.mark.parametrize(
    "mask",
    [
        *("nothing", "releases/nothing", "releases.name.deeper", "releases/createTime/seconds"),
        *("releases(", "releases)", "releases()", "a b", ",", "a,", "%", "(" * 2000, "a/" * 2000 + "a"),
    ],
)
def test_what_leads_nowhere_is_refused(mask: str) -> None:
    with pytest.raises(ApiError, match="INVALID_ARGUMENT") as refused:
        shown(mask)
    detail: Any = refused.value.details[0]
    assert detail.field_violations[0].description.startswith("Error expanding 'fields' parameter.")


@given(st.text("ab,/.()* ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ApiError):
        field_masks.select(LISTED, field_masks.parse(text))


def test_over_rest_by_parameter_and_header(local_cloud: CloudThread) -> None:
    url = f"{local_cloud.http_url}/v1/{LOCATION}/targets"
    body = {"run": {"location": LOCATION}}
    made = requests.post(f"{url}?targetId=prod&fields=response(name,uid),done", json=body, timeout=10).json()
    assert made.keys() == {"done", "response"}
    assert made["response"].keys() == {"@type", "name", "uid"}
    for asked in ("fields=targets/name", "$fields=targets.name", "fields=targets(name)&prettyPrint=false"):
        assert requests.get(f"{url}?{asked}", timeout=10).json() == {"targets": [{"name": f"{LOCATION}/targets/prod"}]}
    got = requests.get(url, headers={"X-Goog-FieldMask": "targets.run"}, timeout=10).json()
    assert got == {"targets": [{"run": {"location": LOCATION}}]}
    refused = requests.post(f"{url}?targetId=other&fields=nothing", json=body, timeout=10)
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert requests.get(f"{url}/other", timeout=10).status_code == 404, "a call with a wrong mask does nothing"


def test_over_grpc_with_googles_client(local_cloud: CloudThread) -> None:
    body = {"run": {"location": LOCATION}, "labels": {"a": "b"}}
    requests.post(f"{local_cloud.http_url}/v1/{LOCATION}/targets?targetId=prod", json=body, timeout=10)
    channel = grpc.insecure_channel(local_cloud.grpc_address)
    with deploy_v1.CloudDeployClient(transport=transports.CloudDeployGrpcTransport(channel=channel)) as client:
        (target,) = client.list_targets(parent=LOCATION, metadata=[("x-goog-fieldmask", "targets.name")])
        assert (target.name, target.uid, dict(target.labels)) == (f"{LOCATION}/targets/prod", "", {})
        with pytest.raises(exceptions.InvalidArgument):
            client.get_target(name=target.name, metadata=[("x-goog-fieldmask", "nothing")])
        assert client.get_target(name=target.name).uid
