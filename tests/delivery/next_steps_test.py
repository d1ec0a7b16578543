"""The commands that a delivery ends with, carried out as printed by the program behind a service's `.ops`."""

import dataclasses
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msp import names
from msp.cli import verb
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.report.stages_picture import next_steps

if TYPE_CHECKING:
    from tests.delivery.conftest import World

PROD = "prod-us-central1"


@pytest.fixture
def paste(world: "World", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Carries out a command about the service, as its target does; returns the exit code."""
    config = {"target": "//svc:msp_deploy.ops", "gcp_project": world.project, "msp_service_id": world.service}
    (tmp_path / "runfiles").mkdir()
    (tmp_path / "runfiles" / "ops.json").write_text(json.dumps(config))
    monkeypatch.setenv("RUNFILES_DIR", str(tmp_path / "runfiles"))
    monkeypatch.setenv("MSP_CONFIG", "ops.json")
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(command: str) -> int:
        program, _, given = command.strip().partition(" -- ")
        assert program == "bazel run //svc:msp_deploy.ops"
        return verb.main(verb.parser().parse_args(shlex.split(given)))

    return run


def at(world: "World", build_number: str = "42") -> ReleasePlan:
    return dataclasses.replace(world.plan(build_number=build_number), local_cloud=world.cloud.http_url)


def states(world: "World", target: str) -> list[str]:
    return sorted(each["state"] for each in world.rollouts() if each["targetId"] == target)


@pytest.mark.parametrize("build_number", ["42", "20261122213005-dirty"])
def test_the_next_stage_is_promoted_to(world: "World", paste: Callable[[str], int], build_number: str) -> None:
    outcome = world.deliver(world.image(b"layer"), at(world, build_number))
    heading, command = next_steps(outcome)
    assert heading.startswith("next is prod-us-central1")
    assert paste(command) == 0
    assert states(world, PROD) == ["SUCCEEDED"]


def test_what_waits_is_approved(world: "World", paste: Callable[[str], int]) -> None:
    ask_for_approval(world, "staging-us-central1")
    heading, command = next_steps(world.deliver(world.image(b"layer"), at(world)))
    assert heading == "approve it:"
    assert paste(command) == 0
    assert [each["approvalState"] for each in world.rollouts()] == ["APPROVED"]


def test_the_failed_job_is_run_again(world: "World", paste: Callable[[str], int]) -> None:
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    outcome = world.deliver(world.image(b"layer"), at(world))
    assert (outcome.exit_code, outcome.retriable) == (3, True)
    assert paste(next_steps(outcome)[1]) == 0
    assert states(world, "staging-us-central1") == ["SUCCEEDED"]


def test_what_could_not_be_rendered_is_delivered_again(world: "World") -> None:
    world.fault("execution/render/*", code="INTERNAL", message="no such action", times=2)
    outcome = world.deliver(world.image(b"layer"), at(world))
    assert (outcome.exit_code, outcome.retriable) == (3, False)
    assert next_steps(outcome)[1].strip() == outcome.plan.rerun


def test_a_later_stage_that_failed_is_retried(world: "World", paste: Callable[[str], int]) -> None:
    image, made = world.image(b"layer"), at(world)
    fails_on_prod(world, world.deliver(image, made).release)
    heading, command = next_steps(world.deliver(image, made))
    assert heading.startswith("prod-us-central1 was tried and failed")
    assert "-- retry --stage=prod" in command
    assert paste(command) == 0
    assert states(world, PROD) == ["SUCCEEDED"]


def test_a_later_stage_where_it_was_rejected_is_rolled_out_to_again(
    world: "World", paste: Callable[[str], int]
) -> None:
    image, made = world.image(b"layer"), at(world)
    ask_for_approval(world, PROD)
    release = world.deliver(image, made).release
    path = f"/v1/{world.pipeline}/releases/{release}/rollouts/{roll_out(world, release)}"
    world.call("POST", f"{path}:approve", {"approved": False})
    _, command = next_steps(world.deliver(image, made))
    assert f"-- promote --stage=prod --release={release}" in command
    assert paste(command) == 4
    assert states(world, PROD) == ["APPROVAL_REJECTED", "PENDING_APPROVAL"]


def ask_for_approval(world: "World", target: str) -> None:
    body = {"requireApproval": True}
    world.call("PATCH", f"/v1/{world.location}/targets/{target}", body, updateMask="requireApproval")
    world.cloud.settle()


def fails_on_prod(world: "World", release: str) -> None:
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    roll_out(world, release)


def roll_out(world: "World", release: str) -> str:
    rollout = names.rollout_id(release, PROD)
    path = f"/v1/{world.pipeline}/releases/{release}/rollouts"
    world.call("POST", path, {"targetId": PROD}, rolloutId=rollout)
    world.cloud.settle()
    return rollout
