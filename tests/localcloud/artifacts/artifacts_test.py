"""Artifact Registry, over REST: repositories, and what the registry holds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.localcloud.registry.client import Registry, code, digest, image, index
from tests.localcloud.registry.shared import local_cloud, module_cloud

from msp.localcloud import LocalCloud
from msp.localcloud.artifacts.names import PackageName
from msp.localcloud.pytest_plugin import CloudThread

__all__ = ["local_cloud", "module_cloud"]

LOCATION = "projects/p/locations/us"
REPOSITORY = f"{LOCATION}/repositories/r"
REFERENCE = "us-docker.pkg.dev/p/r"


class Api:
    """Artifact Registry's REST API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, verb: str, name: str, expected: int = 200, **kwargs: Any) -> Any:
        answer = requests.request(verb, f"{self._url}/v1/{name}", timeout=30, **kwargs)
        assert answer.status_code == expected, answer.text
        body = answer.json()
        return body["error"]["status"] if expected >= 400 else body


@pytest.fixture
def api(local_cloud: CloudThread) -> Api:
    return Api(local_cloud.http_url)


@pytest.fixture
def strict() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(strict_repositories=True)) as cloud:
        yield cloud


def create(api: Api, repository_id: str = "r", location: str = LOCATION, expected: int = 200, **fields: Any) -> Any:
    query = {"repositoryId": repository_id}
    body = {"format": "DOCKER", **fields}
    return api("POST", f"{location}/repositories", expected, params=query, json=body)


def push(url: str, name: str, tag: str = "v1", layers: tuple[bytes, ...] = (b"layer",)) -> str:
    with Registry(url, name) as registry:
        config = json.dumps({"created": "2026-01-02T03:04:05.123456789Z"}).encode()
        return registry.push_image(tag, config, layers)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("us-docker.pkg.dev/p/r/app", "projects/p/locations/us/repositories/r/packages/app"),
        ("us-docker.pkg.dev/p/r/a/b", "projects/p/locations/us/repositories/r/packages/a%2Fb"),
        ("us.gcr.io/p/app", "projects/p/locations/us/repositories/us.gcr.io/packages/app"),
        ("gcr.io/p/a/b", "projects/p/locations/us/repositories/gcr.io/packages/a%2Fb"),
        ("eu.gcr.io/p/app", "projects/p/locations/europe/repositories/eu.gcr.io/packages/app"),
        ("europe-west1-docker.pkg.dev/example.com/p/r/app",
         "projects/example.com:p/locations/europe-west1/repositories/r/packages/app"),
    ],
)  # fmt: skip
def test_names_and_references_stand_for_each_other(reference: str, name: str) -> None:
    package = PackageName.of_reference(reference)
    assert package == PackageName.parse(name)
    assert (package.full, package.reference) == (name, reference)


@pytest.mark.parametrize("reference", ["p/app", "docker.io/library/app", "us.gcr.io/p", "us-docker.pkg.dev/p/r"])
def test_what_is_not_googles_has_no_package(reference: str) -> None:
    assert PackageName.of_reference(reference) is None


def test_a_repositorys_life(api: Api) -> None:
    operation = create(api, description="images", labels={"a": "b"}, dockerConfig={"immutableTags": True})
    made = operation["response"]
    assert operation["done"]
    assert (made["name"], made["format"], made["mode"]) == (REPOSITORY, "DOCKER", "STANDARD_REPOSITORY")
    assert (made["registryUri"], made["dockerConfig"]) == (REFERENCE, {"immutableTags": True})
    got = api("GET", REPOSITORY)
    assert {**got, "@type": made["@type"]} == made
    assert create(api, expected=409) == "ALREADY_EXISTS"
    query = {"updateMask": "description,labels"}
    changed = api("PATCH", REPOSITORY, params=query, json={"description": "more", "dockerConfig": {}})
    assert (changed["description"], changed.get("labels"), changed["dockerConfig"]) == (
        "more",
        None,
        {"immutableTags": True},
    )
    fixed = api("PATCH", REPOSITORY, 400, params={"updateMask": "format"}, json={"format": "MAVEN"})
    assert fixed == "INVALID_ARGUMENT"
    create(api, "second")
    listed = api("GET", f"{LOCATION}/repositories", params={"pageSize": 1})
    assert [found["name"] for found in listed["repositories"]] == [REPOSITORY]
    query = {"pageSize": "1", "pageToken": listed["nextPageToken"]}
    listed = api("GET", f"{LOCATION}/repositories", params=query)
    assert [found["name"] for found in listed["repositories"]] == [f"{LOCATION}/repositories/second"]
    assert api("DELETE", REPOSITORY)["done"]
    assert api("DELETE", REPOSITORY, 404) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("repository_id", "location", "fields"),
    [
        ("Upper", LOCATION, {}),
        ("", LOCATION, {}),
        ("r", "projects/p", {}),
        ("us.gcr.io", "projects/p/locations/europe", {}),
        ("r", LOCATION, {"format": "FORMAT_UNSPECIFIED"}),
        ("r", LOCATION, {"format": "MAVEN", "dockerConfig": {"immutableTags": True}}),
        ("r", LOCATION, {"name": f"{LOCATION}/repositories/other"}),
    ],
)
def test_a_repository_that_is_refused(api: Api, repository_id: str, location: str, fields: dict[str, Any]) -> None:
    if location == "projects/p":
        assert api("POST", f"{location}/repositories", 404, json={}) == "NOT_FOUND"
    else:
        assert create(api, repository_id, location, 400, **fields) == "INVALID_ARGUMENT"


