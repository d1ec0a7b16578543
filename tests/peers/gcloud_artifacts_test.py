"""The real gcloud against the local cloud's Artifact Registry."""

import json
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
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": f"{local_cloud.http_url}/",
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
    # Whether Container Analysis is there is asked of Service Usage; neither is.
    image = json.loads(gcloud("docker", "images", "describe", f"{described}/app:v2", "--format=json"))
    assert image["image_summary"] == {
        "digest": pushed,
        "fully_qualified_digest": f"{described}/app@{pushed}",
        "registry": "us-docker.pkg.dev",
        "repository": "images",
        "slsa_build_level": "unknown",
    }
    files = gcloud("files", "list", "--repository=images", "--location=us", "--format=value(name)")
    assert pushed in files
    assert "us" in gcloud("locations", "list", "--format=value(name)").split()
    assert gcloud("repositories", "list", "--format=value(name)").split() == ["images"]
    role, member = "--role=roles/artifactregistry.reader", "--member=user:dev@example.com"
    gcloud("repositories", "add-iam-policy-binding", "images", "--location=us", role, member)
    assert "dev@example.com" in gcloud("repositories", "get-iam-policy", "images", "--location=us")
    policy = tmp_path / "policy.json"
    policy.write_text('[{"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "30d"}}]')
    gcloud("repositories", "set-cleanup-policies", "images", "--location=us", f"--policy={policy}")
    assert "old" in gcloud("repositories", "list-cleanup-policies", "images", "--location=us")
    gcloud("repositories", "delete", "images", "--location=us")
