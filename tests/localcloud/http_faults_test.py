"""Faults over HTTP, as a client sees them."""

import time
from typing import Any

import pytest
import requests
from tests.localcloud.deploy.world import LOCATION

from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

SERVICE = "google.cloud.deploy.v1.CloudDeploy"


def create(cloud: CloudThread) -> requests.Response:
    return requests.post(
        f"{cloud.http_url}/v1/{LOCATION}/targets?targetId=a", json={"run": {"location": LOCATION}}, timeout=10
    )


def exists(cloud: CloudThread) -> bool:
    return requests.get(f"{cloud.http_url}/v1/{LOCATION}/targets/a", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"code": "RESOURCE_EXHAUSTED"}, 429), ({"http_status": 503, "headers": {"Retry-After": "7"}}, 503)],
)
def test_an_error_changes_nothing(local_cloud: CloudThread, fault: dict[str, Any], status: int) -> None:
    local_cloud.faults.add(Fault(method=f"{SERVICE}/CreateTarget", times=1, **fault))
    answer = create(local_cloud)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (
        status,
        fault.get("headers", {}).get("Retry-After"),
    )
    assert answer.json()["error"]["message"] == "injected fault"
    assert not exists(local_cloud)
    assert create(local_cloud).ok


@pytest.mark.parametrize(
    ("fault", "done"),
    [({"drop_connection": True}, False), ({"lose_response": True}, True), ({"truncate_body": 4}, False)],
)
def test_a_connection_that_is_cut(local_cloud: CloudThread, fault: dict[str, Any], done: bool) -> None:
    local_cloud.faults.add(Fault(method=f"{SERVICE}/CreateTarget", nth=1, **fault))
    with pytest.raises(requests.ConnectionError):
        create(local_cloud)
    assert exists(local_cloud) is done


def test_a_response_that_is_truncated(local_cloud: CloudThread) -> None:
    assert create(local_cloud).ok
    local_cloud.faults.add(Fault(method=f"{SERVICE}/Get*", times=1, truncate_body=10))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        exists(local_cloud)
    assert exists(local_cloud)


def test_latency_then_whatever_else(local_cloud: CloudThread) -> None:
    local_cloud.faults.add(Fault(method="*", times=1, latency_seconds=0.2))
    begin = time.monotonic()
    assert create(local_cloud).ok
    assert time.monotonic() - begin >= 0.2


def test_what_is_not_emulated_says_its_name(local_cloud: CloudThread) -> None:
    answer = requests.get(f"{local_cloud.http_url}/v1/{LOCATION}/repositories/r/rules", timeout=10)
    assert answer.status_code == 501
    assert answer.json()["error"]["status"] == "UNIMPLEMENTED"
    assert "google.devtools.artifactregistry.v1.ArtifactRegistry/ListRules" in answer.json()["error"]["message"]


def test_latency_alone_fails_no_operation_and_no_rollout(local_cloud: CloudThread) -> None:
    local_cloud.faults.add(Fault(method="*", latency_seconds=0.001))
    answer = create(local_cloud)
    assert (answer.status_code, answer.json()["done"], "error" in answer.json()) == (200, True, False)
    assert exists(local_cloud)