def test_every_repository_exists_unless_told_otherwise(api: Api, local_cloud: CloudThread) -> None:
    assert api("GET", REPOSITORY)["format"] == "DOCKER"
    assert api("GET", f"{LOCATION}/repositories") == {}
    push(local_cloud.http_url, f"{REFERENCE}/app")
    push(local_cloud.http_url, "us.gcr.io/p/app")
    push(local_cloud.http_url, "elsewhere/app")
    names = [found["name"] for found in api("GET", f"{LOCATION}/repositories")["repositories"]]
    assert names == [REPOSITORY, f"{LOCATION}/repositories/us.gcr.io"]


def test_strictly_a_repository_is_made_first(strict: CloudThread) -> None:
    api = Api(strict.http_url)
    assert api("GET", REPOSITORY, 404) == "NOT_FOUND"
    with Registry(strict.http_url, f"{REFERENCE}/app") as registry:
        for refused in (registry.call("POST", "blobs/uploads/"), registry.put_manifest("v1", image())):
            assert code(refused) == (404, "NAME_UNKNOWN")
        create(api)
        registry.push_image("v1")
        create(api, "maven", format="MAVEN")
        other = Registry(strict.http_url, "us-docker.pkg.dev/p/maven/app", registry.session)
        assert code(other.call("POST", "blobs/uploads/")) == (404, "NAME_UNKNOWN")
    push(strict.http_url, "elsewhere/app")


def test_immutable_tags_are_those_of_the_repository(api: Api, local_cloud: CloudThread) -> None:
    create(api, dockerConfig={"immutableTags": True})
    create(api, "mutable")
    for repository, expected in (("r", 400), ("mutable", 201)):
        name = f"us-docker.pkg.dev/p/{repository}/app"
        push(local_cloud.http_url, name)
        with Registry(local_cloud.http_url, name) as registry:
            registry.push_blob(b"changed")
            config = json.dumps({"created": "2026-01-02T03:04:05.123456789Z"}).encode()
            assert registry.put_manifest("v1", image(config, (b"changed",))).status_code == expected
    tag = f"{REPOSITORY}/packages/app/tags/v1"
    assert api("DELETE", tag, 400) == "FAILED_PRECONDITION"


def test_images(api: Api, local_cloud: CloudThread) -> None:
    one = push(local_cloud.http_url, f"{REFERENCE}/app", "v1", (b"1",))
    two = push(local_cloud.http_url, f"{REFERENCE}/app", "v2", (b"22",))
    deep = push(local_cloud.http_url, f"{REFERENCE}/a/b", "v1", (b"1",))
    push(local_cloud.http_url, "us-docker.pkg.dev/p/r2/app", "v1")
    got = api("GET", f"{REPOSITORY}/dockerImages/app@{two}")
    assert (got["name"], got["uri"]) == (f"{REPOSITORY}/dockerImages/app@{two}", f"{REFERENCE}/app@{two}")
    assert (got["tags"], got["imageSizeBytes"]) == (["v2"], str(len(b"22") + 45))
    assert (got["mediaType"], got["buildTime"]) == (
        "application/vnd.oci.image.manifest.v1+json",
        "2026-01-02T03:04:05.123456Z",
    )
    name = f"{REPOSITORY}/dockerImages/a%2Fb@{deep}"
    assert api("GET", name.replace("%", "%25"))["name"] == name
    expected = [name, *(f"{REPOSITORY}/dockerImages/app@{found}" for found in sorted([one, two]))]
    for size in (1, 2, 3, 50):
        seen: list[str] = []
        query = {"pageSize": str(size)}
        while True:
            page = api("GET", f"{REPOSITORY}/dockerImages", params=query)
            seen += [found["name"] for found in page["dockerImages"]]
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
        assert seen == expected
    newest = api("GET", f"{REPOSITORY}/dockerImages", params={"orderBy": "upload_time desc", "pageSize": 1})
    assert newest["dockerImages"][0]["uri"] == f"{REFERENCE}/a/b@{deep}"
    for gone in (f"{REPOSITORY}/dockerImages/app@{digest(b'x')}", f"{REPOSITORY}/dockerImages/x@{one}"):
        assert api("GET", gone, 404) == "NOT_FOUND"
    assert api("GET", f"{REPOSITORY}/dockerImages/app", 400) == "INVALID_ARGUMENT"


