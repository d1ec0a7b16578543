"""Google's own clients, made by our factories, against a server on this machine."""

import gc
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from msp.errors import UsageError
from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import ApiError
from msp.gcp.retry import RetryPolicy
from msp.gcp.storage import Storage

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer


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


def test_an_environment_that_google_does_not_understand_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_USE_MTLS_ENDPOINT", "sometimes\n")
    with pytest.raises(UsageError, match="Google's libraries don't start"):
        clients.cloud_deploy_client(Endpoints.local("127.0.0.1:1"))


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412])
def test_storage_is_refused_with_our_errors(server: "ScriptedServer", status: int) -> None:
    server.answers((status,))
    client = clients.storage_client(Endpoints.local(server.address), project="p")
    with pytest.raises(ApiError) as raised:
        client.bucket("b").get_blob("o", retry=None, timeout=5)
    assert raised.value.http_status == status


def test_one_object_is_asked_for_as_googles_client_does(server: "ScriptedServer") -> None:
    endpoints = Endpoints.local(server.address)
    storage = Storage(lambda: clients.default_adapter(endpoints), endpoints, RetryPolicy(sleep=lambda _: None))
    server.answers((200, {"md5Hash": "mvR0SGGuwqYA9fDzxVYJuw=="}))
    assert storage.object_md5("gs://b/folder/source.tar.gz") == "mvR0SGGuwqYA9fDzxVYJuw=="
    clients.storage_client(endpoints, "p").bucket("b").get_blob("folder/source.tar.gz", retry=None, timeout=5)
    # Google's client also looks up the bucket, for its traces.
    mine, theirs = [request for request in server.requests if "/o/" in request.path]
    assert (mine.method, urlsplit(mine.path).path) == (theirs.method, urlsplit(theirs.path).path)
    server.answers((503,), (404,))
    assert storage.object_md5("gs://b/source.tar.gz") is None


def test_garbage_is_collected_again_when_a_client_is_made() -> None:
    clients.cloud_deploy_client(Endpoints.local("127.0.0.1:1"))
    clients.artifact_registry_client(Endpoints.local("127.0.0.1:1"))
    assert gc.isenabled()
