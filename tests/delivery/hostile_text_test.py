"""A hostile text through every source to every sink: nothing in what comes out acts."""

import dataclasses
import io
import json
import re
import subprocess
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.delivery.example import COMMIT, STAGES

from msp.ci.build import Build, Known, find_build
from msp.ci.buildkite import BuildkiteAgent
from msp.ci.github import GitHubActions
from msp.cli.entry import describe
from msp.delivery.outcome import DeliveryError, Outcome
from msp.delivery.planning.overrides import Overrides
from msp.delivery.planning.plan import ReleasePlan, plan
from msp.delivery.report.ci import CiReport
from msp.delivery.report.events import Event, Failed, Finished, Noted, Planned, PreflightPassed, Pushed, Released
from msp.delivery.report.json_file import JsonReport
from msp.delivery.report.terminal import Console, brief, plan_text
from msp.delivery.target.config import DeliveryConfig
from msp.errors import UsageError

CONFIG = DeliveryConfig("//svc:msp_deploy", "p-prod-0000", "svc", "us.gcr.io/p/app", image="image")

HOSTILE = {
    "carriage return": "Fix\r::set-output name=release::evil",
    "line feed": "Fix\n::set-output name=release::evil\n+++ all is well\n--- fold",
    "line separator": "Fix\u2028::error::evil\x85::error::evil\u2029::error::evil",
    "older command": "Fix ##[set-output name=release;]evil ##[add-mask]a",
    "colour and title": "\x1b[31mFix\x1b]0;title\x07 \x9b1m\x9d0;title\x9c",
    "link and picture": "\x1b]1339;url=https://evil\x07\x1b]1338;url=a\x07",
    "turned around": "Fix \u202egnp.exe\u2066a\u2069",
    "bytes": "Fix \udc9b31m\udc80",
    "markdown": "a | b `c` [d](https://evil) ![e](https://evil) <img src=x> **f** https://evil www.evil.example",
    "backtick": "`` `evil` `</td><script>",
    "delimiter": "a\nEND\nrelease<<X\nevil\nX",
}

# These act only where text is Markdown, or a file of several values.
MARKUP = {"markdown", "backtick", "delimiter"}
# What GitHub, Buildkite and terminals act on.
ACTS = re.compile(r"##\[|^[ \t]*::|^(?:---|\+\+\+|~~~|\^\^\^)\s", re.MULTILINE)
OWN_COMMANDS = re.compile(r"^::(?:group::.*|endgroup::|error title=svc::.*)$", re.MULTILINE)


def harmful(text: str) -> list[str]:
    """What in a text acts on its reader."""
    found = ACTS.findall(text)
    for character in text:
        hidden = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp", "Cf"}
        if character not in "\n\u200c\u200d" and hidden:
            found.append(repr(character))
    return found


class Checkout:
    """Stands for git, and says the same of everything."""

    def __init__(self, says: str) -> None:
        self.says = says

    def __call__(self, *arguments: str) -> str:
        return COMMIT if arguments[0] == "rev-parse" else self.says


def builds(text: str) -> list[Build]:
    """The build as each source tells it."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    git = Checkout(text)
    buildkite_names = ["BUILD_NUMBER", "BUILD_AUTHOR", "BUILD_CREATOR", "BUILD_URL", "BRANCH", "MESSAGE"]
    buildkite = {"BUILDKITE_COMMIT": COMMIT} | {f"BUILDKITE_{name}": text for name in buildkite_names}
    github_names = ["RUN_NUMBER", "RUN_ID", "ACTOR", "REF_NAME", "HEAD_REF", "SERVER_URL", "REPOSITORY"]
    github = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": COMMIT} | {f"GITHUB_{name}": text for name in github_names}
    flags = Known(COMMIT, text, text, text, text, text)
    return [
        find_build(Known(), {}, git, now),
        find_build(Known(), buildkite, git, now),
        find_build(Known(), github, git, now),
        find_build(flags, {}, git, now),
    ]


def plans(text: str) -> list[ReleasePlan]:
    """What is made of each build; one whose number can't be in a name gets another number."""
    overrides = Overrides(labels={"team": text}, annotations={"why": text})
    digest = "sha256:" + "a" * 64
    made = []
    for build in builds(text):
        with suppress(UsageError):
            made.append(plan(CONFIG, build, overrides=overrides, digest=digest))
        made.append(plan(CONFIG, dataclasses.replace(build, build_number="42"), overrides=overrides, digest=digest))
    return made


