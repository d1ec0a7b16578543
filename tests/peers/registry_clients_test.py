"""crane, skopeo and oras push, copy and pull, and get the same digests as from CNCF's registry, a real process."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.localcloud.registry.client import digest, image, index
from tests.peers.docker_registry import docker_registry

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.registry import DEFAULT_ACCOUNTS, AuthMode

REPOSITORY = "us.gcr.io/my-project/app"
PLATFORMS = ("linux/amd64", "linux/arm64")


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on PATH: {', '.join(missing)}")


def run(*command: str | Path, cwd: Path, success: bool = True) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "XDG_RUNTIME_DIR": str(cwd)}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode == 0) == success, done.stdout + done.stderr
    return done.stdout.strip() if success else done.stderr


@pytest.fixture
def local(tmp_path: Path) -> Iterator[str]:
    with CloudThread(LocalCloud(state_dir=tmp_path / "state")) as cloud:
        yield cloud.http_url.removeprefix("http://")


@pytest.fixture
def cncf(tmp_path: Path) -> Iterator[str]:
    """CNCF's registry as a real process; `host:port`."""
    with docker_registry(tmp_path / "cncf") as url:
        yield url.removeprefix("http://")


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An OCI layout with a multi-platform index; its digest is `layout_digest`."""
    root = tmp_path / "layout"
    blobs = root / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def keep(content: bytes) -> bytes:
        (blobs / digest(content).removeprefix("sha256:")).write_bytes(content)
        return content

    children = []
    for platform in PLATFORMS:
        system, architecture = platform.split("/")
        layer = keep(_layer(architecture))
        history = {"type": "layers", "diff_ids": [digest(_tar(architecture))]}
        config = keep(json.dumps({"os": system, "architecture": architecture, "rootfs": history}).encode())
        children.append(keep(image(config, (layer,))))
    top = json.loads(index(*children))
    for descriptor, platform in zip(top["manifests"], PLATFORMS, strict=True):
        system, architecture = platform.split("/")
        descriptor["platform"] = {"os": system, "architecture": architecture}
    content = keep(json.dumps(top).encode())
    entry: dict[str, Any] = {"mediaType": top["mediaType"], "digest": digest(content), "size": len(content)}
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return root


@pytest.fixture
def crane_layout(layout: Path) -> Path:
    """The same as `layout`, for crane: what `crane push --index` pushes is the file index.json itself."""
    content = (layout / "blobs" / "sha256" / top_digest(layout).removeprefix("sha256:")).read_bytes()
    flat = layout.with_name("crane")
    shutil.copytree(layout, flat)
    (flat / "index.json").write_bytes(content)
    return flat


def _tar(architecture: str) -> bytes:
    content = architecture.encode() * 100_000
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo("app")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _layer(architecture: str) -> bytes:
    return gzip.compress(_tar(architecture), mtime=0)


@needs("crane")
@pytest.mark.parametrize("mode", ["basic", "bearer"])
def test_crane_logs_in(mode: AuthMode, crane_layout: Path, tmp_path: Path) -> None:
    with CloudThread(LocalCloud(registry_auth=mode)) as cloud:
        host = cloud.http_url.removeprefix("http://")
        push = ("crane", "push", "--index", crane_layout, f"{host}/{REPOSITORY}:v1")
        assert "UNAUTHORIZED" in run(*push, cwd=tmp_path, success=False).upper()
        account = DEFAULT_ACCOUNTS[0]
        login = ("crane", "auth", "login", host, "--username", account.username, "--password", account.password)
        run(*login, cwd=tmp_path)
        run(*push, cwd=tmp_path)
        run("crane", "copy", f"{host}/{REPOSITORY}:v1", f"{host}/other/app:v1", cwd=tmp_path)
        assert run("crane", "catalog", host, cwd=tmp_path).split() == ["other/app", REPOSITORY]


def top_digest(layout: Path) -> str:
    return str(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])


def blobs(layout: Path) -> set[str]:
    return {path.name for path in (layout / "blobs" / "sha256").iterdir()}


@needs("crane")
def test_crane_pushes_copies_and_pulls_an_index(
    local: str, cncf: str, layout: Path, crane_layout: Path, tmp_path: Path
) -> None:
    expected = top_digest(layout)
    source = f"{local}/{REPOSITORY}:v1"
    pushed = run("crane", "push", "--index", crane_layout, source, cwd=tmp_path)
    assert pushed.rpartition("@")[2] == expected
    run("crane", "copy", source, f"{cncf}/app:v1", cwd=tmp_path)
    run("crane", "copy", f"{cncf}/app:v1", f"{local}/us-docker.pkg.dev/p/r/app:v1", cwd=tmp_path)
    run("crane", "tag", source, "v2", cwd=tmp_path)
    for reference in (source, f"{local}/{REPOSITORY}:v2", f"{cncf}/app:v1", f"{local}/us-docker.pkg.dev/p/r/app:v1"):
        assert run("crane", "digest", reference, cwd=tmp_path) == expected
    for platform in PLATFORMS:
        digests = {
            run("crane", "digest", "--platform", platform, reference, cwd=tmp_path)
            for reference in (source, f"{cncf}/app:v1")
        }
        assert len(digests) == 1
    assert run("crane", "ls", f"{local}/{REPOSITORY}", cwd=tmp_path).split() == ["v1", "v2"]
    assert run("crane", "catalog", local, cwd=tmp_path).split() == ["us-docker.pkg.dev/p/r/app", REPOSITORY]
    run("crane", "pull", "--format=oci", source, "pulled", cwd=tmp_path)
    assert blobs(tmp_path / "pulled") == blobs(layout)
    run("crane", "validate", "--remote", source, cwd=tmp_path)


@needs("crane")
def test_crane_deletes(local: str, layout: Path, crane_layout: Path, tmp_path: Path) -> None:
    reference = f"{local}/{REPOSITORY}"
    run("crane", "push", "--index", crane_layout, f"{reference}:v1", cwd=tmp_path)
    run("crane", "tag", f"{reference}:v1", "v2", cwd=tmp_path)
    run("crane", "delete", f"{reference}:v2", cwd=tmp_path)
    assert run("crane", "ls", reference, cwd=tmp_path) == "v1"
    run("crane", "delete", f"{reference}@{top_digest(layout)}", cwd=tmp_path)
    assert "MANIFEST_UNKNOWN" in run("crane", "manifest", f"{reference}:v1", cwd=tmp_path, success=False)


@needs("skopeo")
def test_skopeo_deletes_by_tag(local: str, layout: Path, tmp_path: Path) -> None:
    reference = f"docker://{local}/{REPOSITORY}:v1"
    copy = ("skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false")
    run(*copy, f"oci:{layout}", reference, cwd=tmp_path)
    # It looks up the digest and deletes that.
    run("skopeo", "delete", "--tls-verify=false", reference, cwd=tmp_path)
    run("skopeo", "inspect", "--raw", "--tls-verify=false", reference, cwd=tmp_path, success=False)


@needs("oras")
def test_oras_deletes(local: str, layout: Path, tmp_path: Path) -> None:
    here = f"{local}/{REPOSITORY}"
    run("oras", "cp", "--from-oci-layout", f"{layout}@{top_digest(layout)}", "--to-plain-http", f"{here}:v1",
        cwd=tmp_path)  # fmt: skip
    run("oras", "manifest", "delete", "--force", "--plain-http", f"{here}:v1", cwd=tmp_path)
    run("oras", "resolve", "--plain-http", f"{here}@{top_digest(layout)}", cwd=tmp_path, success=False)


@needs("skopeo")
def test_skopeo_copies_an_index_there_and_back(local: str, cncf: str, layout: Path, tmp_path: Path) -> None:
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    copy = ("skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests", *plain)
    here, there = f"docker://{local}/{REPOSITORY}:v1", f"docker://{cncf}/app:v1"
    run(*copy, f"oci:{layout}", here, cwd=tmp_path)
    run(*copy, here, there, cwd=tmp_path)
    run(*copy, there, f"docker://{local}/copied:v1", cwd=tmp_path)
    run(*copy, f"docker://{local}/copied:v1", "oci:back", cwd=tmp_path)
    assert blobs(tmp_path / "back") == blobs(layout)
    for reference in (here, there):
        raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", reference, cwd=tmp_path)
        assert digest(raw.encode()) == top_digest(layout)
    tags = json.loads(run("skopeo", "list-tags", "--tls-verify=false", here.rpartition(":")[0], cwd=tmp_path))
    assert tags["Tags"] == ["v1"]


@needs("skopeo")
def test_skopeo_pushes_docker_manifests(local: str, layout: Path, tmp_path: Path) -> None:
    options = ("--dest-tls-verify=false", "--format=v2s2", "--override-os=linux", "--override-arch=arm64")
    reference = f"docker://{local}/{REPOSITORY}:docker"
    run("skopeo", "--insecure-policy", "copy", *options, f"oci:{layout}", reference, cwd=tmp_path)
    raw = json.loads(run("skopeo", "inspect", "--raw", "--tls-verify=false", reference, cwd=tmp_path))
    assert raw["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


@needs("oras")
def test_oras_attaches_discovers_copies_and_pulls(local: str, layout: Path, tmp_path: Path) -> None:
    here = f"{local}/{REPOSITORY}"
    run("oras", "cp", "--recursive", "--from-oci-layout", f"{layout}@{top_digest(layout)}", "--to-plain-http",
        f"{here}:v1", cwd=tmp_path)  # fmt: skip
    assert run("oras", "resolve", "--plain-http", f"{here}:v1", cwd=tmp_path) == top_digest(layout)
    (tmp_path / "sbom.json").write_text("{}")
    attach = ("oras", "attach", "--plain-http", "--artifact-type", "application/spdx+json")
    run(*attach, f"{here}:v1", "sbom.json", cwd=tmp_path)
    discover = ("oras", "discover", "--plain-http", "--format", "json", "--distribution-spec", "v1.1-referrers-api")
    found = json.loads(run(*discover, f"{here}:v1", cwd=tmp_path))
    (referrer,) = found.get("referrers") or found["manifests"]
    assert referrer["artifactType"] == "application/spdx+json"
    run("oras", "cp", "--recursive", "--from-plain-http", "--to-plain-http", f"{here}:v1", f"{local}/other/app:v1",
        cwd=tmp_path)  # fmt: skip
    copied = json.loads(run(*discover, f"{local}/other/app:v1", cwd=tmp_path))
    assert (copied.get("referrers") or copied["manifests"])[0]["digest"] == referrer["digest"]
    run("oras", "pull", "--plain-http", "--output", "pulled", f"{here}@{referrer['digest']}", cwd=tmp_path)
    assert (tmp_path / "pulled" / "sbom.json").read_text() == "{}"
    tags = run("oras", "repo", "tags", "--plain-http", here, cwd=tmp_path)
    assert tags.split() == ["v1"]


@needs("oras")
def test_oras_gets_the_same_digest_from_both(local: str, cncf: str, layout: Path, tmp_path: Path) -> None:
    for registry in (local, cncf):
        run("oras", "cp", "--from-oci-layout", f"{layout}@{top_digest(layout)}", "--to-plain-http",
            f"{registry}/app:v1", cwd=tmp_path)  # fmt: skip
        assert run("oras", "resolve", "--plain-http", f"{registry}/app:v1", cwd=tmp_path) == top_digest(layout)
