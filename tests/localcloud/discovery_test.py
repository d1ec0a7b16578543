"""Discovery documents: what they say of each method is what is served."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from msp.localcloud import LocalCloud
from msp.localcloud.discovery import apis, document
from msp.localcloud.methods import Method, Router
from msp.localcloud.pytest_plugin import CloudThread


@pytest.fixture(scope="module")
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud


def described(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All methods in a document."""
    yield from part.get("methods", {}).values()
    for resource in part.get("resources", {}).values():
        yield from described(resource)


def references(part: object) -> Iterator[str]:
    """All schemas that a document refers to."""
    if isinstance(part, dict):
        yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def served(cloud: CloudThread) -> list[tuple[Any, dict[str, Any]]]:
    return [(api, document(api, "http://127.0.0.1/")) for api in apis(cloud.cloud.methods)]


def camel(name: str) -> str:
    """`logName` of `log_name`."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def test_each_method_is_described_and_each_description_leads_to_a_method(cloud: CloudThread) -> None:
    for api, whole in served(cloud):
        router = Router(cloud.cloud.methods)
        reached: set[str] = set()
        for method in described(whole):
            path = re.sub(r"\{\w+\}", "an-id", method["flatPath"])
            found = router.find(method["httpMethod"], f"/{path}")
            assert found is not None, method["id"]
            assert "*" not in method["id"] + method["flatPath"] + method["path"]
            called: Method = found[0]
            for name in method["parameterOrder"]:
                fields = {camel(field.rpartition(".")[2]): value for field, value in found[2].items()}
                assert re.fullmatch(method["parameters"][name]["pattern"], fields[name])
            reached.add(called.full_name)
        assert reached == {method.full_name for method in api.methods}, api.name


def test_what_is_referred_to_is_there(cloud: CloudThread) -> None:
    for _, whole in served(cloud):
        assert set(references(whole)) == whole["schemas"].keys()
        for name, schema in whole["schemas"].items():
            assert schema["id"] == name


def test_ids_are_googles(cloud: CloudThread) -> None:
    (deploy,) = (whole for api, whole in served(cloud) if api.name == "clouddeploy")
    ids = {method["id"].removeprefix("clouddeploy.projects.locations.") for method in described(deploy)}
    assert ids >= {
        *("get", "list", "getConfig", "operations.cancel", "targets.patch", "targets.setIamPolicy"),
        *(
            "deliveryPipelines.rollbackTarget",
            "deliveryPipelines.releases.create",
            "deliveryPipelines.releases.abandon",
        ),
        *("deliveryPipelines.releases.rollouts.retryJob", "deliveryPipelines.releases.rollouts.jobRuns.terminate"),
    }
    assert len(ids) == 61
    (create,) = (method for method in described(deploy) if method["id"].endswith("releases.create"))
    assert create["path"] == "v1/{+parent}/releases"
    assert create["request"] == {"$ref": "Release"}
    assert create["parameters"]["overrideDeployPolicy"] == {"type": "string", "repeated": True, "location": "query"}
    assert create["parameters"]["validateOnly"] == {"type": "boolean", "location": "query"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/$discovery/rest?version=v1", "clouddeploy"),
        ("/%24discovery/rest?version=v1&api=artifactregistry", "artifactregistry"),
        ("/discovery/v1/apis/clouddeploy/v1/rest", "clouddeploy"),
    ],
)
def test_where_clients_look(cloud: CloudThread, path: str, name: str) -> None:
    answer = requests.get(cloud.http_url + path, timeout=10)
    assert (answer.status_code, answer.json()["name"]) == (200, name)
    assert answer.json()["rootUrl"] == f"{cloud.http_url}/"
    assert answer.headers["Content-Encoding"] == "gzip"


def test_the_host_says_which(cloud: CloudThread) -> None:
    port = cloud.http_url.rpartition(":")[2]
    host = f"artifactregistry.localhost:{port}"
    found = requests.get(f"{cloud.http_url}/$discovery/rest?version=v1", headers={"Host": host}, timeout=10).json()
    assert (found["name"], found["rootUrl"]) == ("artifactregistry", f"http://{host}/")


def test_the_directory(cloud: CloudThread) -> None:
    items = requests.get(f"{cloud.http_url}/discovery/v1/apis", timeout=10).json()["items"]
    assert {"clouddeploy:v1", "artifactregistry:v1"} <= {item["id"] for item in items}
    for item in items:
        assert requests.get(item["discoveryRestUrl"], timeout=10).json()["id"] == item["id"]


@pytest.mark.parametrize(
    "path", ["/$discovery/rest?version=v9", "/$discovery/rest", "/discovery/v1/apis/nothing/v1/rest"]
)
def test_what_is_not_there(cloud: CloudThread, path: str) -> None:
    answer = requests.get(cloud.http_url + path, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert "Discovery document not found for API service" in answer.json()["error"]["message"]
