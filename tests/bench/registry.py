"""The local cloud's registry, side by side with CNCF's: `registry.py [--gibibytes=1]`, `docker-registry` on PATH.

For each: seconds to push and to pull one large layer and to push 200 small images with 8 clients at once, the processor
seconds that the server spent on each (steadier on a busy machine), and the server's peak memory (VmHWM) after each.
Both keep what they get on the same disk. Without docker-registry on PATH, the local cloud alone.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

TOOLS = Path(__file__).parents[2] / "tools"
PIECE = os.urandom(1024 * 1024)
CLIENTS = 8
IMAGES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gibibytes", type=float, default=1)
    pieces = int(parser.parse_args().gibibytes * 1024)
    with tempfile.TemporaryDirectory() as folder:
        with local_cloud(Path(folder) / "local") as (url, process):
            ours = measure("local cloud", url, process, pieces)
        if shutil.which("docker-registry") is None:
            print("docker-registry is not on PATH: nothing to compare with")
            return
        with docker_registry(Path(folder) / "cncf") as (url, process):
            theirs = measure("docker-registry", url, process, pieces)
    print("ratio             " + "  ".join(f"{name} {ours[name] / theirs[name]:.2f}" for name in ours))


@contextlib.contextmanager
def local_cloud(state: Path) -> Iterator[tuple[str, int]]:
    """The local cloud as a process; its address and process id."""
    command = [sys.executable, "-m", "msp.cli.local_cloud", "--port=0", "--grpc_port=0", f"--state_dir={state}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS), *sys.path])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[3], process.pid
        finally:
            process.terminate()


@contextlib.contextmanager
def docker_registry(root: Path) -> Iterator[tuple[str, int]]:
    """CNCF's registry as a process; its address and process id."""
    root.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    storage = {"filesystem": {"rootdirectory": str(root)}}
    log = {"level": "error", "accesslog": {"disabled": True}}
    configuration = {"version": 0.1, "log": log, "storage": storage, "http": {"addr": address}}
    (root / "config.json").write_text(json.dumps(configuration))
    command = ["docker-registry", "serve", str(root / "config.json")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with contextlib.suppress(urllib.error.URLError):
                    urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
                    break
                time.sleep(0.05)
            yield f"http://{address}", process.pid
        finally:
            process.terminate()


def measure(name: str, url: str, process: int, pieces: int) -> dict[str, float]:
    """Runs all cases against a registry; prints a line and returns its figures."""
    pool = urllib3.PoolManager(maxsize=CLIENTS)
    figures: dict[str, float] = {}
    whole = hashlib.sha256()
    for _ in range(pieces):
        whole.update(PIECE)
    with timed(figures, "push", process):
        digest = push_blob(pool, url, "large", whole.hexdigest(), pieces)
    figures["push MiB"] = peak(process)
    with timed(figures, "pull", process):
        answer = pool.request("GET", f"{url}/v2/large/blobs/{digest}", preload_content=False)
        assert sum(len(piece) for piece in answer.stream(len(PIECE))) == pieces * len(PIECE)
        answer.release_conn()
    with timed(figures, "images", process), ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda number: push_image(pool, url, number), range(IMAGES)))
    figures["peak MiB"] = peak(process)
    print(f"{name:<17} " + "  ".join(f"{key} {value:.2f}" for key, value in figures.items()), flush=True)
    return figures


@contextlib.contextmanager
def timed(figures: dict[str, float], name: str, process: int) -> Iterator[None]:
    """Notes how long something takes, and how long the server is busy with it."""
    start, busy = time.perf_counter(), processor_seconds(process)
    yield
    figures[f"{name} s"] = time.perf_counter() - start
    figures[f"{name} cpu"] = processor_seconds(process) - busy


def processor_seconds(process: int) -> float:
    """What a process has used of the processors, in user and system mode."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def push_blob(pool: urllib3.PoolManager, url: str, repository: str, digest: str, pieces: int) -> str:
    """Pushes a blob of so many pieces in one request; returns its digest."""
    begun = pool.request("POST", f"{url}/v2/{repository}/blobs/uploads/")
    location = urllib.parse.urljoin(url, begun.headers["Location"])
    headers = {"Content-Length": str(pieces * len(PIECE)), "Content-Type": "application/octet-stream"}
    target = f"{location}{'&' if '?' in location else '?'}digest=sha256:{digest}"
    done = pool.request("PUT", target, body=(PIECE for _ in range(pieces)), headers=headers)
    assert done.status == 201, done.data
    return f"sha256:{digest}"


def push_image(pool: urllib3.PoolManager, url: str, number: int) -> None:
    """Pushes an image of one small layer."""
    descriptors = []
    for content, media_type in (
        (json.dumps({"number": number}).encode(), "application/vnd.oci.image.config.v1+json"),
        (os.urandom(10_000), "application/vnd.oci.image.layer.v1.tar+gzip"),
    ):
        begun = pool.request("POST", f"{url}/v2/small/blobs/uploads/")
        location = urllib.parse.urljoin(url, begun.headers["Location"])
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        target = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        assert pool.request("PUT", target, body=content, headers=headers).status == 201
        descriptors.append({"mediaType": media_type, "digest": digest, "size": len(content)})
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": descriptors[0], "layers": descriptors[1:]}
    target = f"{url}/v2/small/manifests/v{number}"
    done = pool.request("PUT", target, body=json.dumps(manifest).encode(), headers={"Content-Type": media_type})
    assert done.status == 201, done.data


def peak(process: int) -> float:
    """The most memory that a process ever had, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
