"""The real gcloud against the local cloud's Artifact Registry."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.localcloud.registry.client import Registry

from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


def test_a_repository_and_its_images(local_cloud: CloudThread, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": f"{local_cloud.http_url}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": "my-project",
    }

    def gcloud(*arguments: str) -> str:
        command = ["gcloud", "artifacts", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    gcloud("repositories", "create", "images", "--repository-format=docker", "--location=us", "--immutable-tags")
    described = gcloud("repositories", "describe", "images", "--location=us", "--format=value(registryUri)")
    assert described == "us-docker.pkg.dev/my-project/images"
    with Registry(local_cloud.http_url, f"{described}/app") as registry:
        pushed = registry.push_image("v1")
    gcloud("docker", "tags", "add", f"{described}/app:v1", f"{described}/app:v2")
    listed = gcloud("docker", "images", "list", described, "--include-tags", "--format=csv[no-heading](version,tags)")
    assert listed.replace('"', "").replace(";", ",") == f"{pushed},v1,v2"
    gcloud("repositories", "delete", "images", "--location=us")
