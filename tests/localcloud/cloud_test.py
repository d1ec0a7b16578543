import asyncio
import re
from pathlib import Path

import pytest
import requests

from msp.localcloud import LocalCloud
from msp.localcloud.cloud import StateDirectoryError
from msp.localcloud.grpc_server import PortTakenError
from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]


def test_health_names_the_addresses(local_cloud: CloudThread) -> None:
    answer = requests.get(f"{local_cloud.http_url}/_localcloud/health", timeout=10).json()
    assert answer == {"status": "ok", "http": local_cloud.http_url, "grpc": local_cloud.grpc_address}


def test_an_unknown_path_is_a_google_error(local_cloud: CloudThread) -> None:
    # Where a bucket could be, Storage answers.
    for path in ("/_nowhere", "/v1/nowhere", "/v1beta2/nowhere", "/v1beta9/nowhere", "/console/nowhere"):
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


def test_a_state_directory_is_for_one_at_a_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LocalCloud(state_dir=tmp_path):
            with pytest.raises(StateDirectoryError, match="in use by another local cloud"):
                await LocalCloud(state_dir=tmp_path).__aenter__()
        async with LocalCloud(state_dir=tmp_path):
            pass

    asyncio.run(scenario())


def test_a_page_of_another_origin_may_not_use_it(local_cloud: CloudThread) -> None:
    url, port = local_cloud.http_url, local_cloud.http_url.rpartition(":")[2]
    for origin, host, status in [
        (url, f"127.0.0.1:{port}", 200),
        (f"http://localhost:{port}", f"localhost:{port}", 200),
        ("https://evil.example", f"127.0.0.1:{port}", 403),
        ("null", f"127.0.0.1:{port}", 403),
        # A name of somebody else's that resolves to this machine.
        (f"http://evil.example:{port}", f"evil.example:{port}", 403),
        ("http://[", "[", 403),
    ]:
        headers = {"Origin": origin, "Host": host}
        assert requests.get(f"{url}/_localcloud/health", headers=headers, timeout=10).status_code == status, origin


def test_the_console_page_needs_nothing_from_elsewhere(local_cloud: CloudThread) -> None:
    page = requests.get(f"{local_cloud.http_url}/", timeout=10)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert requests.get(local_cloud.http_url + path, timeout=10).status_code == 200
    assert not re.findall(r"https?://", page.text)


def test_changes_are_told_and_stopping_does_not_wait_for_listeners() -> None:
    with CloudThread(LocalCloud()) as cloud:
        stream = requests.get(f"{cloud.http_url}/_localcloud/changes", stream=True, timeout=10)
        lines = stream.iter_lines()
        assert next(lines) == b"data: 0"
        cloud.run(put(cloud.cloud))
        assert next(line for line in lines if line) == b"data: 1"
    stream.close()


async def put(cloud: LocalCloud) -> None:
    cloud.store.put("x", "y", b"")
