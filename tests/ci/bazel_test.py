"""Which Bazel is asked, and what counts as an answer."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from msp.ci.bazel import bazel_in


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_workspaces_own_is_asked_first_unless_another_is_named(tmp_path: Path) -> None:
    on_path = {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin"}
    assert bazel_in(tmp_path, {"PATH": str(tmp_path)})("info") is None
    program(tmp_path / "path", "bazel", "echo bazel $1")
    assert bazel_in(tmp_path, on_path)("info") == "bazel info\n"
    program(tmp_path / "path", "bazelisk", "echo bazelisk $1")
    assert bazel_in(tmp_path, on_path)("info") == "bazelisk info\n"
    program(tmp_path, "bazelw", "echo bazelw $1")
    assert bazel_in(tmp_path, on_path)("info") == "bazelw info\n"
    named = program(tmp_path / "else", "mine", "echo mine $1")
    assert bazel_in(tmp_path, {**on_path, "BAZEL": str(named)})("info") == "mine info\n"


def test_it_runs_in_the_workspace_and_knows_nothing_of_our_own_runfiles(tmp_path: Path) -> None:
    program(tmp_path, "bazelw", "pwd; env")
    environment = {"PATH": "/usr/bin:/bin", "RUNFILES_DIR": "/r", "BUILD_WORKSPACE_DIRECTORY": "/w", "KEPT": "1"}
    said = bazel_in(tmp_path, environment)("info")
    assert said is not None
    assert said.splitlines()[0] == str(tmp_path.resolve())
    assert "KEPT=1" in said
    assert "RUNFILES_DIR" not in said
    assert "BUILD_WORKSPACE_DIRECTORY" not in said


@pytest.mark.parametrize(
    ("command", "code", "answered"), [("query", 0, True), ("query", 3, True), ("query", 7, False), ("build", 3, False)]
)
def test_a_query_with_gaps_is_an_answer(tmp_path: Path, command: str, code: int, *, answered: bool) -> None:
    program(tmp_path, "bazelw", f"echo found; exit {code}")
    assert (bazel_in(tmp_path, {"PATH": "/usr/bin:/bin"})(command) == "found\n") is answered


def test_no_answer_in_time_is_none(tmp_path: Path) -> None:
    program(tmp_path, "bazelw", "exit 0")

    def late(*_: object, timeout: float, **__: object) -> "subprocess.CompletedProcess[str]":
        raise subprocess.TimeoutExpired("bazel", timeout)

    run: Callable[..., subprocess.CompletedProcess[str]] = late
    assert bazel_in(tmp_path, {}, run=run)("query") is None
