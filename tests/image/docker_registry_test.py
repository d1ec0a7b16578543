"""Pushes to CNCF's registry, a process of its own, with TLS and a login; crane and skopeo judge what arrived."""

import base64
import contextlib
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.errors import RegistryError
from msp.image.keychain import Keychain
from msp.image.layout import DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Layout
from msp.image.progress import Silent
from msp.image.push import WORKERS, PushResult, push
from msp.image.registry import Registry
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import LayoutBuilder

SERVER = shutil.which("docker-registry")
pytestmark = pytest.mark.skipif(SERVER is None, reason="docker-registry is not on PATH")

# bcrypt, the only kind that the registry takes: user:secret
HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


@dataclass(frozen=True)
class Server:
    """A registry process: its address, who signed its certificate, and the environment of one who is logged in."""

    host: str
    ca_file: Path
    environment: dict[str, str]

    def registry(self, environment: dict[str, str] | None = None) -> Registry:
        keychain = Keychain(None, self.environment if environment is None else environment)
        retry = RetryPolicy(attempts=2, sleep=lambda _: None)
        return Registry(connection_pool(connections=WORKERS), keychain, Endpoints.google(), retry)

    def push(self, layout: Layout, name: str, tag: str = "t", **options: Any) -> PushResult:
        return push(layout, Repository(self.host, name), tag, self.registry(), Silent(), **options)

    def run(self, *command: str) -> bytes:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not on PATH")
        environment = {**os.environ, **self.environment, "SSL_CERT_FILE": str(self.ca_file)}
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("registry")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(folder / "cert.pem", append=True)
    (folder / "htpasswd").write_text(HTPASSWD)
    port = _free_port()
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "tls": {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")},
        },
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML.
    host = f"127.0.0.1:{port}"
    auth = base64.b64encode(b"user:secret").decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    assert SERVER is not None
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([SERVER, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            _wait_until_up(host, folder / "ca.pem", server)
            environment = {"DOCKER_CONFIG": str(folder), "REGISTRY_AUTH_FILE": str(folder / "config.json")}
            yield Server(host, folder / "ca.pem", environment)
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.fixture
def server(process: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("SSL_CERT_FILE", str(process.ca_file))
    return process


def test_an_image_arrives_whole(server: Server, builder: "LayoutBuilder") -> None:
    layout = Layout(builder.root(builder.image(*(os.urandom(20_000) for _ in range(12)), os.urandom(9 << 20))))
    pushed = server.push(layout, "p/app")
    assert (pushed.digest, pushed.blobs_uploaded) == (layout.digest, 14)
    image = f"{server.host}/p/app:t"
    assert server.run("crane", "digest", image).decode().strip() == layout.digest
    assert server.run("crane", "manifest", image) == layout.root.content
    for blob in layout.blobs:
        assert server.run("crane", "blob", f"{server.host}/p/app@{blob.digest}") == b"".join(layout.read(blob))


def test_an_index_of_both_kinds_arrives_whole(server: Server, builder: "LayoutBuilder", tmp_path: Path) -> None:
    one, two = builder.image(b"base", b"one"), builder.image(b"base", b"two")
    layout = Layout(builder.root(builder.index(one, two)))
    assert server.push(layout, "p/index").digest == layout.digest
    layer = builder.blob(b"docker", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    docker = builder.image(layer, media_type=DOCKER_MANIFEST)
    listed = Layout(builder.root(builder.index(docker, media_type=DOCKER_LIST)))
    assert server.push(listed, "p/list").digest == listed.digest
    for name, expected in (("index", layout), ("list", listed)):
        copy = tmp_path / name
        source = f"docker://{server.host}/p/{name}:t"
        server.run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", source, f"dir:{copy}")
        assert (copy / "manifest.json").read_bytes() == expected.root.content


def test_what_is_there_is_not_sent_again(server: Server, builder: "LayoutBuilder") -> None:
    layout = Layout(builder.root(builder.image(b"one", b"two")))
    assert server.push(layout, "p/again").blobs_uploaded == 3
    assert server.push(layout, "p/again").blobs_present == 3
    pushed = server.push(layout, "p/again", "u")
    assert (pushed.blobs_present, pushed.bytes_uploaded) == (3, 0)
    assert server.run("crane", "digest", f"{server.host}/p/again:u").decode().strip() == layout.digest


def test_blobs_are_mounted(server: Server, builder: "LayoutBuilder") -> None:
    layout = Layout(builder.root(builder.image(b"one", b"two")))
    server.push(layout, "p/base")
    pushed = server.push(layout, "p/mounted", mount_from="p/base")
    assert (pushed.blobs_mounted, pushed.blobs_uploaded) == (3, 0)


def test_an_upload_that_breaks_off_is_repeated(
    server: Server, builder: "LayoutBuilder", monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(builder.root(builder.image(os.urandom(12 << 20))))
    whole = Layout.read
    reads: list[int] = []

    def breaks_off_once(self: Layout, blob: Descriptor, *, start: int = 0) -> Iterator[bytes]:
        for number, piece in enumerate(whole(self, blob, start=start)):
            if number == 32 and not reads:
                reads.append(number)
                raise ConnectionResetError
            yield piece

    monkeypatch.setattr(Layout, "read", breaks_off_once)
    assert server.push(layout, "p/broken").digest == layout.digest
    assert reads == [32]


def test_a_wrong_login_is_refused_without_telling_it(server: Server, builder: "LayoutBuilder", tmp_path: Path) -> None:
    auths = {"auths": {server.host: {"username": "user", "password": "wrong-secret"}}}
    (tmp_path / "config.json").write_text(json.dumps(auths))
    layout = Layout(builder.root(builder.image(b"one")))
    registry = server.registry({"DOCKER_CONFIG": str(tmp_path)})
    with pytest.raises(RegistryError, match="answered 401") as raised:
        push(layout, Repository(server.host, "p/app"), "t", registry, Silent())
    assert f"docker login {server.host}" in raised.value.hint
    assert "secret" not in raised.value.message


def test_a_certificate_that_nobody_vouches_for(
    server: Server, builder: "LayoutBuilder", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    with pytest.raises(UnreachableError, match="no trusted connection"):
        server.push(Layout(builder.root(builder.image(b"one"))), "p/app")


def _free_port() -> int:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def _wait_until_up(host: str, ca_file: Path, server: "subprocess.Popen[bytes]") -> None:
    context = ssl.create_default_context(cafile=str(ca_file))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.poll() is None, "docker-registry ended at once"
        with contextlib.suppress(OSError):
            try:
                urllib.request.urlopen(f"https://{host}/v2/", context=context, timeout=5)
            except urllib.error.HTTPError as answer:
                answer.close()
                return  # It wants a login: it is up.
        time.sleep(0.05)
    raise AssertionError("docker-registry did not come up in 30 s")
