"""The commands that a delivery ends with, run in a shell as printed, with the genuine gcloud."""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msp import names
from msp.delivery.report.stages_picture import next_steps

if TYPE_CHECKING:
    from tests.delivery.conftest import World

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


def paste(command: str, home: Path) -> None:
    """Runs a command in a shell of its own, where nothing is configured."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CLOUDSDK_CONFIG": str(home / "gcloud")}
    environment |= {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1"}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("build_number", ["42", "20261122213005-dirty"])
def test_the_next_stage_is_promoted_to(world: "World", tmp_path: Path, build_number: str) -> None:
    made = dataclasses.replace(world.plan(build_number=build_number), local_cloud=world.cloud.http_url)
    outcome = world.deliver(world.image(b"layer"), made)
    heading, command = next_steps(outcome)
    assert heading.startswith("next is prod-us-central1")
    paste(command, tmp_path)
    assert [each["targetId"] for each in world.rollouts()].count("prod-us-central1") == 1


def test_what_waits_is_approved(world: "World", tmp_path: Path) -> None:
    target = {"requireApproval": True}
    world.call("PATCH", f"/v1/{world.location}/targets/staging-us-central1", target, updateMask="requireApproval")
    made = dataclasses.replace(world.plan(), local_cloud=world.cloud.http_url)
    outcome = world.deliver(world.image(b"layer"), made)
    heading, command = next_steps(outcome)
    assert heading == "approve it:"
    paste(command, tmp_path)
    assert [each["approvalState"] for each in world.rollouts()] == ["APPROVED"]


def test_a_later_stage_that_failed_is_rolled_out_to_again(world: "World", tmp_path: Path) -> None:
    image = world.image(b"layer")
    made = dataclasses.replace(world.plan(), local_cloud=world.cloud.http_url)
    release = world.deliver(image, made).release
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    path = f"/v1/{world.pipeline}/releases/{release}/rollouts"
    world.call("POST", path, {"targetId": "prod-us-central1"}, rolloutId=names.rollout_id(release, "prod-us-central1"))
    world.cloud.settle()
    heading, command = next_steps(world.deliver(image, made))
    assert heading.startswith("prod-us-central1 was tried and failed")
    paste(command, tmp_path)
    world.cloud.settle()
    states = [each["state"] for each in world.rollouts() if each["targetId"] == "prod-us-central1"]
    assert sorted(states) == ["FAILED", "SUCCEEDED"]