def test_an_index_shows_its_platforms(api: Api, local_cloud: CloudThread) -> None:
    with Registry(local_cloud.http_url, f"{REFERENCE}/app") as registry:
        registry.push_image("child")
        content = json.loads(index(image()))
        content["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm64", "variant": "v8"}
        registry.put_manifest("multi", json.dumps(content).encode())
    pushed = digest(json.dumps(content).encode())
    got = api("GET", f"{REPOSITORY}/dockerImages/app@{pushed}")
    assert got["imageManifests"] == [
        {
            "architecture": "arm64",
            "os": "linux",
            "variant": "v8",
            "digest": digest(image()),
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
        }
    ]


def test_packages_versions_and_tags(api: Api, local_cloud: CloudThread) -> None:
    pushed = push(local_cloud.http_url, f"{REFERENCE}/app", "v1")
    other = push(local_cloud.http_url, f"{REFERENCE}/app", "v2", (b"other",))
    push(local_cloud.http_url, f"{REFERENCE}/a/b", "v1")
    package = f"{REPOSITORY}/packages/app"
    packages = api("GET", f"{REPOSITORY}/packages")["packages"]
    assert [found["name"] for found in packages] == [f"{REPOSITORY}/packages/a%2Fb", package]
    assert api("GET", package)["displayName"] == "app"
    version = api("GET", f"{package}/versions/{pushed}", params={"view": "FULL"})
    assert version["metadata"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert version["relatedTags"] == [{"name": f"{package}/tags/v1", "version": f"{package}/versions/{pushed}"}]
    versions = api("GET", f"{package}/versions")["versions"]
    assert [found["name"].rpartition("/")[2] for found in versions] == sorted([pushed, other])
    assert all("relatedTags" not in found for found in versions)
    tags = api("GET", f"{package}/tags")["tags"]
    assert {found["name"].rpartition("/")[2]: found["version"].rpartition("/")[2] for found in tags} == {
        "v1": pushed,
        "v2": other,
    }
    query = {"filter": f'version="{package}/versions/{other}"'}
    assert [found["name"] for found in api("GET", f"{package}/tags", params=query)["tags"]] == [f"{package}/tags/v2"]
    assert api("GET", f"{package}/tags/v9", 404) == "NOT_FOUND"
    assert api("GET", f"{REPOSITORY}/packages/none/tags", 404) == "NOT_FOUND"


def test_tags_are_made_moved_and_deleted(api: Api, local_cloud: CloudThread) -> None:
    one = push(local_cloud.http_url, f"{REFERENCE}/app", "v1")
    two = push(local_cloud.http_url, f"{REFERENCE}/app", "v2", (b"other",))
    package = f"{REPOSITORY}/packages/app"
    body = {"version": f"{package}/versions/{one}"}
    assert api("POST", f"{package}/tags", params={"tagId": "latest"}, json=body)["name"] == f"{package}/tags/latest"
    assert api("POST", f"{package}/tags", 409, params={"tagId": "latest"}, json=body) == "ALREADY_EXISTS"
    bad = {"version": f"{package}/versions/{digest(b'x')}"}
    assert api("POST", f"{package}/tags", 404, params={"tagId": "bad"}, json=bad) == "NOT_FOUND"
    assert api("POST", f"{package}/tags", 400, params={"tagId": ".bad"}, json=body) == "INVALID_ARGUMENT"
    moved = api("PATCH", f"{package}/tags/latest", json={"version": f"{package}/versions/{two}"})
    assert moved["version"].endswith(two)
    with Registry(local_cloud.http_url, f"{REFERENCE}/app") as registry:
        assert registry.call("HEAD", "manifests/latest").headers["Docker-Content-Digest"] == two
    assert api("DELETE", f"{package}/tags/latest") == {}
    assert api("DELETE", f"{package}/tags/latest", 404) == "NOT_FOUND"


def test_what_is_deleted_is_gone_from_the_registry(tmp_path: Path) -> None:
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud:
        api = Api(cloud.http_url)
        one = push(cloud.http_url, f"{REFERENCE}/app", "v1", (b"1",))
        push(cloud.http_url, f"{REFERENCE}/app", "v2", (b"2",))
        push(cloud.http_url, f"{REFERENCE}/other", "v1", (b"2",))
        package = f"{REPOSITORY}/packages/app"
        assert api("DELETE", f"{package}/versions/{one}", 400) == "FAILED_PRECONDITION"
        assert api("DELETE", f"{package}/versions/{one}", params={"force": True})["done"]
        assert api("GET", f"{package}/tags/v1", 404) == "NOT_FOUND"
        assert api("DELETE", package)["done"]
        with Registry(cloud.http_url, f"{REFERENCE}/app") as registry:
            assert code(registry.call("GET", "tags/list")) == (404, "NAME_UNKNOWN")
            assert registry.call("HEAD", f"blobs/{digest(b'2')}").status_code == 404
        kept = {path.read_bytes() for path in (tmp_path / "blobs" / "whole").iterdir()}
        assert b"2" in kept
        assert b"1" not in kept
        assert api("DELETE", REPOSITORY)["done"]
        assert list((tmp_path / "blobs" / "whole").iterdir()) == []
        assert api("GET", f"{LOCATION}/repositories") == {}


def test_what_is_not_emulated_says_so(api: Api) -> None:
    assert api("GET", f"{REPOSITORY}/rules", 501) == "UNIMPLEMENTED"
    assert api("POST", f"{REPOSITORY}:exportArtifact", 501, json={}) == "UNIMPLEMENTED"


def test_files_are_manifests_and_blobs(api: Api, local_cloud: CloudThread) -> None:
    create(api)
    pushed = push(local_cloud.http_url, f"{REFERENCE}/app")
    push(local_cloud.http_url, f"{REFERENCE}/other")
    found: list[Any] = []
    query: dict[str, Any] = {"pageSize": 2}
    while True:
        page = api("GET", f"{REPOSITORY}/files", params=query)
        found += page["files"]
        if not page.get("nextPageToken"):
            break
        query["pageToken"] = page["nextPageToken"]
    names = [file["name"].rpartition("/files/")[2] for file in found]
    assert (names, len(names)) == (sorted(names), 3)
    assert {pushed, digest(b"layer")} < set(names)
    layer = api("GET", f"{REPOSITORY}/files/{digest(b'layer')}")
    assert (layer["sizeBytes"], layer["hashes"][0]["type"]) == ("5", "SHA256")
    assert "versions/sha256:" in api("GET", f"{REPOSITORY}/files/{pushed}")["owner"]
    assert api("GET", f"{REPOSITORY}/files/{digest(b'absent')}", 404) == "NOT_FOUND"
    assert api("GET", f"{LOCATION}/repositories/Absent/files", 200) == {}


def test_policies_of_repositories(api: Api) -> None:
    create(api)
    binding = {"role": "roles/artifactregistry.reader", "members": ["user:dev@example.com"]}
    empty = api("GET", f"{REPOSITORY}:getIamPolicy")
    kept = api("POST", f"{REPOSITORY}:setIamPolicy", json={"policy": {"bindings": [binding], "etag": empty["etag"]}})
    assert api("GET", f"{REPOSITORY}:getIamPolicy") == kept
    assert kept["bindings"] == [binding]
    assert api("POST", f"{REPOSITORY}:setIamPolicy", 409, json={"policy": {"etag": "b2xk"}}) == "ABORTED"
    asked = {"permissions": ["artifactregistry.repositories.get"]}
    assert api("POST", f"{REPOSITORY}:testIamPermissions", json=asked) == asked
    api("DELETE", REPOSITORY)
    create(api)
    assert api("GET", f"{REPOSITORY}:getIamPolicy") == empty


def test_versions_are_deleted_together_or_not_at_all(api: Api, local_cloud: CloudThread) -> None:
    first = push(local_cloud.http_url, f"{REFERENCE}/app", "v1")
    second = push(local_cloud.http_url, f"{REFERENCE}/app", "v2", (b"other",))
    package = f"{REPOSITORY}/packages/app"
    names = [f"{package}/versions/{digest_}" for digest_ in (first, second)]
    absent = f"{package}/versions/{digest(b'absent')}"
    assert api("POST", f"{package}/versions:batchDelete", 404, json={"names": [*names, absent]}) == "NOT_FOUND"
    assert len(api("GET", f"{package}/versions")["versions"]) == 2
    assert api("POST", f"{package}/versions:batchDelete", json={"names": names})["done"]
    assert api("GET", f"{package}/versions") == {}


def test_multi_regions_are_locations(api: Api) -> None:
    listed = {location["locationId"] for location in api("GET", "projects/p/locations")["locations"]}
    assert {"us", "europe", "asia", "us-central1"} <= listed
    assert api("GET", "projects/p/locations/us")["locationId"] == "us"
