"""Questions to Bazel about a workspace."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

# A query in a large workspace loads every package below the target; another command may hold the server meanwhile.
_SECONDS = 300.0

# `query --keep_going` ends with 3 where some package could not be read: what it prints is true, and may lack something.
_PARTIAL = 3

# Given the arguments after `bazel`, what it prints; None where it fails or there is none.
Bazel = Callable[..., str | None]


def bazel_in(
    workspace: Path,
    environment: Mapping[str, str],
    *,
    seconds: float = _SECONDS,
    run: Callable[..., "subprocess.CompletedProcess[str]"] = subprocess.run,
) -> Bazel:
    """Runs the workspace's own Bazel, as the person who works there does.

    `BAZEL` names it; else it is the workspace's `bazelw`, else a bazelisk or bazel on PATH. A program that `bazel run`
    started can ask: Bazel lets go of its lock before it starts the program.

    Args:
        workspace: The workspace's root: `BUILD_WORKSPACE_DIRECTORY`.
        environment: The variables that Bazel is started with.
        seconds: How long one answer may take.
        run: Runs it; replaced in tests.
    """
    program = _program(workspace, environment)
    # What tells a program where its own runfiles are must not reach a Python that Bazel starts.
    variables = {key: value for key, value in environment.items() if not key.startswith(("RUNFILES_", "BUILD_W"))}

    def bazel(*arguments: str) -> str | None:
        if program is None:
            return None
        try:
            done = run(
                [program, *arguments],
                cwd=workspace,
                env=variables,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        partial = arguments[:1] == ("query",) and done.returncode == _PARTIAL
        return done.stdout if done.returncode == 0 or partial else None

    return bazel


def _program(workspace: Path, environment: Mapping[str, str]) -> str | None:
    if named := environment.get("BAZEL"):
        return named
    wrapper = workspace / "bazelw"
    if wrapper.is_file():
        return str(wrapper)
    path = environment.get("PATH")
    return shutil.which("bazelisk", path=path) or shutil.which("bazel", path=path)
