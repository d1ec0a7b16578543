"""What the CI is told: log groups, Buildkite's agent, GitHub's files."""

import io
import os
import subprocess
from pathlib import Path

import pytest

from msp.ci.buildkite import BuildkiteAgent
from msp.ci.github import GitHubActions
from msp.ci.groups import LogGroups


def groups(environment: dict[str, str]) -> str:
    out = io.StringIO()
    log = LogGroups(environment, out)
    log.begin("Pushing\nthe image")
    log.begin("Releasing")
    log.fail("Release failed")
    log.end()
    return out.getvalue()


def test_buildkite_folds_and_unfolds() -> None:
    text = "--- Pushing the image\n--- Releasing\n^^^ +++\n+++ Release failed\n"
    assert groups({"BUILDKITE": "true"}) == text


def test_github_folds_and_shows_a_failure_outside() -> None:
    text = "::group::Pushing the image\n::endgroup::\n::group::Releasing\n::endgroup::\nRelease failed\n"
    assert groups({"GITHUB_ACTIONS": "true"}) == text


def test_a_terminal_gets_headings() -> None:
    assert groups({}) == "Pushing the image\nReleasing\nRelease failed\n"


def test_what_is_said_is_seen_at_once_by_whoever_follows_the_log(tmp_path: Path) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8")
    LogGroups({}, out).begin("Pushing")
    assert raw.getvalue() == b"Pushing\n"
    BuildkiteAgent({"BUILDKITE": "true", "PATH": str(tmp_path)}, out).set_meta_data("k", "v")
    assert raw.getvalue().endswith(b"no meta-data\n")


@pytest.fixture
def agent_log(tmp_path: Path) -> Path:
    """An agent that notes its arguments and its input."""
    log = tmp_path / "log"
    path = tmp_path / "buildkite-agent"
    path.write_text(f'#!/bin/sh\nfor a in "$@"; do echo "[$a]" >> {log}; done; cat >> {log}\n')
    path.chmod(0o755)
    return log


def agent(folder: Path, out: io.StringIO) -> BuildkiteAgent:
    return BuildkiteAgent({"BUILDKITE": "true", "PATH": f"{folder}:{os.environ['PATH']}"}, out)


def test_an_annotation_goes_over_standard_input(agent_log: Path) -> None:
    out = io.StringIO()
    assert agent(agent_log.parent, out).annotate("**done** $(rm -rf é) `x`", context="a b", style="success")
    assert agent_log.read_text() == "[annotate]\n[--style]\n[success]\n[--context]\n[a b]\n**done** $(rm -rf é) `x`"
    assert out.getvalue() == ""


def test_meta_data_goes_over_standard_input(agent_log: Path) -> None:
    out = io.StringIO()
    reporter = agent(agent_log.parent, out)
    assert reporter.set_meta_data("release", "--value")
    assert agent_log.read_text() == "[meta-data]\n[set]\n[release]\n--value"
    assert not reporter.set_meta_data("release", " ")


def test_an_annotation_is_cut_to_what_buildkite_takes(agent_log: Path) -> None:
    assert agent(agent_log.parent, io.StringIO()).annotate("é" * (1 << 20), context="c", style="info")
    body = agent_log.read_bytes().partition(b"[c]\n")[2]
    assert (1 << 20) - 8 < len(body) <= 1 << 20
    assert body.decode().endswith("é…")


def test_an_agent_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    out = io.StringIO()
    reporter = BuildkiteAgent({"BUILDKITE": "true", "PATH": str(tmp_path)}, out)
    assert not reporter.annotate("x", context="c", style="info")
    assert not reporter.set_meta_data("k", "v")
    assert out.getvalue() == (
        "note: buildkite-agent is neither on PATH nor in BUILDKITE_BIN_PATH: "
        "this build gets no annotation and no meta-data\n"
    )


def test_the_agent_is_found_where_the_path_was_reset(agent_log: Path) -> None:
    out = io.StringIO()
    environment = {"BUILDKITE": "true", "PATH": "/usr/bin:/bin", "BUILDKITE_BIN_PATH": str(agent_log.parent)}
    assert BuildkiteAgent(environment, out).set_meta_data("k", "v")
    assert agent_log.read_text() == "[meta-data]\n[set]\n[k]\nv"
    assert out.getvalue() == ""


def test_elsewhere_no_agent_is_run() -> None:
    def never(*_args: object, **_options: object) -> "subprocess.CompletedProcess[bytes]":
        raise AssertionError

    assert not BuildkiteAgent({}, io.StringIO(), never).annotate("x", context="c", style="info")


def test_an_agent_that_fails_or_hangs_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "buildkite-agent"
    path.write_text("#!/bin/sh\necho secret-token >&2; exit 3\n")
    path.chmod(0o755)
    out = io.StringIO()
    assert not agent(tmp_path, out).annotate("x", context="c", style="error")
    assert out.getvalue() == "note: buildkite-agent annotate failed with exit code 3; the deployment goes on\n"

    def hang(*_args: object, timeout: float, **_options: object) -> "subprocess.CompletedProcess[bytes]":
        raise subprocess.TimeoutExpired("buildkite-agent", timeout)

    out = io.StringIO()
    assert not BuildkiteAgent({"BUILDKITE": "true"}, out, hang).set_meta_data("k", "v")
    assert out.getvalue() == "note: buildkite-agent meta-data did not end in 15 s; the deployment goes on\n"


def test_an_agent_that_reads_nothing_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "buildkite-agent"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    assert agent(tmp_path, io.StringIO()).annotate("x" * (1 << 20), context="c", style="info")


def test_githubs_files_are_added_to(tmp_path: Path) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    summary.write_text("before\n")
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    github = GitHubActions(environment, io.StringIO(), lambda: "END")
    assert github.summarize("# Released")
    assert github.set_output("release", "one\nevil=two")
    assert summary.read_text() == "before\n# Released\n"
    assert output.read_text() == "release<<END\none\nevil=two\nEND\n"


def test_githubs_files_that_cant_be_written_are_told(tmp_path: Path) -> None:
    out = io.StringIO()
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    assert not GitHubActions(environment, out).summarize("x")
    assert out.getvalue().startswith("note: GITHUB_STEP_SUMMARY can't be written: ")
    assert not GitHubActions(environment, out).set_output("a", "b")
    assert not GitHubActions({"GITHUB_STEP_SUMMARY": str(tmp_path / "x")}, out).summarize("x")


def test_an_error_is_shown_on_the_runs_page_and_holds_no_other_command() -> None:
    out = io.StringIO()
    GitHubActions({"GITHUB_ACTIONS": "true"}, out).error("50% done\r\n::warning::x\x1b[31m", title="a,b: c\nd")
    assert out.getvalue() == "::error title=a%2Cb%3A c%0Ad::50%25 done%0A:\ufffdwarning::x\ufffd[31m\n"
    out = io.StringIO()
    GitHubActions({}, out).error("x", title="y")
    assert out.getvalue() == ""
