"""CNCF's registry, `docker-registry` on PATH, as a process."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests


@contextlib.contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Its address, `http://127.0.0.1:5000`; skips the test where it is not installed."""
    if shutil.which("docker-registry") is None:
        pytest.skip("not on PATH: docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    folder.mkdir()
    path = folder / "registry.json"
    path.write_text(json.dumps(configuration))
    process = subprocess.Popen(["docker-registry", "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://{address}/v2/", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "docker-registry ended"
        try:
            requests.get(url, timeout=5).close()
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("docker-registry does not answer")
