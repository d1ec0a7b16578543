"""What was asked, for which project and why, and over how many connections at once."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import requests
from google.cloud.deploy_v1.types import cloud_deploy
from google.protobuf import empty_pb2

from msp.localcloud import LocalCloud, grpc_server
from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.intake import Intake
from msp.localcloud.methods import Method
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.request_context import RequestContext
from msp.localcloud.traffic import Connections, Traffic

SERVICE = "google.cloud.deploy.v1.CloudDeploy"


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        yield cloud


def list_targets(channel: grpc.Channel, project: str = "p", **options: Any) -> None:
    request = cloud_deploy.ListTargetsRequest(parent=f"projects/{project}/locations/us-central1")
    call: Any = channel.unary_unary(f"/{SERVICE}/ListTargets", cloud_deploy.ListTargetsRequest.serialize, None)
    call(request, timeout=10, **options)


@pytest.mark.parametrize(
    ("names", "project", "location"),
    [
        (["projects/p/locations/us-central1/targets/prod"], "p", "us-central1"),
        (["", "projects/p"], "p", ""),
        (["projects/p/locations/-"], "p", ""),
        (["projects/p/locations/l/operations/o:cancel"], "p", "l"),
        (["nonsense"], "", ""),
        ([], "", ""),
    ],
)
def test_where_a_request_is_for(names: list[str], project: str, location: str) -> None:
    context = RequestContext.of("a/B", names)
    assert context == RequestContext(method="a/B", project=project, location=location)


def test_counts_by_method_and_project() -> None:
    traffic = Traffic()
    for method, project in [("a/List", "p"), ("a/List", "p"), ("a/List", "q"), ("a/Get", "p")]:
        traffic.add(RequestContext(method=method, project=project))
    traffic.add_refused(RequestContext(method="a/List", project="q"))
    assert [traffic.count(), traffic.count("a/L*"), traffic.count("*", "p"), traffic.count("b/*")] == [4, 3, 3, 0]
    assert [traffic.refused(), traffic.refused("a/Get"), traffic.refused("*", "q")] == [1, 0, 1]
    assert traffic.to_json()["requests"] == [
        {"method": "a/List", "project": "p", "count": 2, "refused": 0},
        {"method": "a/Get", "project": "p", "count": 1, "refused": 0},
        {"method": "a/List", "project": "q", "count": 1, "refused": 1},
    ]


def test_projects_without_end_are_counted_for_none() -> None:
    traffic = Traffic()
    for number in range(10_050):
        traffic.add(RequestContext(method="a/B", project=f"p{number}"))
    assert traffic.count() == 10_050
    assert traffic.count(project="") == 50


def test_connections_peak_and_are_reset_to_those_of_now() -> None:
    connections = Connections()
    for step in (connections.opened, connections.opened, connections.closed, connections.opened, connections.closed):
        step()
    assert connections.to_json() == {"open": 1, "peak": 2}
    connections.reset()
    assert connections.to_json() == {"open": 1, "peak": 1}


def test_a_peer_is_one_connection_however_many_calls_it_makes() -> None:
    traffic = Traffic()
    for peer in ("a", "a", "b"):
        traffic.call_began(peer)
    assert traffic.grpc.to_json() == {"open": 2, "peak": 2}
    traffic.call_ended("a")
    assert traffic.grpc.open == 2
    traffic.call_ended("a")
    traffic.call_ended("b")
    assert traffic.grpc.to_json() == {"open": 0, "peak": 2}


def test_rest_grpc_registry_and_storage_are_counted(cloud: CloudThread) -> None:
    url = cloud.http_url
    requests.get(f"{url}/v1/projects/p/locations/us-central1/targets", timeout=10)
    requests.get(f"{url}/v1/projects/p/locations/us-central1/targets/none", timeout=10)
    requests.get(f"{url}/v2/us.gcr.io/images/app/tags/list", timeout=10)
    requests.get(f"{url}/storage/v1/b?project=files", timeout=10)
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        list_targets(channel)
    counted = requests.get(f"{url}/_localcloud/requests", timeout=10).json()
    assert {(row["method"], row["project"]): row["count"] for row in counted["requests"]} == {
        (f"{SERVICE}/ListTargets", "p"): 2,
        (f"{SERVICE}/GetTarget", "p"): 1,
        ("registry/ListTags", "images"): 1,
        ("storage/ListBuckets", "files"): 1,
    }
    assert cloud.traffic.count(f"{SERVICE}/*") == 3
    assert requests.delete(f"{url}/_localcloud/requests", timeout=10).json()["requests"] == []
    assert cloud.traffic.count() == 0


def test_a_call_that_fails_on_purpose_is_counted(cloud: CloudThread) -> None:
    cloud.faults.add(Fault(method="*", code="UNAVAILABLE"))
    requests.get(f"{cloud.http_url}/v1/projects/p/locations/us-central1/targets", timeout=10)
    assert cloud.traffic.count(f"{SERVICE}/ListTargets", "p") == 1


def test_the_most_connections_at_once(cloud: CloudThread) -> None:
    sessions = [requests.Session() for _ in range(5)]
    for session in sessions:
        session.get(f"{cloud.http_url}/_localcloud/health", timeout=10)
    assert cloud.traffic.http.peak == 5
    for session in sessions:
        session.close()
    deadline = time.monotonic() + 10
    while cloud.traffic.http.open and time.monotonic() < deadline:
        time.sleep(0.005)
    assert cloud.traffic.http.to_json() == {"open": 0, "peak": 5}


def test_the_most_grpc_connections_at_once() -> None:
    async def scenario() -> Traffic:
        arrived = asyncio.Barrier(8)

        async def handle(_: empty_pb2.Empty) -> empty_pb2.Empty:
            await arrived.wait()
            return empty_pb2.Empty()

        intake = Intake()
        method = Method("a.A", "Meet", (), empty_pb2.Empty, empty_pb2.Empty, handle)
        server, port = grpc_server.serve([method], intake, "127.0.0.1", 0)
        await server.start()
        async with contextlib.AsyncExitStack() as stack:
            calls: list[Any] = []
            for _ in range(4):
                channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
                meet = (await stack.enter_async_context(channel)).unary_unary("/a.A/Meet", None, None)
                calls += [meet(b"", timeout=10), meet(b"", timeout=10)]
            await asyncio.gather(*calls)
        await server.stop(None)
        return intake.traffic

    traffic = asyncio.run(scenario())
    assert (traffic.grpc.open, traffic.grpc.peak, traffic.count("a.A/Meet")) == (0, 4, 8)
