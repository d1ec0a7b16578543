"""Pipelines shaped as Google's samples and quickstart are, applied and released with the real gcloud."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.localcloud.registry.client import Registry
from tests.peers.gcloud import PROJECT, REGION, Gcloud

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.pytest_plugin import CloudThread

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

NGINX = "gcr.io/google-containers/nginx@sha256:" + "f4" * 32
LOCATION = f"projects/{PROJECT}/locations/{REGION}"

PIPELINE = """\
apiVersion: deploy.cloud.google.com/v1
kind: DeliveryPipeline
metadata: {name: NAME}
serialPipeline:
  stages:
  - {targetId: NAME-run, strategy: STRATEGY}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {name: NAME-run}
run: {location: LOCATION}
"""

SKAFFOLD = """\
apiVersion: skaffold/v4beta7
kind: Config
manifests: {rawYaml: [run.yaml]}
deploy: {cloudrun: {}}
customActions:
- {name: clean, containers: [{name: clean, image: cleaner}]}
verify:
- {name: check, container: {name: check, image: checker}}
"""


@pytest.fixture(scope="module")
def gcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcloud]:
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        home = tmp_path_factory.mktemp("home")
        source = home / "source"
        source.mkdir()
        (source / "skaffold.yaml").write_text(SKAFFOLD)
        (source / "run.yaml").write_text("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: app}\n")
        yield Gcloud(cloud, home)


def deploy(gcloud: Gcloud, name: str, strategy: str, *images: str) -> list[str]:
    """Applies a pipeline and releases a folder to it; the jobs of its rollout, once that has succeeded."""
    manifest: Path = gcloud.home / f"{name}.yaml"
    text = PIPELINE.replace("NAME", name).replace("STRATEGY", strategy).replace("LOCATION", LOCATION)
    manifest.write_text(text)
    assert gcloud.run("apply", f"--file={manifest}").returncode == 0
    below = f"--delivery-pipeline={name}"
    gcloud("releases", "create", "r1", below, f"--source={gcloud.home / 'source'}", *images)
    rollout = gcloud("rollouts", "describe", f"r1-to-{name}-run-0001", "--release=r1", below)
    assert rollout["state"] == "SUCCEEDED", rollout
    return sorted(job for phase in rollout["phases"] for job in phase["deploymentJobs"])


def test_the_quickstarts_image_of_another_registry(gcloud: Gcloud) -> None:
    assert deploy(gcloud, "quickstart", "{standard: {}}", f"--images=my-app-image={NGINX}") == ["deployJob"]


def test_verify_and_a_postdeploy_action(gcloud: Gcloud) -> None:
    strategy = "{standard: {verify: true, postdeploy: {actions: [clean]}}}"
    assert deploy(gcloud, "verified", strategy) == ["deployJob", "postdeployJob", "verifyJob"]


def test_what_skaffold_build_wrote_of_an_image_pushed_to_the_registrys_own_address(gcloud: Gcloud) -> None:
    repository = "us-docker.pkg.dev/demo/images/app"
    with Registry(gcloud.cloud.http_url, repository) as registry:
        registry.push_image("v1")
    digest = gcloud.cloud.cloud.registry.has_image(repository, "v1")
    address = gcloud.cloud.http_url.removeprefix("http://")
    artifacts = gcloud.home / "artifacts.json"
    build = {"imageName": "app", "tag": f"{address}/{repository}:v1@{digest}"}
    artifacts.write_text(json.dumps({"builds": [build]}))
    assert deploy(gcloud, "built", "{standard: {}}", f"--build-artifacts={artifacts}") == ["deployJob"]
