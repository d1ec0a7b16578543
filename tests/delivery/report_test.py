"""What people, CIs and programs are told."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from msp.ci.build import Build
from msp.ci.buildkite import BuildkiteAgent
from msp.ci.github import GitHubActions
from msp.delivery.outcome import DeliveryError, Outcome
from msp.delivery.planning.plan import ReleasePlan, plan
from msp.delivery.report.ci import CiReport
from msp.delivery.report.events import (
    Event,
    Failed,
    Finished,
    Noted,
    Planned,
    PreflightPassed,
    Pushed,
    Released,
    Report,
    RolloutSeen,
    to_all,
)
from msp.delivery.report.json_file import JsonReport
from msp.delivery.report.terminal import Console, brief, plan_text
from msp.delivery.target.config import DeliveryConfig
from msp.errors import UsageError
from msp.gcp.deploy_resources import Rollout, RolloutState

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
STAGES = ("staging-us-central1", "prod-us-central1")
CONFIG = DeliveryConfig(
    target="//svc:msp_deploy",
    gcp_project="msp-example-prod-0000",
    msp_service_id="msp-example",
    repository="us.gcr.io/sourcegraph-dev/msp-example",
    image="image",
)


def made(subject: str = "Count faster") -> ReleasePlan:
    return plan(CONFIG, Build(COMMIT, "42", "Ada", "main", "https://ci/42", subject), digest=DIGEST)


def outcome(state: str = "SUCCEEDED", failure: str = "", **fields: Any) -> Outcome:
    rollout = "deploy-0123456789ab-42-to-staging-us-central1-0001"
    return Outcome(made(), STAGES, state, "deploy-0123456789ab-42", rollout, created=True, failure=failure, **fields)


def tell(report: Report, end: Outcome) -> None:
    states = (RolloutState.PENDING_RELEASE, RolloutState.IN_PROGRESS, RolloutState.IN_PROGRESS)
    story: list[Event] = [
        Planned(made()),
        PreflightPassed(("something is odd",)),
        Noted("asked again"),
        Pushed(made()),
        Released(made(), created=True),
        *(RolloutSeen(Rollout(target_id=STAGES[0], state=state)) for state in states),
        Finished(end),
    ]
    for event in story:
        report(event)


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
    assert "--to-target=prod-us-central1" in text
    assert "https://console.cloud.google.com/deploy/" in text
    assert "\x1b" not in text


def test_a_failure_says_why_and_what_to_do() -> None:
    text = console(outcome("FAILED", "deploy failed: out of cheese"))
    assert "✗ deploy failed: out of cheese" in text
    assert "✗ staging-us-central1  deploy-0123456789ab-42 failed" in text
    assert f"bazel run //svc:msp_deploy -- --commit={COMMIT} --build_number=42" in text
    assert "promote" not in text


def test_what_waits_for_approval_says_how_to_approve() -> None:
    assert "gcloud deploy rollouts approve deploy-0123456789ab-42-to-" in console(outcome("PENDING_APPROVAL"))


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


def test_a_long_wait_on_a_terminal_gets_a_spinner_that_goes_away() -> None:
    out, times = Terminal(), iter(range(100))
    screen = Console(out, {}, lambda: float(next(times)))
    for _ in range(4):
        screen.report(RolloutSeen(Rollout(target_id=STAGES[0], state=RolloutState.IN_PROGRESS)))
    screen.report(Finished(outcome()))
    assert "is under way" in out.getvalue()


def test_the_plan_for_a_dry_run_is_whole() -> None:
    text = plan_text(made())
    for word in (DIGEST, "customTarget/digest", "author = Ada", "source.tar.gz", "deploy-0123456789ab-42"):
        assert word in text


def test_json_has_what_later_steps_need(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    tell(JsonReport(file).report, outcome())
    found = json.loads(file.read_text())
    keys = ("pipeline", "release", "rollout", "state", "image", "tag", "digest", "target", "created")
    assert {key: found[key] for key in keys} == {
        "pipeline": "msp-example-us-central1-rollout",
        "release": "deploy-0123456789ab-42",
        "rollout": "deploy-0123456789ab-42-to-staging-us-central1-0001",
        "state": "SUCCEEDED",
        "image": "us.gcr.io/sourcegraph-dev/msp-example",
        "tag": "0123456789ab_42",
        "digest": DIGEST,
        "target": "staging-us-central1",
        "created": True,
    }
    JsonReport(file).report(Failed(made(), DeliveryError("no way", hint="go home")))
    found = json.loads(file.read_text())
    assert found["state"] is None
    assert found["error"] == {"message": "no way", "hint": "go home"}
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("path", [".", "no/such/directory/result.json"])
def test_json_that_could_not_be_written_is_said_before_anything_is_done(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="--json_output"):
        JsonReport(tmp_path / path)


class Agent:
    """Keeps what `buildkite-agent` is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], str]] = []

    def __call__(
        self,
        command: list[str],
        *,
        input: bytes,  # noqa: A002 (as subprocess.run)
        **_: Any,
    ) -> "subprocess.CompletedProcess[bytes]":
        self.calls.append((command[1:], input.decode()))
        return subprocess.CompletedProcess(command, 0)


