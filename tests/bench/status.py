"""What operating takes beside gcloud: `status.py [--services=100] [--releases=5] [--ours-only]`.

Tells how many calls `status` of a fleet of three stages makes and how long it takes, for services of one project and
for services with a project each, and how long `rollback` takes from the shell to the request that Cloud Deploy gets.
Beside each what a person would do without it: `gcloud deploy delivery-pipelines describe` of each service (a few are
run, the rest is reckoned), and `gcloud deploy targets rollback`. Programs are started as Bazel does it; its own start
comes on top.
The local cloud runs here, in memory; on a busy machine look at the best of several runs. Nothing is asserted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from msp import names
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.thread import CloudThread
from msp.operate.service import Service

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.operate.live import REGION, Live  # noqa: E402 (this file is run by its path)

STAGES = ("test", "staging", "prod")
ONE = "fleet-prod-0000"
DEPLOY = "google.cloud.deploy.v1.CloudDeploy/"


@dataclass
class Member(Live):
    """A service of a fleet; where `project` is given, in the fleet's one."""

    stages: Sequence[str] = STAGES
    project: str = ""

    @property
    def service(self) -> Service:
        return replace(super().service, project=self.project) if self.project else super().service

    def make_one_more(self) -> None:
        """Its pipeline, where another service has made what the project's services share."""
        body = {
            "serialPipeline": {"stages": [{"targetId": self.target(stage)} for stage in self.stages]},
            "labels": {names.OWNER_LABEL: "true", names.SERVICE_LABEL: self.id},
        }
        pipeline = self.service.pipeline_id
        self.call("POST", f"/v1/{self.service.location}/deliveryPipelines", body, deliveryPipelineId=pipeline)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--releases", type=int, default=5, help="of each service")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ours-only", action="store_true", help="without gcloud")
    asked = parser.parse_args()
    gcloud = None if asked.ours_only else shutil.which("gcloud")
    with tempfile.TemporaryDirectory() as folder:
        with fleet(asked.services, asked.releases, Path(folder), project=ONE) as (cloud, _):
            status(cloud, Path(folder), f"{asked.services} services of one project", [f"--project={ONE}"], asked.runs)
            if gcloud:
                described(cloud, gcloud, asked.services)
        with fleet(asked.services, asked.releases, Path(folder), project="") as (cloud, members):
            (Path(folder) / "bazel").write_text(f"#!/bin/sh\ncat <<'END'\n{queried(members)}\nEND\n")
            (Path(folder) / "bazel").chmod(0o755)
            status(cloud, Path(folder), f"{asked.services} services with a project each", ["//..."], asked.runs)
        with fleet(1, 3, Path(folder), project="") as (cloud, (member,)):
            rolled_back(cloud, member, Path(folder), gcloud, asked.runs)


@contextmanager
def fleet(services: int, releases: int, folder: Path, *, project: str) -> Iterator[tuple[CloudThread, list[Member]]]:
    """A cloud with services whose releases have gone to all stages, but the newest."""
    with CloudThread(LocalCloud(seed=1)) as cloud:
        members = [Member(cloud, folder, id=f"svc-{number:03d}", project=project) for number in range(services)]
        for place, member in enumerate(members):
            if project and place:
                member.make_one_more()
            else:
                member.make_pipeline()
            for _ in range(releases - 1):
                member.deliver(*STAGES)
            member.deliver(STAGES[0])
        yield cloud, members


def status(cloud: CloudThread, folder: Path, what: str, arguments: list[str], runs: int) -> None:
    seconds, processor, rows = [], [], 0
    for _ in range(runs):
        cloud.traffic.reset()
        begin, before = time.perf_counter(), of_children()
        said = verb(cloud, folder, "status", *arguments)
        seconds.append(time.perf_counter() - begin)
        processor.append(of_children() - before)
        rows = sum("svc-" in line for line in said.splitlines())
    calls = cloud.traffic.count(f"{DEPLOY}*")
    print(f"status of {what}: {calls} calls, {told(seconds)}, {min(processor):.1f} s of a processor; {rows} rows")


def described(cloud: CloudThread, gcloud: str, services: int, sample: int = 3) -> None:
    """What gcloud shows of a pipeline's stages, a service at a time."""
    cloud.traffic.reset()
    seconds = []
    for number in range(sample):
        command = ["delivery-pipelines", "describe", f"svc-{number:03d}-{REGION}-rollout"]
        begin = time.perf_counter()
        run_gcloud(cloud, gcloud, ONE, *command)
        seconds.append(time.perf_counter() - begin)
    calls, each = cloud.traffic.count(f"{DEPLOY}*") / sample, sum(seconds) / sample
    print(
        f"gcloud deploy delivery-pipelines describe: {calls:.0f} calls and {each:.2f} s a service ({sample} run), so "
        f"{calls * services:.0f} calls and {each * services:.0f} s for {services}"
    )


