"""The stages with their marks, and the commands that go on from there."""

import shlex

import pytest
from tests.delivery.example import STAGES, made, outcome

from msp.delivery.outcome import LaterFailure, Outcome
from msp.delivery.report.ci import finished_markdown
from msp.delivery.report.stages_picture import next_steps, picture


@pytest.mark.parametrize(
    ("state", "mark"),
    [
        ("SUCCEEDED", "●"),
        ("ALREADY_DEPLOYED", "●"),
        ("PENDING_APPROVAL", "◐"),
        ("PENDING", "◐"),
        ("PENDING_RELEASE", "◐"),
        ("IN_PROGRESS", "◐"),
        ("PLANNED", "○"),
        ("FAILED", "✗"),
        ("APPROVAL_REJECTED", "✗"),
        ("CANCELLED", "✗"),
    ],
)
def test_the_first_stages_mark_tells_how_it_stands(state: str, mark: str) -> None:
    first, _, last = picture(outcome(state))
    assert first.startswith(f"{mark} staging-us-central1  ")
    assert last == "○ prod-us-central1"


def test_the_later_stage_that_failed_is_marked_and_no_other() -> None:
    later = LaterFailure("prod", "deploy-a", "failed: out of cheese")
    end = Outcome(made(), ("dev", "staging", "prod"), "SUCCEEDED", "deploy-a", later=later)
    assert picture(end) == [
        "● dev      runs deploy-a",
        "│",
        "○ staging",
        "│",
        "✗ prod     deploy-a failed: out of cheese",
    ]


def test_a_local_clouds_delivery_leads_to_its_page_and_never_to_googles() -> None:
    local = made(local_cloud="http://127.0.0.1:8080")
    end = Outcome(local, STAGES, "SUCCEEDED", local.release, "r")
    shown = [*next_steps(end), end.release_url, local.pipeline_url, local.rerun, finished_markdown("svc", end)]
    assert "console.cloud.google.com" not in "\n".join(shown)
    assert end.release_url == local.pipeline_url == "http://127.0.0.1:8080/"
    assert local.rerun.endswith(" --local_cloud=127.0.0.1:8080")
    assert next_steps(end)[1] == (
        "  bazel run //svc:msp_deploy.ops -- "
        f"promote --stage=prod --release={local.release} --local_cloud=127.0.0.1:8080"
    )


@pytest.mark.parametrize(
    ("end", "command"),
    [
        (outcome(), "promote --stage=prod --release=deploy-0123456789ab-42"),
        (outcome("ALREADY_DEPLOYED"), "promote --stage=prod --release=deploy-0123456789ab-42"),
        (outcome("PENDING_APPROVAL"), "approve --stage=staging --release=deploy-0123456789ab-42"),
        (outcome("IN_PROGRESS"), "status"),
        (outcome("SUPERSEDED"), "status"),
        (outcome("FAILED", retriable=True), "retry --stage=staging"),
        (outcome(later=LaterFailure(STAGES[1], "r", "failed", retriable=True)), "retry --stage=prod"),
        (outcome(later=LaterFailure(STAGES[1], "r", "rejected")), "promote --stage=prod --release=r"),
    ],
)
def test_what_is_next_is_a_verb(end: Outcome, command: str) -> None:
    assert next_steps(end)[1:] == [f"  bazel run //svc:msp_deploy.ops -- {command}"]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "APPROVAL_REJECTED"])
def test_where_no_job_failed_it_is_delivered_again(state: str) -> None:
    assert next_steps(outcome(state))[1:] == [f"  {made().rerun}"]


def test_after_the_only_stage_nothing_is_next() -> None:
    assert next_steps(Outcome(made(), STAGES[:1], "SUCCEEDED", "r")) == []


def test_commands_are_quoted_for_the_shell() -> None:
    end = Outcome(made(), ("staging", "prod; rm -rf $HOME"), "SUCCEEDED", "r 1")
    words = shlex.split(next_steps(end)[1])
    assert "--stage=prod; rm -rf $HOME" in words
    assert "--release=r 1" in words
