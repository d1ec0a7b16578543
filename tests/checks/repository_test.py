"""What this repository promises of itself in files that no program of its own reads."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def commands(text: str) -> set[tuple[str, str]]:
    """The programs that a text runs, each with what it runs of them: `("./bazelw test", "//...")`."""
    bazel = re.findall(r"(\./bazelw (?:run|test)) (?:\S+ )*?(//\S+)", text)
    return {*bazel, *((script, "") for script in re.findall(r"(?<!/)\btools/checks/\w+\.sh", text))}


def test_hooks_run_what_ci_runs() -> None:
    # Not what is printed about it, and not the sum of the test cases.
    ci = "\n".join(line for line in read(".ci/run").splitlines() if not re.match(r"#|if |.*:summary", line))
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert commands("\n".join(hook["entry"] for hook in repository["hooks"])) == commands(ci)
    assert len(commands(ci)) == 4


def test_renovate_can_write_the_lock_anew() -> None:
    manager = json.loads(read(".github/renovate.json"))["pip-compile"]
    (pattern,) = manager["managerFilePatterns"]
    assert re.search(pattern.strip("/"), "requirements_lock.txt")
    # It runs the command of the second line, where it knows every option.
    command = read("requirements_lock.txt").splitlines()[1]
    assert command == "#    uv pip compile requirements.in --output-file=requirements_lock.txt"
    assert "uv pip compile requirements.in --output-file=requirements_lock.txt" in read("tools/update_lock.sh")


def test_changelog_has_its_form() -> None:
    headings = re.findall(r"^(#+) (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[:2] == [("#", "Changelog"), ("##", "[Unreleased]")]
    releases = [text for depth, text in headings[2:] if depth == "##"]
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release) for release in releases)
    kinds = {text for depth, text in headings if depth == "###"}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
