"""What is printed: a story in plain lines, folded for a CI, coloured on a terminal, or one line."""

import io

import pytest
from google.cloud.deploy_v1 import Rollout
from tests.delivery.example import COMMIT, DIGEST, STAGES, made, outcome, tell

from msp.delivery.outcome import DeliveryError, Outcome
from msp.delivery.report.events import (
    Failed,
    Finished,
    Noted,
    RolloutSeen,
)
from msp.delivery.report.terminal import Console, brief, plan_text


def console(end: Outcome, environment: dict[str, str] | None = None) -> str:
    out = io.StringIO()
    tell(Console(out, environment or {}).report, end)
    return out.getvalue()


def quiet(end: Outcome) -> str:
    out = io.StringIO()
    tell(brief(out), end)
    return out.getvalue()


def test_a_log_tells_the_story_in_plain_lines() -> None:
    text = console(outcome())
    for line in (
        "  commit    0123456789ab Count faster",
        "  release   deploy-0123456789ab-42",
        "note: something is odd",
        "✓ release deploy-0123456789ab-42 made",
        "  rollout to staging-us-central1 is under way",
        "  ● staging-us-central1  runs deploy-0123456789ab-42",
        "  ○ prod-us-central1",
    ):
        assert line in text.splitlines()
    assert text.count("is under way") == 1
    assert ".ops -- promote --stage=prod --release=deploy-0123456789ab-42\n" in text
    assert "https://console.cloud.google.com/deploy/" in text
    assert "\x1b" not in text


def test_a_failure_says_why_and_what_to_do() -> None:
    text = console(outcome("FAILED", "deploy failed: out of cheese"))
    assert "✗ deploy failed: out of cheese" in text
    assert "✗ staging-us-central1  deploy-0123456789ab-42 failed" in text
    assert f"bazel run //svc:msp_deploy -- --commit={COMMIT} --build_number=42" in text
    assert "promote" not in text


def test_what_waits_for_approval_says_how_to_approve() -> None:
    assert ".ops -- approve --stage=staging --release=deploy-0123456789ab-42\n" in console(outcome("PENDING_APPROVAL"))


def test_quiet_prints_how_it_ended() -> None:
    assert quiet(outcome()) == "note: something is odd\nstaging-us-central1: runs deploy-0123456789ab-42\n"
    assert "out of cheese" in quiet(outcome("FAILED", "out of cheese"))


def test_buildkites_log_is_folded_and_unfolds_where_it_failed() -> None:
    lines = console(outcome(), {"BUILDKITE": "true"}).splitlines()
    assert [line for line in lines if line.startswith("---")] == [
        "--- Delivering //svc:msp_deploy to msp-example-us-central1-rollout",
        "--- Release deploy-0123456789ab-42",
    ]
    assert any(line.startswith("+++ Delivered in") for line in lines)
    failed = console(outcome("FAILED", "x"), {"BUILDKITE": "true"}).splitlines()
    assert "^^^ +++" in failed
    assert "+++ Rollout to staging-us-central1 failed" in failed


def test_an_error_unfolds_the_log() -> None:
    out = io.StringIO()
    Console(out, {"BUILDKITE": "true"}).report(Failed(made(), DeliveryError("no way")))
    assert "+++ //svc:msp_deploy was not delivered: no way" in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    out = Terminal()
    tell(Console(out, {}).report, outcome())
    assert "\x1b[32m✓\x1b[0m" in out.getvalue()
    out = Terminal()
    tell(Console(out, {"NO_COLOR": "1"}).report, outcome())
    assert "\x1b" not in out.getvalue()


def test_a_long_wait_on_a_terminal_gets_a_spinner_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, now = Terminal(), [0.0]
    screen = Console(out, {}, lambda: now[0])
    for seconds in (10.0, 11.0):
        now[0] = seconds
        screen.report(RolloutSeen(Rollout(target_id=STAGES[0], state=Rollout.State.IN_PROGRESS)))
    assert out.getvalue() == "  rollout to staging-us-central1 is under way\n"
    now[0] = 12.0
    screen.report(RolloutSeen(Rollout(target_id=STAGES[0], state=Rollout.State.IN_PROGRESS)))
    screen.report(Finished(outcome()))
    assert "staging-us-central1 is under way, 2 s" in out.getvalue()
    assert out.getvalue().rstrip().endswith(outcome().release_url)


def test_the_plan_for_a_dry_run_is_whole() -> None:
    text = plan_text(made())
    for word in (DIGEST, "customTarget/digest", "author = Ada", "source.tar.gz", "deploy-0123456789ab-42"):
        assert word in text


def test_notes_of_many_threads_are_written_in_whole_lines() -> None:
    class Pieces(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    pieces: list[str] = []
    Console(Pieces(), {}).report(Noted("us.gcr.io can't be reached; trying again in 0.3 s"))
    assert pieces == ["note: us.gcr.io can't be reached; trying again in 0.3 s\n"]
