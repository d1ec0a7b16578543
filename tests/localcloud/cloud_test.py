import asyncio

import pytest
import requests

from msp.localcloud import LocalCloud
from msp.localcloud.grpc_server import PortTakenError
from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]


def test_health_names_the_addresses(local_cloud: CloudThread) -> None:
    answer = requests.get(f"{local_cloud.http_url}/_localcloud/health", timeout=10).json()
    assert answer == {"status": "ok", "http": local_cloud.http_url, "grpc": local_cloud.grpc_address}


def test_an_unknown_path_is_a_google_error(local_cloud: CloudThread) -> None:
    for path in ("/nowhere", "/v1/nowhere"):
        answer = requests.get(local_cloud.http_url + path, timeout=10)
        assert answer.status_code == 404
        assert answer.json()["error"]["status"] == "NOT_FOUND"


def test_faults_by_the_control_endpoint(local_cloud: CloudThread) -> None:
    url = f"{local_cloud.http_url}/_localcloud/faults"
    assert requests.post(url, json={"method": "*", "code": "NOPE"}, timeout=10).status_code == 400
    assert requests.post(url, data="{", timeout=10).status_code == 400
    assert requests.post(url, json={"method": "a/*", "code": "ABORTED"}, timeout=10).status_code == 200
    assert [fault.method for fault in local_cloud.faults.list()] == ["a/*"]
    assert requests.delete(url, timeout=10).json() == {"faults": []}


def test_a_taken_port_is_said_and_nothing_is_left_behind() -> None:
    async def scenario() -> None:
        async with LocalCloud() as first:
            http_port, grpc_port = (int(text.rpartition(":")[2]) for text in (first.http_url, first.grpc_address))
            with pytest.raises(PortTakenError, match=f"HTTP port {http_port}"):
                await LocalCloud(port=http_port).__aenter__()
            with pytest.raises(PortTakenError, match=f"gRPC port {grpc_port}"):
                await LocalCloud(grpc_port=grpc_port).__aenter__()
        async with LocalCloud(port=http_port) as again:
            assert again.http_url.endswith(f":{http_port}")

    asyncio.run(scenario())
