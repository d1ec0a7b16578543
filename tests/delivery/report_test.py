"""What every reader is told alike: people, CIs and programs."""

import io
import json
from pathlib import Path

from tests.delivery.example import STAGES, Agent, ci_report, made, outcome

from msp.delivery.outcome import Outcome
from msp.delivery.report.events import (
    Finished,
)
from msp.delivery.report.json_file import JsonReport
from msp.delivery.report.terminal import Console, brief


def test_what_runs_already_names_no_tag_that_was_never_pushed(tmp_path: Path) -> None:
    agent, file = Agent(), tmp_path / "result.json"
    end = Outcome(made(number="43"), STAGES, "ALREADY_DEPLOYED", "deploy-0123456789ab-42", "r")
    ci_report(agent).report(Finished(end))
    JsonReport(file, io.StringIO()).report(Finished(end))
    assert "0123456789ab_43" not in agent.calls[0][1]
    assert "| Image | `us.gcr.io/sourcegraph-dev/msp-example` |" in agent.calls[0][1]
    assert json.loads(file.read_text())["tag"] == ""
    # This build's own release, taken up: its tag is there.
    own = Outcome(made(), STAGES, "SUCCEEDED", "deploy-0123456789ab-42", "r")
    ci_report(agent).report(Finished(own))
    assert any("msp-example:0123456789ab_42`" in markdown for _, markdown in agent.calls)


def test_what_was_superseded_is_told_everywhere(tmp_path: Path) -> None:
    agent, file, out = Agent(), tmp_path / "result.json", io.StringIO()
    newer = "deploy-89abcdef0123-43"
    end = Outcome(made(), STAGES, "SUPERSEDED", newer, "r", superseded_by=newer)
    assert end.exit_code == 0
    for report in (ci_report(agent).report, JsonReport(file, io.StringIO()).report, Console(out, {}).report):
        report(Finished(end))
    assert f"{newer}, which is newer than this build: nothing to do" in out.getvalue()
    assert f"{newer}, which is newer" in agent.calls[0][1]
    assert "0123456789ab_42" not in agent.calls[0][1]
    assert json.loads(file.read_text())["superseded_by"] == newer


def test_what_else_is_worth_knowing_is_told_everywhere(tmp_path: Path) -> None:
    agent, file, out, short = Agent(), tmp_path / "result.json", io.StringIO(), io.StringIO()
    note = "prod-us-central1: the rollout of deploy-a failed"
    end = outcome(notes=(note,))
    ci_report(agent).report(Finished(end))
    JsonReport(file, io.StringIO()).report(Finished(end))
    Console(out, {}).report(Finished(end))
    brief(short)(Finished(end))
    assert note.replace(":", "\\:") in agent.calls[0][1]
    assert note in json.loads(file.read_text())["notes"]
    assert f"note: {note}" in out.getvalue()
    assert f"note: {note}" in short.getvalue()
