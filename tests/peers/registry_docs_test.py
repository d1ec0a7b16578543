"""What docs/local-cloud-registry.md shows works as it stands there, with the real clients."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.localcloud.registry.client import OCI_MANIFEST, digest, image

from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

DOCUMENT = (Path(__file__).parents[2] / "docs" / "local-cloud-registry.md").read_text()
SNIPPETS = re.findall(r"^```(sh|python)\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def here(snippet: str, cloud: CloudThread) -> str:
    return snippet.replace("127.0.0.1:8080", cloud.http_url.removeprefix("http://"))


def run(snippet: str, folder: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }
    command = ["sh", "-euc", snippet]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("crane") is None, reason="crane is not on PATH")
def test_crane(local_cloud: CloudThread, tmp_path: Path) -> None:
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = image()
    for content in (b"{}", b"layer", manifest):
        (blobs / digest(content).removeprefix("sha256:")).write_bytes(content)
    entry = f'{{"mediaType": "{OCI_MANIFEST}", "digest": "{digest(manifest)}", "size": {len(manifest)}}}'
    (tmp_path / "layout" / "index.json").write_text(f'{{"schemaVersion": 2, "manifests": [{entry}]}}')
    (tmp_path / "layout" / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (snippet,) = (text for kind, text in SNIPPETS if "crane" in text)
    pushed, found, tags = run(here(snippet, local_cloud), tmp_path).split()
    assert (pushed.rpartition("@")[2], tags) == (found, "v1")


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")
def test_gcloud_then_python(local_cloud: CloudThread, tmp_path: Path) -> None:
    (snippet,) = (text for kind, text in SNIPPETS if "gcloud" in text)
    assert run(here(snippet, local_cloud), tmp_path) == "hello\n"
    (snippet,) = (text for kind, text in SNIPPETS if kind == "python")
    *lines, last = here(snippet, local_cloud).strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join([*lines, f"found = {last}"]), names)  # noqa: S102 (our own document)
    assert names["found"] == "hello\n"
