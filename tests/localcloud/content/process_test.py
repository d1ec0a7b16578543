"""The server as a process of its own: killed while many push and upload, and its memory when large layers come."""

import hashlib
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.localcloud.content.process import serving
from tests.localcloud.content.work import WORKERS, Work
from tests.localcloud.registry.client import Registry, digest
from tests.localcloud.storage.client import Storage


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    work = Work(seed=1)
    with serving(tmp_path) as (url, process), Registry(url, "us.gcr.io/p/slow") as abandoned:
        location = abandoned.begin()
        assert abandoned.call("PATCH", location, data=b"acknowledged").status_code == 202
        with work.running(url, "app"):
            time.sleep(1 + work.random.random())
            process.kill()
    assert work.images
    assert work.objects

    with serving(tmp_path) as (url, _), Storage(url) as storage:
        assert work.missing(url) == []
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