def rolled_back(cloud: CloudThread, member: Member, folder: Path, gcloud: str | None, runs: int) -> None:
    """From the shell to the request."""
    config = {
        "target": "//svc:msp_deploy.ops",
        "gcp_project": member.service.project,
        "gcp_region": REGION,
        "msp_service_id": member.id,
        "repository": "us.gcr.io/sourcegraph-dev/msp-example",
        "tool": "@rules_msp//tools:verb",
    }
    runfiles = folder / "verb.runfiles" / "_main"
    runfiles.mkdir(parents=True)
    (runfiles / "config.json").write_text(json.dumps(config))
    flags = ["--stage=prod", "--reason=INC-7", "--nowait"]
    seconds = []
    for _ in range(runs):
        member.deliver("prod")
        seconds.append(until(cloud, "RollbackTarget", lambda: start_verb(cloud, folder, "rollback", *flags)))
    print(f"rollback, from the shell to RollbackTarget: {told(seconds)}; no image built, Bazel's own start not counted")
    if gcloud:
        target = member.target("prod")
        command = ["targets", "rollback", target, f"--delivery-pipeline={member.service.pipeline_id}"]
        seconds = []
        for _ in range(runs):
            member.deliver("prod")
            start = lambda: start_gcloud(cloud, gcloud, member.service.project, *command)  # noqa: E731
            seconds.append(until(cloud, "CreateRollout", start))
        print(f"gcloud deploy targets rollback, from the shell to CreateRollout: {told(seconds)}")


def until(cloud: CloudThread, method: str, start: "Callable[[], subprocess.Popen[str]]") -> float:
    """Seconds from a program's start to its request."""
    cloud.traffic.reset()
    begin = time.perf_counter()
    with start() as process:
        while not cloud.traffic.count(f"{DEPLOY}{method}"):
            if process.poll() is not None:
                raise SystemExit(f"no {method} was asked for: {process.communicate()}")
            time.sleep(0.001)
        seconds = time.perf_counter() - begin
        process.communicate(timeout=60)
    cloud.settle()
    return seconds


def start_verb(cloud: CloudThread, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), *filter(None, sys.path)]),
        "MSP_LOCAL_CLOUD": cloud.http_url.removeprefix("http://"),
        "BUILD_WORKSPACE_DIRECTORY": str(folder),
        "BAZEL": str(folder / "bazel"),
    }
    if arguments[0] == "rollback":
        environment |= {"MSP_CONFIG": "_main/config.json", "RUNFILES_DIR": str(folder / "verb.runfiles")}
    return started([sys.executable, str(ROOT / "tools" / "msp" / "cli" / "verb.py"), *arguments], environment)


def of_children() -> float:
    """The processor time of the programs that have ended, in seconds."""
    times = os.times()
    return times.children_user + times.children_system


def verb(cloud: CloudThread, folder: Path, *arguments: str) -> str:
    with start_verb(cloud, folder, *arguments) as process:
        out, err = process.communicate(timeout=300)
    if err:
        print(err, file=sys.stderr)
    return out


def start_gcloud(cloud: CloudThread, gcloud: str, project: str, *arguments: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"{cloud.http_url}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": project,
    }
    return started([gcloud, "deploy", *arguments, f"--region={REGION}"], environment)


def run_gcloud(cloud: CloudThread, gcloud: str, project: str, *arguments: str) -> None:
    with start_gcloud(cloud, gcloud, project, *arguments) as process:
        _, err = process.communicate(timeout=60)
    if process.returncode:
        raise SystemExit(err)


def started(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def queried(members: Sequence[Member]) -> str:
    """What Bazel would answer about their `.ops` targets."""

    def rule(member: Member) -> str:
        service = member.service
        texts = {
            "gcp_project": service.project,
            "gcp_region": service.region,
            "msp_service_id": service.id,
            "image_label": f"//{service.id}:image",
        }
        attributes = [{"name": key, "stringValue": text} for key, text in texts.items()]
        return json.dumps({"rule": {"name": f"//{service.id}:msp_deploy.ops", "attribute": attributes}})

    return "\n".join(map(rule, members))


def told(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"{ordered[0]:.2f} s at best, {ordered[len(ordered) // 2]:.2f} s as a rule ({len(ordered)} runs)"


if __name__ == "__main__":
    main()
