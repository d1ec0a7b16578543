"""Pushes to the local cloud: with logins and faults, many at once, and killed at every step."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CredentialsError
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.errors import RegistryError
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.progress import Silent
from msp.image.push import WORKERS, PushResult, push
from msp.image.registry import Registry
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import LayoutBuilder


def registry(cloud: CloudThread, environment: dict[str, str] | None = None) -> Registry:
    endpoints = Endpoints.local(cloud.http_url)
    retry = RetryPolicy(attempts=4, sleep=lambda _: None)
    return Registry(connection_pool(connections=WORKERS), Keychain(None, environment or {}), endpoints, retry)


@pytest.fixture(scope="module")
def shared() -> Iterator[CloudThread]:
    """One cloud for all tests: each pushes to a repository of its own."""
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud


@pytest.fixture
def cloud(shared: CloudThread) -> CloudThread:
    shared.faults.clear()
    return shared


@pytest.fixture
def repository() -> Repository:
    return Repository("us.gcr.io", f"p/{uuid.uuid4().hex}")


class Sender:
    """Pushes to one repository of one cloud."""

    def __init__(self, cloud: CloudThread, repository: Repository) -> None:
        self.cloud = cloud
        self.repository = repository

    def __call__(self, layout: Layout, tag: str = "t", registry_client: Registry | None = None) -> PushResult:
        return push(layout, self.repository, tag, registry_client or registry(self.cloud), Silent())

    def stored(self, tag: str = "t") -> str | None:
        return registry(self.cloud).repository(self.repository).manifest_digest(tag)


@pytest.fixture
def send(cloud: CloudThread, repository: Repository) -> Sender:
    return Sender(cloud, repository)


@pytest.fixture
def layout(builder: "LayoutBuilder") -> Layout:
    arm, amd = builder.image(os.urandom(70_000), b"arm"), builder.image(os.urandom(70_000), b"amd")
    return Layout(builder.root(builder.index(arm, amd)))


def test_a_local_cloud_stands_for_googles_registry(send: Sender, layout: Layout) -> None:
    pushed = send(layout)
    assert pushed.digest == send.stored() == layout.digest
    assert pushed.blobs_uploaded == len(layout.blobs)
    assert send(layout, "u").blobs_present == len(layout.blobs)


FAULTS = {
    "429": {"http_status": 429, "headers": {"Retry-After": "1"}},
    "500": {"http_status": 500},
    "503": {"http_status": 503},
    "dropped": {"drop_connection": True},
    "lost": {"lose_response": True},
    "cut off": {"truncate_body": 10},
}
METHODS = ["HeadManifest", "HeadBlob", "StartBlobUpload", "UploadBlob", "PutManifest"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", METHODS)
def test_a_fault_on_the_way_changes_nothing_in_the_end(
    cloud: CloudThread, send: Sender, layout: Layout, method: str, fault: str
) -> None:
    cloud.faults.add(Fault(method=f"registry/{method}", nth=2, times=2, **FAULTS[fault]))  # type: ignore[arg-type]
    assert send(layout).digest == layout.digest
    assert send.stored() == layout.digest


@pytest.mark.parametrize("method", METHODS)
def test_a_fault_that_stays_is_an_error_and_a_rerun_completes(
    cloud: CloudThread, send: Sender, layout: Layout, method: str
) -> None:
    cloud.faults.add(Fault(method=f"registry/{method}", http_status=503))
    with pytest.raises(RegistryError, match=f"{send.repository}: the registry answered 503"):
        send(layout)
    cloud.faults.clear()
    assert send(layout).digest == layout.digest


def test_ten_pushers_at_once_make_one_image(send: Sender, layout: Layout) -> None:
    pushed: list[PushResult] = []
    threads = [threading.Thread(target=lambda: pushed.append(send(layout))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.digest for one in pushed] == [layout.digest] * 10
    assert send.stored() == layout.digest


def test_a_tag_that_may_not_move_is_refused_and_stays(
    builder: "LayoutBuilder", repository: Repository, layout: Layout
) -> None:
    with CloudThread(LocalCloud(seed=1, immutable_tags=True)) as strict:
        send = Sender(strict, repository)
        send(layout)
        assert send(layout).digest == layout.digest
        with pytest.raises(RegistryError, match="storing the manifest t"):
            send(Layout(builder.root(builder.image(b"other"))))
        assert send.stored() == layout.digest


@pytest.fixture(params=["basic", "bearer"])
def guarded(request: pytest.FixtureRequest) -> Iterator[CloudThread]:
    with ExitStack() as stack:
        yield stack.enter_context(CloudThread(LocalCloud(seed=1, registry_auth=request.param)))


def test_a_registry_with_a_login(guarded: CloudThread, repository: Repository, layout: Layout, tmp_path: Path) -> None:
    login = {"username": "oauth2accesstoken", "password": "local-token"}
    address = guarded.http_url.removeprefix("http://")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {address: login}}))
    client = registry(guarded, {"DOCKER_CONFIG": str(tmp_path)})
    send = Sender(guarded, repository)
    assert send(layout, "t", client).digest == layout.digest
    with pytest.raises((CredentialsError, RegistryError)) as raised:
        send(layout, "u")
    assert f"docker login {address}" in raised.value.hint


PUSHER = """
import sys
from pathlib import Path
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.progress import Silent
from msp.image.push import push
from msp.names.references import Repository
from msp.image.registry import Registry
registry = Registry(connection_pool(), Keychain(None, {}), Endpoints.local(sys.argv[1]))
push(Layout(Path(sys.argv[2])), Repository("us.gcr.io", sys.argv[3]), "t", registry, Silent())
"""


@pytest.mark.parametrize("method", METHODS)
def test_a_pusher_that_is_killed_leaves_nothing_that_hinders(
    cloud: CloudThread, send: Sender, layout: Layout, method: str
) -> None:
    cloud.faults.add(Fault(method=f"registry/{method}", nth=2, times=1, latency_seconds=3600))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PUSHER, cloud.http_url, str(layout.path), send.repository.name]
    with subprocess.Popen(command, env=environment) as pusher:
        deadline = time.monotonic() + 30
        while cloud.faults.list() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert pusher.poll() is None  # It waits for the answer that never comes.
        pusher.send_signal(signal.SIGKILL)
    assert send.stored() in {None, layout.digest}
    assert send(layout).digest == layout.digest
