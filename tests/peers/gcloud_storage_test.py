"""The real gcloud against the local cloud's buckets."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


class Gcloud:
    """gcloud, told to talk to a local server with no account."""

    def __init__(self, url: str, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CLOUDSDK_CONFIG": str(home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_PROJECT": "my-project",
            # What gcloud does with files of 150 MiB and more, it does here with those of 8 MiB.
            "CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_ENABLED": "true",
            "CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_THRESHOLD": "8M",
            "CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_COMPONENT_SIZE": "3M",
            # It deletes those components after that it uploaded resumably.
            "CLOUDSDK_STORAGE_RESUMABLE_THRESHOLD": "1M",
        }

    def __call__(self, *arguments: str | Path) -> str:
        command = ["gcloud", "storage", *map(str, arguments)]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def gcloud(local_cloud: CloudThread, tmp_path: Path) -> Gcloud:
    return Gcloud(local_cloud.http_url, tmp_path)


def test_a_buckets_life(gcloud: Gcloud, tmp_path: Path) -> None:
    small, large = tmp_path / "small.txt", tmp_path / "large.bin"
    small.write_text("hello")
    large.write_bytes(os.urandom(9 * 1024 * 1024))
    gcloud("buckets", "create", "gs://bucket-a", "--location=us-central1")
    gcloud("buckets", "update", "gs://bucket-a", "--update-labels=team=x", "--versioning")
    gcloud("cp", small, "gs://bucket-a/dir/small.txt")
    gcloud("cp", large, "gs://bucket-a/large.bin")
    assert gcloud("cat", "gs://bucket-a/dir/small.txt") == "hello"
    back = tmp_path / "back.bin"
    gcloud("cp", "gs://bucket-a/large.bin", back)
    assert hashlib.sha256(back.read_bytes()).digest() == hashlib.sha256(large.read_bytes()).digest()
    listed = gcloud("ls", "--recursive", "gs://bucket-a").split()
    assert [line for line in listed if not line.endswith(":")] == [
        "gs://bucket-a/large.bin",
        "gs://bucket-a/dir/small.txt",
    ]
    role, member = "--role=roles/storage.objectViewer", "--member=user:dev@example.com"
    assert "dev@example.com" in gcloud("buckets", "add-iam-policy-binding", "gs://bucket-a", role, member)
    gcloud("rm", "--recursive", "gs://bucket-a")
    assert gcloud("buckets", "list", "--format=value(name)").strip() == ""


def test_what_is_composed_and_who_is_told(gcloud: Gcloud, tmp_path: Path) -> None:
    gcloud("buckets", "create", "gs://bucket-a")
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
        gcloud("cp", tmp_path / name, f"gs://bucket-a/{name}")
    gcloud("objects", "compose", "gs://bucket-a/a", "gs://bucket-a/b", "gs://bucket-a/ab")
    assert gcloud("cat", "gs://bucket-a/ab") == "ab"
    described = gcloud("buckets", "describe", "gs://bucket-a", "--format=value(uniform_bucket_level_access)")
    assert described.strip() == "True"
    assert gcloud("buckets", "notifications", "list", "gs://bucket-a").strip() == ""
