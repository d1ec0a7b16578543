"""Pushing an image, side by side with crane: `push.py [--runs=5]`, with `crane` and `docker-registry` on PATH.

Three cases on one registry process, each a process of its own from start to exit: 12 small layers to an empty
repository, 8 layers of 64 MiB to an empty repository, and an image that is there and only gets another tag. The runs
alternate, so that a noisy machine is noisy for both. Prints medians in seconds, their ratio with and without the start
of the interpreter and its imports, and our peak memory.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"

PUSHER = """
import time
start = time.perf_counter()
import sys
from pathlib import Path
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.progress import Silent
from msp.image.push import WORKERS, push
from msp.names.references import Reference
from msp.image.registry import Registry
imported = time.perf_counter()
image = Reference.parse(sys.argv[2])
registry = Registry(connection_pool(connections=WORKERS), Keychain(None, {}), Endpoints.google())
push(Layout(Path(sys.argv[1])), image.repository, image.tag, registry, Silent())
seconds = time.perf_counter() - imported
# Not getrusage: its figure starts with the memory of the process that forked this one.
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(seconds, peak)
"""


@dataclass
class Times:
    """Seconds of each run: crane's, ours, and ours without start and imports; our peak memory in KiB."""

    crane: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    pushing: list[float] = field(default_factory=list)
    peak: int = 0

    def line(self, case: str) -> str:
        """The medians and ratios of a case."""
        crane, ours, pushing = (statistics.median(times) for times in (self.crane, self.ours, self.pushing))
        return (
            f"{case:<24} crane {crane:6.3f}  ours {ours:6.3f} (pushing {pushing:6.3f})  "
            f"ratio {ours / crane:5.2f} (pushing {pushing / crane:5.2f})  peak {self.peak / 1024:4.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for program in ("crane", "docker-registry"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not on PATH")
    with tempfile.TemporaryDirectory() as folder, registry(Path(folder)) as host:
        small = write_layout(Path(folder) / "small", 12, 20_000)
        large = write_layout(Path(folder) / "large", 8, 64 << 20)
        for case, layout, repository, tag in (
            ("12 small layers, cold", small, "small/{}", "t"),
            ("8 x 64 MiB, cold", large, "large/{}", "t"),
            ("nothing but a tag", small, "small/0", "t{}"),
        ):
            times = Times()
            for run in range(runs):
                image = f"{host}/{{}}/{repository.format(run)}:{tag.format(run)}"
                times.crane.append(timed(["crane", "push", str(layout), image.format("crane")])[0])
                seconds, printed = timed([sys.executable, "-c", PUSHER, str(layout), image.format("ours")])
                pushing, peak = printed.split()
                times.ours.append(seconds)
                times.pushing.append(float(pushing))
                times.peak = max(times.peak, int(peak))
            print(times.line(case), flush=True)


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds that a command took, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS), *sys.path])}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def write_layout(path: Path, layers: int, size: int) -> Path:
    """Makes an image with random layers of `size` bytes."""
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {
            "mediaType": f"application/vnd.oci.image.{media_type}",
            "digest": f"sha256:{digest}",
            "size": len(content),
        }

    written = [blob(os.urandom(size), "layer.v1.tar+gzip") for _ in range(layers)]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), "config.v1+json"),
        "layers": written,
    }
    root = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return path


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Runs CNCF's registry and yields its address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML.
    with (folder / "log").open("wb") as log:
        command = ["docker-registry", "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.05)
            yield host
        finally:
            process.terminate()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
