"""What people, CIs and programs are told."""

import errno
import io
import json
import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.cloud.deploy_v1 import Rollout

from msp.ci.build import Build
from msp.ci.buildkite import BuildkiteAgent
from msp.ci.github import GitHubActions
from msp.delivery.outcome import DeliveryError, Outcome
from msp.delivery.planning.plan import ReleasePlan, plan
from msp.delivery.report.ci import CiReport, finished_markdown
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
from msp.delivery.report.stages_picture import next_steps, picture
from msp.delivery.report.terminal import Console, brief, plan_text
from msp.delivery.target.config import DeliveryConfig
from msp.errors import BlockedError, UsageError

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


def made(subject: str = "Count faster", *, number: str = "42", local_cloud: str = "") -> ReleasePlan:
    build = Build(COMMIT, number, "Ada", "main", "https://ci/42", subject)
    return plan(CONFIG, build, digest=DIGEST, local_cloud=local_cloud)


def outcome(state: str = "SUCCEEDED", failure: str = "", **fields: Any) -> Outcome:
    rollout = "deploy-0123456789ab-42-to-staging-us-central1-0001"
    return Outcome(made(), STAGES, state, "deploy-0123456789ab-42", rollout, created=True, failure=failure, **fields)


def tell(report: Report, end: Outcome) -> None:
    states = (Rollout.State.PENDING_RELEASE, Rollout.State.IN_PROGRESS, Rollout.State.IN_PROGRESS)
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
        screen.report(RolloutSeen(Rollout(target_id=STAGES[0], state=Rollout.State.IN_PROGRESS)))
    screen.report(Finished(outcome()))
    assert "is under way" in out.getvalue()


def test_the_plan_for_a_dry_run_is_whole() -> None:
    text = plan_text(made())
    for word in (DIGEST, "customTarget/digest", "author = Ada", "source.tar.gz", "deploy-0123456789ab-42"):
        assert word in text


class FrozenError(BlockedError):
    """Somebody has to let it through first."""


def test_json_has_what_later_steps_need(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    tell(JsonReport(file, io.StringIO()).report, outcome())
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
    assert found["exit_code"] == 0
    JsonReport(file, io.StringIO()).report(Failed(made(), FrozenError("no way", hint="go home")))
    found = json.loads(file.read_text())
    assert (found["state"], found["exit_code"]) == (None, 4)
    assert found["error"] == {"message": "no way", "hint": "go home"}
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("path", [".", "no/such/directory/result.json"])
def test_json_that_could_not_be_written_is_said_before_anything_is_done(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="--json_output"):
        JsonReport(tmp_path / path, io.StringIO())


def test_nobody_else_reads_the_result_or_has_it_written_elsewhere(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    shared = tmp_path / "shared"
    shared.mkdir()
    file = shared / "result.json"
    file.symlink_to(precious)
    # The name that one process would choose for itself is known to all others.
    (shared / f".result.json.{os.getpid()}").symlink_to(precious)
    umask = os.umask(0)
    try:
        JsonReport(file, io.StringIO()).report(Finished(outcome()))
    finally:
        os.umask(umask)
    assert precious.read_text() == "keep me"
    assert not file.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["state"] == "SUCCEEDED"


def test_a_result_that_can_not_be_written_is_a_warning_and_leaves_no_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "result.json", io.StringIO()
    file.write_text("of an earlier delivery")
    report = JsonReport(file, out).report

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    report(Finished(outcome()))
    assert out.getvalue() == (
        f"note: --json_output: {file} can't be written: No space left on device; the delivery itself is not affected\n"
    )
    assert list(tmp_path.iterdir()) == []


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


def test_github_shows_a_failed_rollout_on_the_runs_page() -> None:
    out = io.StringIO()
    environment = {"GITHUB_ACTIONS": "true"}
    report = CiReport(environment, out, "msp-example").report
    report(Finished(outcome("FAILED", "out of cheese\n::set-output name=a::b")))
    assert out.getvalue() == (
        "::error title=msp-example::"
        "the rollout to staging-us-central1 failed: out of cheese%0A:\ufffdset-output name=a::b\n"
    )


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
    agent, file = Agent(), tmp_path / "result.json"
    note = "prod-us-central1: the rollout of deploy-a failed"
    end = outcome(notes=(note,))
    ci_report(agent).report(Finished(end))
    JsonReport(file, io.StringIO()).report(Finished(end))
    assert note.replace(":", "\\:") in agent.calls[0][1]
    assert note in json.loads(file.read_text())["notes"]
    assert f"note: {note}" in console(end)
    assert f"note: {note}" in quiet(end)


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


def test_commands_are_quoted_for_the_shell() -> None:
    end = Outcome(made(), ("staging", "prod; rm -rf $HOME"), "SUCCEEDED", "r 1")
    words = shlex.split(next_steps(end)[1])
    assert "--to-target=prod; rm -rf $HOME" in words
    assert "--release=r 1" in words


def test_no_ci_hears_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    tell(to_all([CiReport({}, out, "msp-example").report]), outcome())
    assert out.getvalue() == ""


def test_notes_of_many_threads_are_written_in_whole_lines() -> None:
    class Pieces(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    pieces: list[str] = []
    Console(Pieces(), {}).report(Noted("us.gcr.io can't be reached; trying again in 0.3 s"))
    assert pieces == ["note: us.gcr.io can't be reached; trying again in 0.3 s\n"]
