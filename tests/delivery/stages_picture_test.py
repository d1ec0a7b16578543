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
    assert next_steps(end)[1].startswith(
        "  CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY=http://127.0.0.1:8080/ "
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true gcloud deploy releases promote "
    )


def test_a_promotion_names_its_rollout_where_gclouds_own_name_is_too_long() -> None:
    assert "--rollout-id" not in next_steps(outcome())[1]
    dirty = made(number="20261122213005-dirty")
    command = next_steps(Outcome(dirty, STAGES, "SUCCEEDED", dirty.release))[1]
    (rollout,) = [word for word in shlex.split(command) if word.startswith("--rollout-id=")]
    assert len(rollout.removeprefix("--rollout-id=")) <= 63
    assert rollout.startswith("--rollout-id=deploy-0123456789ab-20261122213005-dirty-to-")
    somebody_elses = Outcome(made(), STAGES, "ALREADY_DEPLOYED", "a" * 63)
    assert next_steps(somebody_elses)[1].split()[6] == "--rollout-id=to-prod-us-central1"


@pytest.mark.parametrize(
    ("target", "rollout"),
    [
        ("prod-us-central1", "to-prod-us-central1-0002"),
        ("p" * 63, f"to-{'p' * 55}-0002"),
    ],
)
def test_another_promotion_of_somebody_elses_release_gets_a_rollout_of_its_own(target: str, rollout: str) -> None:
    release = "a" * 63
    later = LaterFailure(target, release, "failed", rollouts=1)
    command = next_steps(Outcome(made(), (STAGES[0], target), "ALREADY_DEPLOYED", release, later=later))[1]
    assert len(rollout) <= 63
    assert f"--rollout-id={rollout}" in command.split()


def test_commands_are_quoted_for_the_shell() -> None:
    end = Outcome(made(), ("staging", "prod; rm -rf $HOME"), "SUCCEEDED", "r 1")
    words = shlex.split(next_steps(end)[1])
    assert "--to-target=prod; rm -rf $HOME" in words
    assert "--release=r 1" in words