def ci_report(agent: Agent, summary: Path | None = None) -> CiReport:
    environment = {"BUILDKITE": "true"} if summary is None else {"GITHUB_ACTIONS": "true"}
    if summary is not None:
        environment |= {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(summary.with_suffix(".out"))}
    out = io.StringIO()
    return CiReport(
        environment, out, "msp-example", BuildkiteAgent(environment, out, agent), GitHubActions(environment, out)
    )


def test_buildkite_gets_a_note_and_meta_data() -> None:
    agent = Agent()
    tell(ci_report(agent).report, outcome())
    (annotate, markdown), *meta_data = agent.calls
    assert annotate == ["annotate", "--style", "success", "--context", "msp-delivery-msp-example"]
    for word in (
        DIGEST,
        "| Author | Ada |",
        "    ● staging-us-central1",
        "releases/deploy-0123456789ab-42/",
        "promote",
    ):
        assert word in markdown
    assert meta_data == [
        (["meta-data", "set", "msp-example/release"], "deploy-0123456789ab-42"),
        (["meta-data", "set", "msp-example/digest"], DIGEST),
        (["meta-data", "set", "msp-example/state"], "SUCCEEDED"),
    ]


def test_a_failure_is_a_red_note() -> None:
    agent = Agent()
    report = ci_report(agent)
    report.report(Finished(outcome("FAILED", "out of <b>cheese</b>")))
    report.report(Failed(made(), DeliveryError("no way", hint="go home")))
    (first, failed), *_, (second, error) = agent.calls
    assert "error" in first
    assert "error" in second
    assert "out of &lt;b&gt;cheese&lt;/b&gt;" in failed
    assert "    no way\n      go home" in error


def test_a_commits_subject_can_not_write_the_note() -> None:
    agent = Agent()
    nasty = "a | b `c` [d](e) <img src=x>\n# f"
    end = Outcome(made(nasty), STAGES, "SUCCEEDED", "r")
    ci_report(agent).report(Finished(end))
    row = next(line for line in agent.calls[0][1].splitlines() if line.startswith("| Commit"))
    assert row == "| Commit | `0123456789ab` a \\| b \\`c\\` \\[d\\](e) &lt;img src=x&gt; \\# f |"


def test_github_gets_a_summary_and_outputs(tmp_path: Path) -> None:
    agent, summary = Agent(), tmp_path / "summary"
    tell(ci_report(agent, summary).report, outcome())
    assert DIGEST in summary.read_text()
    assert DIGEST in summary.with_suffix(".out").read_text()
    assert agent.calls == []


def test_no_ci_hears_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    tell(to_all([CiReport({}, out, "msp-example").report]), outcome())
    assert out.getvalue() == ""
