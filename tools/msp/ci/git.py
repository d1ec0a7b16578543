"""Questions to git about a checkout."""

import functools
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

# `git status` in a monorepo with a cold cache takes a while.
_SECONDS = 20.0

# Given the arguments after `git`, what it prints, without white space around it; None if it fails.
Git = Callable[..., str | None]


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
    variables["GIT_OPTIONAL_LOCKS"] = "0"

    def git(*arguments: str) -> str | None:
        try:
            done = run(
                ["git", *arguments],
                cwd=directory,
                env=variables,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        # Not in text mode, which takes a carriage return in a commit's subject for the end of a line.
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None

    return git


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
