import pytest

from msp.errors import UsageError
from msp.gcp.endpoints import Endpoints, is_loopback


def test_google_is_spoken_to_over_tls() -> None:
    endpoints = Endpoints.google()
    assert not endpoints.is_local
    assert endpoints.registry_url("us.gcr.io", "p/app") == "https://us.gcr.io/v2/p/app"
    assert {endpoints.cloud_deploy, endpoints.artifact_registry, endpoints.storage} == {
        "https://clouddeploy.googleapis.com",
        "https://artifactregistry.googleapis.com",
        "https://storage.googleapis.com",
    }


def test_a_local_cloud_stands_for_every_service_and_registry() -> None:
    endpoints = Endpoints.local("127.0.0.1:8080")
    assert endpoints.is_local
    assert endpoints.cloud_deploy == endpoints.storage == endpoints.artifact_registry == "http://127.0.0.1:8080"
    assert endpoints.registry_url("us.gcr.io", "p/app") == "http://127.0.0.1:8080/v2/us.gcr.io/p/app"
    assert Endpoints.local("http://127.0.0.1:8080/") == endpoints
    assert Endpoints.local("[::1]:80").cloud_deploy == "http://[::1]:80"


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", "localhost:http", "a:1/b", "u@h:1", "h:99999", "[::1", "https://h:1"]
)
def test_an_address_without_host_and_port_says_what_to_write(address: str) -> None:
    with pytest.raises(UsageError) as raised:
        Endpoints.local(address)
    assert repr(address) in raised.value.message
    assert "HOST:PORT" in raised.value.hint


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.9.9.9:1", True),
        ("registry.localhost", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("us.gcr.io", False),
        ("127.example.com", False),
    ],
)
def test_only_this_machine_is_spoken_to_in_plain(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    scheme = "http" if loopback else "https"
    assert Endpoints.google().registry_url(host, "a") == f"{scheme}://{host}/v2/a"


def test_docker_hub_has_another_name() -> None:
    assert Endpoints.google().registry_url("docker.io", "library/a") == "https://registry-1.docker.io/v2/library/a"
