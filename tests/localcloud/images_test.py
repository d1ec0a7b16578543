"""Which images a deploy finds: those pushed here, by any name of theirs, and those of registries that are not here."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.localcloud.deploy.world import LOCATION, archive
from tests.localcloud.registry.client import Registry

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread

APP = "us-docker.pkg.dev/demo/images/app"
GCR_APP = "us.gcr.io/demo/team/app"
FOREIGN_DIGEST = "sha256:" + "f409c53ed2e2e3ba6d3bf1ef1d4f4ba4c2a1d5ae8e2b5e2e3ad8b1f2bd1ab1c9"
PIPELINE = f"{LOCATION}/deliveryPipelines/app"


class Site:
    """A cloud with a Cloud Run target, and what a release of an image to it comes to."""

    def __init__(self, cloud: CloudThread) -> None:
        self.cloud = cloud
        self.port = cloud.http_url.rpartition(":")[2]
        self._releases = 0
        for repository in (APP, GCR_APP, "ghcr.io/me/app", "plain"):
            with Registry(cloud.http_url, repository) as registry:
                registry.push_image("v1")
        self.post("/storage/v1/b?project=demo", {"name": "source"})
        source = archive({"skaffold.yaml": "apiVersion: skaffold/v4beta7\nkind: Config\n"})
        requests.post(
            f"{cloud.http_url}/upload/storage/v1/b/source/o?uploadType=media&name=s.tgz", data=source, timeout=10
        ).raise_for_status()
        self.post(f"/v1/{LOCATION}/targets?targetId=run", {"run": {"location": LOCATION}})
        stages = {"serialPipeline": {"stages": [{"targetId": "run"}]}}
        self.post(f"/v1/{LOCATION}/deliveryPipelines?deliveryPipelineId=app", stages)
        self.post(f"/v1/{LOCATION}/repositories?repositoryId=empty", {"format": "DOCKER"})

    def post(self, path: str, body: dict[str, Any]) -> None:
        requests.post(self.cloud.http_url + path, json=body, timeout=10).raise_for_status()

    def deploy(self, image: str) -> tuple[str, str, list[str]]:
        """The state and the failure of a rollout of an image, and what runs then."""
        self._releases += 1
        release = f"{PIPELINE}/releases/r{self._releases}"
        artifacts = [{"image": "app", "tag": image}]
        self.post(
            f"/v1/{PIPELINE}/releases?releaseId=r{self._releases}",
            {"skaffoldConfigUri": "gs://source/s.tgz", "buildArtifacts": artifacts},
        )
        self.post(f"/v1/{release}/rollouts?rolloutId=o", {"targetId": "run"})
        self.cloud.settle()
        rollout = requests.get(f"{self.cloud.http_url}/v1/{release}/rollouts/o", timeout=10).json()
        running = self.cloud.cloud.store.get("running", f"{PIPELINE}|run")
        return rollout["state"], rollout.get("failureReason", ""), json.loads(running or b"{}").get("images", [])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield Site(cloud)


@pytest.mark.parametrize("image", [APP, GCR_APP, "ghcr.io/me/app", "plain"])
@pytest.mark.parametrize("address", ["", "127.0.0.1:{port}/", "localhost:{port}/", "[::1]:{port}/"])
def test_what_was_pushed_is_found_by_the_registrys_own_address_too(site: Site, image: str, address: str) -> None:
    digest = site.cloud.cloud.registry.has_image(image, "v1")
    own = address.format(port=site.port) + image
    for reference in (f"{own}:v1", f"{own}@{digest}", f"{own}:v1@{digest}"):
        assert site.deploy(reference) == ("SUCCEEDED", "", [f"{image}@{digest}"]), reference


@pytest.mark.parametrize(
    ("image", "running"),
    [
        ("gcr.io/google-containers/nginx@" + FOREIGN_DIGEST, "gcr.io/google-containers/nginx@" + FOREIGN_DIGEST),
        ("gcr.io/google-containers/nginx:1.27", "gcr.io/google-containers/nginx:1.27"),
        ("us-docker.pkg.dev/demo/others/app:v1", "us-docker.pkg.dev/demo/others/app:v1"),
        ("us.gcr.io/another/app:v1", "us.gcr.io/another/app:v1"),
        ("docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("nginx:1", "nginx:1"),
        ("ghcr.io/you/app:v1", "ghcr.io/you/app:v1"),
        ("localhost:1/app:v1", "localhost:1/app:v1"),
    ],
)
def test_an_image_of_a_registry_that_is_not_here_is_taken_as_there(site: Site, image: str, running: str) -> None:
    assert site.deploy(image) == ("SUCCEEDED", "", [running])


@pytest.mark.parametrize(
    "image",
    [
        f"{APP}:v2",
        f"{APP}@{FOREIGN_DIGEST}",
        "us-docker.pkg.dev/demo/images/other:v1",
        "us-central1-docker.pkg.dev/demo/empty/app:v1",
        "us.gcr.io/demo/other:v1",
        "ghcr.io/me/other:v1",
        "plain:v2",
        "127.0.0.1:{port}/anything:v1",
        "localhost:{port}/gcr.io/google-containers/nginx:1",
    ],
)
def test_an_image_that_should_be_here_and_is_not_is_missing(site: Site, image: str) -> None:
    image = image.format(port=site.port)
    assert site.deploy(image)[:2] == ("FAILED", f"image {image} does not exist in the registry")


def test_strictly_every_image_must_be_here(tmp_path: Path) -> None:
    with CloudThread(LocalCloud(seed=1, strict_images=True, state_dir=tmp_path)) as cloud:
        strict = Site(cloud)
        assert strict.deploy("gcr.io/google-containers/nginx:1")[0] == "FAILED"
        assert strict.deploy(f"{APP}:v1")[0] == "SUCCEEDED"
