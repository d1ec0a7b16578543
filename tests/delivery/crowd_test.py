"""Many runners of one build at once, and runners that are killed: there is one release in the end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.delivery.example import CLOUD_DEPLOY, COMMIT

from msp.delivery.outcome import Outcome
from msp.image.layout import Layout

if TYPE_CHECKING:
    from tests.delivery.conftest import World

DEPLOY = Path(__file__).parents[2] / "tools/msp/cli/deploy.py"

STEPS = [
    f"{CLOUD_DEPLOY}/GetDeliveryPipeline",
    "registry/HeadBlob",
    "registry/StartBlobUpload",
    "registry/UploadBlob",
    "registry/PutManifest",
    "registry/HeadManifest",
    f"{CLOUD_DEPLOY}/CreateRelease",
    f"{CLOUD_DEPLOY}/CreateRollout",
    f"{CLOUD_DEPLOY}/GetRollout",
]


@pytest.mark.parametrize("runners", [2, 10])
@pytest.mark.parametrize("slow", [None, "CreateRelease", "CreateRollout"])
def test_many_runners_of_a_build_make_one_release(world: "World", runners: int, slow: str | None) -> None:
    image = world.image(b"layer", b"another")
    if slow:
        world.fault(f"{CLOUD_DEPLOY}/{slow}", latency_seconds=0.1)
    ends: list[Outcome | BaseException] = []

    def run() -> None:
        try:
            ends.append(world.deliver(image))
        except BaseException as error:
            ends.append(error)

    threads = [threading.Thread(target=run) for _ in range(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [getattr(end, "state", end) for end in ends] == ["SUCCEEDED"] * runners
    assert len(world.releases()) == len(world.rollouts()) == 1
    assert world.releases()[0]["annotations"]["digest"] == Layout(image).digest


def test_two_builds_of_one_commit_make_two_releases(world: "World") -> None:
    images = [world.image(b"one"), world.image(b"two")]
    for number, image in enumerate(images):
        assert world.deliver(image, world.plan(build_number=str(number))).state == "SUCCEEDED"
    assert len(world.releases()) == 2


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_runner_that_is_killed_leaves_what_a_rerun_takes_up(world: "World", step: str, when: str) -> None:
    image = world.image(b"layer", b"another")
    config = world.tmp_path / "config.json"
    fields = {"target": "//svc:msp_deploy", "gcp_project": world.project, "msp_service_id": world.service}
    config.write_text(json.dumps({**fields, "repository": world.repository, "image": image.name}))
    # Either it waits for ever before anything happens, or what it asked for happens and it never hears of it.
    world.fault(step, times=1, **({"latency_seconds": 3600} if when == "before" else {"lose_response": True}))
    if when == "after":
        world.fault(step, latency_seconds=3600)
    command = [
        *(sys.executable, str(DEPLOY), f"--config={config}", f"--commit={COMMIT}", "--build_number=42"),
        f"--local_cloud={world.cloud.http_url.removeprefix('http://')}",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    armed = len(world.cloud.faults.list())
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as runner:
        deadline = time.monotonic() + 30
        while len(world.cloud.faults.list()) == armed and runner.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05 if when == "after" else 0)
        assert runner.poll() is None  # It waits for an answer that never comes.
        runner.send_signal(signal.SIGKILL)
    world.cloud.faults.clear()
    world.cloud.settle()
    assert world.deliver(image).state == "SUCCEEDED"
    assert len(world.releases()) == len(world.rollouts()) == 1
    assert world.releases()[0]["annotations"]["digest"] == Layout(image).digest == world.tag("0123456789ab_42")
