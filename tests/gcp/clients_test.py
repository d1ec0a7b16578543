"""Google's own clients, made by our factories, against a server on this machine."""

from typing import TYPE_CHECKING

import pytest

from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.gcp.retry import RetryPolicy

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer

UNAVAILABLE = {"error": {"code": 503, "message": "try later", "status": "UNAVAILABLE"}}


def test_cloud_deploy_speaks_rest_without_credentials(server: "ScriptedServer") -> None:
    client = clients.cloud_deploy_client(Endpoints.local(server.address))
    client.get_target(name="projects/p/locations/l/targets/t")
    (request,) = server.requests
    assert request.path.startswith("/v1/projects/p/locations/l/targets/t")
    assert "authorization" not in request.headers


def test_artifact_registry_speaks_rest(server: "ScriptedServer") -> None:
    client = clients.artifact_registry_client(Endpoints.local(server.address))
    client.get_repository(name="projects/p/locations/us/repositories/us.gcr.io")
    assert server.requests[0].path.startswith("/v1/projects/p/locations/us/repositories/us.gcr.io")


def test_storage_speaks_to_the_local_cloud(server: "ScriptedServer") -> None:
    client = clients.storage_client(Endpoints.local(server.address), project="p")
    assert client.bucket("b").blob("source.tar.gz").exists()
    assert any(request.path.startswith("/storage/v1/b/b/o/source.tar.gz") for request in server.requests)


def test_a_read_is_repeated_by_our_policy(server: "ScriptedServer") -> None:
    server.answers((503, UNAVAILABLE), (0,), (200,))
    client = clients.cloud_deploy_client(Endpoints.local(server.address))
    retry = clients.retry(RetryPolicy(initial=0.001, maximum=0.002))
    client.get_target(name="projects/p/locations/l/targets/t", retry=retry, timeout=clients.TIMEOUT_SECONDS)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412])
def test_a_refusal_is_not_repeated(server: "ScriptedServer", status: int) -> None:
    from google.api_core.exceptions import ClientError

    server.answers((status,))
    client = clients.cloud_deploy_client(Endpoints.local(server.address))
    with pytest.raises(ClientError):
        client.get_target(name="projects/p/locations/l/targets/t", retry=clients.retry())
    assert len(server.requests) == 1