def story(made: ReleasePlan, text: str) -> list[Event]:
    """All that can be told of a delivery, with what Cloud Deploy and the registry say of it."""
    told: list[Event] = [Planned(made), PreflightPassed((text,)), Noted(text), Pushed(made), Released(made, True)]
    for state in ("SUCCEEDED", "FAILED", "ALREADY_DEPLOYED"):
        failure = text if state == "FAILED" else ""
        told.append(Finished(Outcome(made, STAGES, state, text, text, failure=failure, notes=(text,))))
    return [*told, Failed(made, DeliveryError(text, hint=text))]


def test_a_text_is_seen_to_act() -> None:
    assert not [name for name, text in HOSTILE.items() if not harmful(text) and name not in MARKUP]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("ci", ["", "BUILDKITE", "GITHUB_ACTIONS"])
def test_the_log(text: str, ci: str) -> None:
    for made in plans(text):
        for report in (lambda out: Console(out, {ci: "true"}).report, brief):
            for event in story(made, text):
                out = io.StringIO()
                report(out)(event)
                own = (
                    re.compile(r"^(?:--- |\+\+\+ |\^\^\^ \+\+\+$)", re.MULTILINE) if ci == "BUILDKITE" else OWN_COMMANDS
                )
                assert harmful(own.sub("", out.getvalue())) == []
                if ci == "BUILDKITE":
                    # No more headings than the event itself has.
                    assert len(own.findall(out.getvalue())) <= 2
        assert harmful(plan_text(made)) == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_errors(text: str) -> None:
    assert harmful(describe(DeliveryError(text, hint=text))) == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_annotation_and_meta_data(text: str) -> None:
    given: list[tuple[str, str]] = []

    def agent(command: list[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        given.append((command[1], options["input"].decode()))
        return subprocess.CompletedProcess(command, 0)

    for made in plans(text):
        out = io.StringIO()
        environment = {"BUILDKITE": "true"}
        report = CiReport(environment, out, "svc", buildkite=BuildkiteAgent(environment, out, agent)).report
        for event in story(made, text):
            report(event)
        assert out.getvalue() == ""
    assert given
    for what, body in given:
        assert harmful(body) == []
        if what == "annotate":
            assert_no_markup(body)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_githubs_summary_outputs_and_commands(text: str, tmp_path: Path) -> None:
    summary, outputs, out = tmp_path / "summary", tmp_path / "outputs", io.StringIO()
    files = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)}
    environment = {"GITHUB_ACTIONS": "true", **files}
    github = GitHubActions(environment, out, lambda: "7f3c")
    report = CiReport(environment, out, "svc", github=github).report
    for made in plans(text):
        for event in story(made, text):
            report(event)
    assert harmful(summary.read_text()) == []
    assert_no_markup(summary.read_text())
    written = outputs.read_text()
    assert harmful(written) == []
    names = re.findall(r"^(\w+)<<7f3c\n(?:(?!7f3c$).*\n)*?7f3c\n", written, re.MULTILINE)
    assert len(names) == written.count("<<7f3c")
    assert set(names) == {"release", "digest", "state"}
    assert harmful(OWN_COMMANDS.sub("", out.getvalue())) == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_result(text: str, tmp_path: Path) -> None:
    for made in plans(text):
        for event in story(made, text):
            if isinstance(event, Finished | Failed):
                JsonReport(tmp_path / "result.json", io.StringIO()).report(event)
                written = (tmp_path / "result.json").read_text()
                assert harmful(written) == []
                assert [each for each in strings(json.loads(written)) if harmful(each)] == []


def strings(content: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(content, str):
        return [content]
    children = content.values() if isinstance(content, dict) else content if isinstance(content, list) else []
    return [text for child in children for text in strings(child)]


def assert_no_markup(markdown: str) -> None:
    """Outside of blocks, nothing but our own links, emphasis and code."""
    for line in markdown.splitlines():
        if line.startswith("    "):
            continue
        rest = re.sub(r"\]\((https://console\.cloud\.google\.com/[^\n]*?|http://[^)\s]*)\)", "]", line)
        rest = re.sub(r"\\.", "", rest)
        assert not re.search(r"<|https?:|www\.|!\[|\]\(", rest), line
