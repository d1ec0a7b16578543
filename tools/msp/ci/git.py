"""Questions to git about a checkout."""

import functools
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msp.text import harmless

# `git status` in a monorepo with a cold cache takes a while.
_SECONDS = 20.0

# Given the arguments after `git`, what it prints, without white space around it; None if it fails.
Git = Callable[..., str | None]


@dataclass(frozen=True)
class Refusal:
    """That git is there and won't read a checkout.

    Attributes:
        reason: In its words: `detected dubious ownership in repository at '/src'`.
        command: What it asks for: `git config --global --add safe.directory /src`.
    """

    reason: str
    command: str


def git_in(
    directory: Path,
    environment: Mapping[str, str],
    run: Callable[..., "subprocess.CompletedProcess[bytes]"] = subprocess.run,
) -> Git:
    """Runs git in a directory. No git, no checkout and no answer in time count as failing.

    Args:
        directory: Somewhere in the checkout: `BUILD_WORKSPACE_DIRECTORY`.
        environment: For git; variables that would point it elsewhere are taken out.
        run: Runs it; replaced in tests.
    """
    variables = {key: value for key, value in environment.items() if key not in {"GIT_DIR", "GIT_WORK_TREE"}}
    # No lock and no refresh of the index: somebody may be committing meanwhile.
    return _Checkout(directory, {**variables, "GIT_OPTIONAL_LOCKS": "0"}, run)


def refusal(git: Git) -> Refusal | None:
    """Why git won't read the checkout because of who owns it; None where it does, or fails for another reason."""
    said = git.run("rev-parse", "--git-dir", LC_ALL="C") if isinstance(git, _Checkout) else None
    lines = [harmless(line).strip() for line in said.stderr.decode("utf-8", "replace").split("\n")] if said else []
    command = next((line for line in lines if line.startswith("git config") and "safe.directory" in line), "")
    reason = next((line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")), "")
    return Refusal(reason, command) if command else None


@dataclass(frozen=True)
class _Checkout:
    directory: Path
    variables: Mapping[str, str]
    runner: Callable[..., "subprocess.CompletedProcess[bytes]"]

    def __call__(self, *arguments: str) -> str | None:
        done = self.run(*arguments)
        # Not in text mode, which takes a carriage return in a commit's subject for the end of a line.
        return done.stdout.decode("utf-8", "replace").strip() if done and done.returncode == 0 else None

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[bytes] | None":
        """What git did, with more variables; None where it can't be run, or takes too long."""
        try:
            return self.runner(
                ["git", *arguments],
                cwd=self.directory,
                env={**self.variables, **more},
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None


def ancestry(git: Git) -> Callable[[str, str], bool | None]:
    """Tells whether one commit is an ancestor of another; None where this checkout can't tell.

    Args:
        git: Asked. A shallow clone knows some ancestors and never that there is none.
    """

    @functools.cache
    def is_ancestor(commit: str, other: str) -> bool | None:
        if commit.startswith("-") or other.startswith("-"):
            return None
        if git("merge-base", "--is-ancestor", commit, other) is not None:
            return True
        known = all(git("cat-file", "-e", f"{each}^{{commit}}") is not None for each in (commit, other))
        return False if known and git("rev-parse", "--is-shallow-repository") == "false" else None

    return is_ancestor
