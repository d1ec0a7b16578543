"""A deployment, side by side with `crane push` and `gcloud deploy releases create`, with both of them on PATH.

    deploy.py [--runs=5] [--deploy=bazel-bin/tools/deploy]

Each run delivers an image of 12 small layers that nobody has seen before to a local cloud, once in the old way (crane,
then gcloud with the flags that its script used) and once in ours, neither waiting for the rollout. The first case has
nothing added; in the second every request takes 40 ms longer and every operation of Cloud Deploy half a second. The
runs alternate, so that a noisy machine is noisy for both; one of each goes before and does not count. Prints medians in
seconds and their ratio, what our own run consists of, and its peak memory. Nothing is asserted.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"
API = "google.cloud.deploy.v1.CloudDeploy"
PROJECT = "msp-example-prod-0000"
REPOSITORY = "us.gcr.io/sourcegraph-dev/msp-example"
PIPELINE = "msp-example-us-central1-rollout"
LAYERS = 12
LAYER_BYTES = 20_000

SPEC = f"""
service: {{id: msp-example, owners: [core-services], description: Answers questions about examples.}}
build: {{image: {REPOSITORY}, source: {{repo: github.com/sourcegraph/sourcegraph, dir: cmd/msp-example}}}}
rollout: {{stages: [{{environment: staging}}, {{environment: prod}}]}}
environments:
  - {{id: staging, projectID: msp-example-staging-0000, category: test, deploy: {{type: rollout}}}}
  - {{id: prod, projectID: {PROJECT}, category: external, deploy: {{type: rollout}}}}
