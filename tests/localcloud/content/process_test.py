"""The server as a process of its own: killed while many push and upload, and its memory when large layers come."""

import contextlib
import hashlib
import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from tests.localcloud.content.process import serving
from tests.localcloud.registry.client import Registry, digest, image
from tests.localcloud.storage.client import Storage

WORKERS = 4


class Work:
    """What a client did, and what of it was acknowledged."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.images: dict[tuple[str, str], bytes] = {}
        self.objects: dict[str, bytes] = {}

    def run(self, worker: int) -> None:
        broken = contextlib.suppress(requests.RequestException)
        with broken, Registry(self.url, f"us.gcr.io/p/app{worker}") as registry, Storage(self.url) as storage:
            for number in range(10_000):
                if self.stop.is_set():
                    return
                content = self.random.randbytes(self.random.randrange(1, 200_000))
                self.push(registry, f"v{number}", content)
                self.upload(storage, f"{worker}/{number % 3}", content)

    def push(self, registry: Registry, tag: str, layer: bytes) -> None:
        location = registry.begin()
        half = len(layer) // 2
        assert registry.call("PATCH", location, data=layer[:half]).status_code == 202
        registry.call("PUT", location, params={"digest": digest(layer)}, data=layer[half:])
        registry.push_blob(b"{}")
        assert registry.put_manifest(tag, image(b"{}", (layer,))).status_code == 201
        self.images[registry.repository, tag] = layer

    def upload(self, storage: Storage, name: str, content: bytes) -> None:
        # An overwrite that was not acknowledged may have happened or not.
        self.objects.pop(name, None)
        if storage.upload(name, content).status_code == 200:
            self.objects[name] = content


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, process), Storage(url) as storage:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        abandoned = Registry(url, "us.gcr.io/p/slow", storage.session)
        location = abandoned.begin()
        assert abandoned.call("PATCH", location, data=b"acknowledged").status_code == 202
        work = Work(url, seed=1)
        with ThreadPoolExecutor(WORKERS) as pool:
            running = [pool.submit(work.run, worker) for worker in range(WORKERS)]
            time.sleep(1 + work.random.random())
            process.kill()
            work.stop.set()
        for done in running:
            done.result()
    assert work.images
    assert work.objects

    with serving(tmp_path) as (url, _), Storage(url) as storage:
        for (repository, tag), layer in work.images.items():
            with Registry(url, repository) as registry:
                assert registry.call("GET", f"manifests/{tag}").content == image(b"{}", (layer,))
                assert registry.call("GET", f"blobs/{digest(layer)}").content == layer
        for name, content in work.objects.items():
            assert storage.read(name) == content
        with Registry(url, "us.gcr.io/p/slow") as registry:
            answer = registry.call("PUT", location, params={"digest": digest(b"acknowledged")})
            assert answer.status_code == 201
        # Only uploads that can be gone on with are left beside what is whole; there was one a worker at most.
        assert len(list((tmp_path / "blobs" / "incoming").iterdir())) <= WORKERS
        assert list((tmp_path / "objects" / "incoming").iterdir()) == []
        for path in (tmp_path / "blobs" / "whole").iterdir():
            assert digest(path.read_bytes()) == path.name.replace("-", ":")
        assert len(list((tmp_path / "objects" / "whole").iterdir())) == len(storage.names())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc to read memory from")
def test_large_layers_leave_memory_where_it_was(tmp_path: Path) -> None:
    piece = random.Random(1).randbytes(1024 * 1024)
    whole = hashlib.sha256()
    for _ in range(64):
        whole.update(piece)
    wanted = f"sha256:{whole.hexdigest()}"

    def push(number: int) -> None:
        with Registry(url, f"us.gcr.io/p/app{number}") as registry:
            content = (piece for _ in range(64))
            answer = registry.call("PUT", registry.begin(), params={"digest": wanted}, data=content)
            assert answer.status_code == 201
            with registry.call("GET", answer.headers["Location"], stream=True) as pulled:
                assert sum(len(chunk) for chunk in pulled.iter_content(1024 * 1024)) == 64 * len(piece)

    with serving(tmp_path) as (url, process):
        before = peak_mebibytes(process)
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(push, range(WORKERS)))
        assert peak_mebibytes(process) < before + 30
        assert peak_mebibytes(process) < 150


def peak_mebibytes(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
