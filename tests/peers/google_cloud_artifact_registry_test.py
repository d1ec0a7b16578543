"""google-cloud-artifact-registry over gRPC and REST, unchanged but for its endpoint."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import artifactregistry_v1 as ar
from google.cloud.artifactregistry_v1.services.artifact_registry import transports
from tests.localcloud.registry.client import Registry
from tests.localcloud.registry.shared import local_cloud, module_cloud

from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread

__all__ = ["local_cloud", "module_cloud"]

LOCATION = "projects/my-project/locations/us"
REPOSITORY = f"{LOCATION}/repositories/images"


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, local_cloud: CloudThread) -> Iterator[Any]:
    transport: Any
    if request.param == "grpc":
        channel = grpc.insecure_channel(local_cloud.grpc_address)
        transport = transports.ArtifactRegistryGrpcTransport(channel=channel)
    else:
        transport = transports.ArtifactRegistryRestTransport(
            host=local_cloud.http_url.removeprefix("http://"),
            url_scheme="http",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
    with ar.ArtifactRegistryClient(transport=transport) as client:
        yield client


def create(client: Any) -> Any:
    repository = ar.Repository(format_=ar.Repository.Format.DOCKER, docker_config={"immutable_tags": True})
    operation = client.create_repository(parent=LOCATION, repository=repository, repository_id="images")
    return operation.result(timeout=30)


def test_repositories(client: Any) -> None:
    made = create(client)
    assert (made.name, made.docker_config.immutable_tags) == (REPOSITORY, True)
    assert made.create_time.timestamp() > 0
    assert client.get_repository(name=REPOSITORY) == made
    with pytest.raises(exceptions.Conflict):
        create(client)
    changed = ar.Repository(name=REPOSITORY, description="all images")
    assert client.update_repository(repository=changed, update_mask="description").description == "all images"
    assert [found.name for found in client.list_repositories(parent=LOCATION)] == [REPOSITORY]
    client.delete_repository(name=REPOSITORY).result(timeout=30)
    assert list(client.list_repositories(parent=LOCATION)) == []
    with pytest.raises(exceptions.BadRequest, match="repository_id"):
        client.create_repository(parent=LOCATION, repository=ar.Repository(format_="DOCKER"), repository_id="No")


def test_what_the_registry_holds(client: Any, local_cloud: CloudThread) -> None:
    create(client)
    with Registry(local_cloud.http_url, "us-docker.pkg.dev/my-project/images/dir/app") as registry:
        pushed = registry.push_image("v1")
        registry.push_image("v2", layers=(b"another",))
    images = list(client.list_docker_images(parent=REPOSITORY))
    assert {tag: image.name for image in images for tag in image.tags}.keys() == {"v1", "v2"}
    name = f"{REPOSITORY}/dockerImages/dir%2Fapp@{pushed}"
    image = client.get_docker_image(name=name)
    assert (image.name, list(image.tags)) == (name, ["v1"])
    assert image.uri == f"us-docker.pkg.dev/my-project/images/dir/app@{pushed}"
    package = f"{REPOSITORY}/packages/dir%2Fapp"
    assert [found.name for found in client.list_packages(parent=REPOSITORY)] == [package]
    request = ar.ListTagsRequest(parent=package, page_size=1)
    assert [tag.name for tag in client.list_tags(request=request)] == [f"{package}/tags/v1", f"{package}/tags/v2"]
    assert client.get_tag(name=f"{package}/tags/v1").version == f"{package}/versions/{pushed}"
    version = client.get_version(request={"name": f"{package}/versions/{pushed}", "view": "FULL"})
    assert version.related_tags[0].name == f"{package}/tags/v1"
    with pytest.raises(exceptions.NotFound):
        client.get_tag(name=f"{package}/tags/v3")
    (other,) = (found.name.rpartition("@")[2] for found in images if found.name != name)
    with pytest.raises(exceptions.BadRequest, match="immutability"):
        client.update_tag(tag=ar.Tag(name=f"{package}/tags/v1", version=f"{package}/versions/{other}"))


def test_faults_reach_it(client: Any, local_cloud: CloudThread) -> None:
    create(client)
    local_cloud.faults.add(Fault(method="*ArtifactRegistry/GetRepository", code="UNAVAILABLE", times=1))
    with pytest.raises(exceptions.ServiceUnavailable):
        client.get_repository(name=REPOSITORY)
    assert client.get_repository(name=REPOSITORY).name == REPOSITORY


def test_what_is_not_emulated_says_so(client: Any) -> None:
    with pytest.raises((exceptions.MethodNotImplemented, exceptions.GoogleAPICallError), match="ListRules"):
        list(client.list_rules(parent=REPOSITORY))
