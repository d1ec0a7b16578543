"""Checks the style of every Python and shell file and the types of every Python file: `lint [--fix]`.

ruff and mypy are those of requirements_lock.txt; shellcheck is the one on PATH.
"""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path


def ruff() -> str:
    """The program that ruff's wheel carries: beside the site directory or in it, by who installed the wheel."""
    site = Path(str(distribution("ruff").locate_file("")))
    return str(next(path for path in (site / "bin/ruff", site.parent / "bin/ruff") if path.is_file()))


def shell_files() -> list[str]:
    """The repository's bash scripts, by their first line."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and is_script(Path(name))]


def is_script(path: Path) -> bool:
    """Whether a file is a bash script that is run as it stands."""
    return path.suffix in ("", ".sh") and path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")


def commands(*, fix: bool) -> list[list[str]]:
    """What is run, in order."""
    ruff_program = ruff()
    lint = [ruff_program, "check", "--no-cache", *(["--fix"] if fix else [])]
    style = [ruff_program, "format", "--no-cache", *([] if fix else ["--check"])]
    return [lint, style, [sys.executable, "-m", "mypy"], [shutil.which("shellcheck") or "shellcheck", *shell_files()]]


def main() -> int:
    """Runs every check in the user's checkout; returns 1 when one of them found something."""
    os.chdir(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "."))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    failed = False
    for command in commands(fix="--fix" in sys.argv[1:]):
        try:
            failed |= subprocess.run(command, check=False, env=environment).returncode != 0
        except FileNotFoundError:
            print(f"lint: {command[0]} is missing; install it", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
