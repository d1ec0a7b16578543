"""What stands on the page of the build that delivered."""

import io
from pathlib import Path

import pytest
from tests.delivery.example import DIGEST, STAGES, Agent, ci_report, made, outcome, tell

from msp.delivery.outcome import DeliveryError, Outcome
from msp.delivery.report.ci import CiReport
from msp.delivery.report.events import (
    Failed,
    Finished,
    to_all,
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


def test_github_shows_a_failed_rollout_on_the_runs_page() -> None:
    out = io.StringIO()
    environment = {"GITHUB_ACTIONS": "true"}
    report = CiReport(environment, out, "msp-example").report
    report(Finished(outcome("FAILED", "out of cheese\n::set-output name=a::b")))
    assert out.getvalue() == (
        "::error title=msp-example::"
        "the rollout to staging-us-central1 failed: out of cheese%0A:\ufffdset-output name=a::b\n"
    )


def test_no_ci_hears_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    tell(to_all([CiReport({}, out, "msp-example").report]), outcome())
    assert out.getvalue() == ""