"""


@dataclass
class Times:
    """Seconds of each run."""

    crane: list[float] = field(default_factory=list)
    gcloud: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def line(self, case: str) -> str:
        """The medians and the ratio of a case."""
        theirs = statistics.median(a + b for a, b in zip(self.crane, self.gcloud, strict=True))
        crane, gcloud, ours = (statistics.median(each) for each in (self.crane, self.gcloud, self.ours))
        return (
            f"{case:<38} crane {crane:6.3f} + gcloud {gcloud:6.3f} = {theirs:6.3f}   ours {ours:6.3f}   "
            f"ratio {ours / theirs:5.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--deploy", help="our command, by default the checkout's in this interpreter")
    asked = parser.parse_args()
    for program in ("crane", "gcloud"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not on PATH")
    for case, operation_seconds, latency_seconds in (
        ("nothing added", 0.0, 0.0),
        ("40 ms a request, 0.5 s an operation", 0.5, 0.04),
    ):
        with tempfile.TemporaryDirectory() as folder, local_cloud(operation_seconds) as address:
            bench = Bench(Path(folder), address, shlex.split(asked.deploy or ""))
            bench.apply()
            if latency_seconds:
                bench.slow_down(latency_seconds)
            times = Times()
            for run in range(asked.runs + 1):
                crane, gcloud, ours = *bench.theirs(2 * run + 1), bench.ours(2 * run + 2)
                if run:
                    times.crane.append(crane)
                    times.gcloud.append(gcloud)
                    times.ours.append(ours)
            print(times.line(case), flush=True)
            print(
                f"{'':<38} ours with nothing new: {bench.again():6.3f}, only the plan: {bench.plan():6.3f}", flush=True
            )
            print(f"{'':<38} our peak memory: {bench.peak_mib(9999):.0f} MiB", flush=True)


class Bench:
    """One local cloud, and both ways to deliver to it."""

    def __init__(self, folder: Path, address: str, deploy: Sequence[str]) -> None:
        self._folder = folder
        self._address = address
        # A program that Bazel has built brings its own interpreter and packages.
        self._deploy = deploy or [sys.executable, str(TOOLS / "msp/cli/deploy.py")]
        self._environment = dict(os.environ) if deploy else ours()
        self._last: list[str] = []

    def apply(self) -> None:
        """Makes the pipeline."""
        spec = self._folder / "service.yaml"
        spec.write_text(SPEC)
        apply = [sys.executable, str(TOOLS / "msp/cli/apply.py"), f"--spec={spec}", f"--local_cloud={self._address}"]
        timed(apply, ours())

    def slow_down(self, seconds: float) -> None:
        """Has every request take longer."""
        # Not simply `*`: that would fail operations too, which are methods to the local cloud (`…:operation`).
        for method in ("registry/*", "storage/*", "google.longrunning*", "google.devtools*", f"{API}/*[!n]"):
            body = json.dumps({"method": method, "latency_seconds": seconds}).encode()
            request = urllib.request.Request(f"http://{self._address}/_localcloud/faults", body, method="POST")
            urllib.request.urlopen(request, timeout=10).close()

    def theirs(self, number: int) -> tuple[float, float]:
        """Seconds of crane and of gcloud."""
        commit = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
        tag = f"{commit[:12]}_{number}"
        layout = self._image(number)
        crane = timed(["crane", "push", str(layout), f"{self._address}/{REPOSITORY}:{tag}"], os.environ)
        cloud = {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"http://{self._address}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"http://{self._address}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "CLOUDSDK_CONFIG": str(self._folder / "gcloud"),
        }
        command = [
            *("gcloud", "deploy", "releases", "create", f"deploy-{commit[:12]}-{number}"),
            f"--project={PROJECT}",
            "--region=us-central1",
            f"--delivery-pipeline={PIPELINE}",
            f"--source=gs://{PROJECT}-cloudrun-skaffold/source.tar.gz",
            f"--labels=commit={commit}",
            f"--deploy-parameters=customTarget/tag={tag}",
            f"--annotations=commit={commit},author=Ada,commit_message_base64=Q291bnQgZmFzdGVy",
        ]
        return crane, timed(command, {**os.environ, **cloud})

    def ours(self, number: int) -> float:
        """Seconds of our command."""
        self._prepare(number)
        return timed(self._last, self._environment)

    def peak_mib(self, number: int) -> float:
        """Peak memory of our command."""
        self._prepare(number)
        return peak_mib(self._last, self._environment)

    def _prepare(self, number: int) -> None:
        self._image(number)
        config = self._folder / f"config{number}.json"
        fields = {"target": "//svc:msp_deploy", "gcp_project": PROJECT, "msp_service_id": "msp-example"}
        config.write_text(json.dumps({**fields, "repository": REPOSITORY, "image": f"image{number}"}))
        commit = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
        self._last = [*self._deploy, f"--config={config}", f"--local_cloud={self._address}", "--nowait"]
        # As in a CI, which says all of it: nobody asks git.
        self._last += [f"--commit={commit}", f"--build_number={number}", "--author=Ada"]

    def again(self) -> float:
        """Seconds of our last command, run again."""
        return timed(self._last, self._environment)

    def plan(self) -> float:
        """Seconds of our last command's dry run: the interpreter, its imports, the plan."""
        return timed([*self._last, "--dry_run"], self._environment)

    def _image(self, number: int) -> Path:
        path = self._folder / f"image{number}"
        blobs = path / "blobs" / "sha256"
        blobs.mkdir(parents=True)

        def blob(content: bytes, media_type: str) -> dict[str, object]:
            digest = hashlib.sha256(content).hexdigest()
            (blobs / digest).write_bytes(content)
            kind = f"application/vnd.oci.image.{media_type}"
            return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

        layers = [blob(os.urandom(LAYER_BYTES), "layer.v1.tar+gzip") for _ in range(LAYERS)]
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob(json.dumps(config).encode(), "config.v1+json"),
            "layers": layers,
        }
        root = blob(json.dumps(manifest).encode(), "manifest.v1+json")
        (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return path


def ours() -> dict[str, str]:
    """The environment of our own programs."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS), *sys.path])}


def timed(command: Sequence[str], environment: "os._Environ[str] | dict[str, str]") -> float:
    """Seconds that a command took; it must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")
    return seconds


def peak_mib(command: Sequence[str], environment: dict[str, str]) -> float:
    """Peak memory of a command; not less than what this process has, which forks it."""
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024


@contextlib.contextmanager
def local_cloud(operation_seconds: float) -> Iterator[str]:
    """Runs a local cloud and yields its HOST:PORT."""
    command = [sys.executable, str(TOOLS / "msp/cli/local_cloud.py"), "--port=0", "--grpc_port=0"]
    command += ["--render_seconds=0", "--job_seconds=0", f"--operation_seconds={operation_seconds}"]
    with subprocess.Popen(command, env=ours(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[3].removeprefix("http://")
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
