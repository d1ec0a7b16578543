"""Checks the style of every Python and shell file, the types of every Python file, and that Bazel knows every test.

    lint [--fix]

ruff and mypy are those of requirements_lock.txt; shellcheck is the one on PATH.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path


def ruff() -> str:
    """The program that ruff's wheel carries: beside the site directory or in it, by who installed the wheel."""
    site = Path(str(distribution("ruff").locate_file("")))
    return str(next(path for path in (site / "bin/ruff", site.parent / "bin/ruff") if path.is_file()))


def repository_files() -> list[str]:
    """The repository's files, those that are new among them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name]


def forgotten_tests(names: Iterable[str], root: Path) -> list[str]:
    """The test files that the BUILD file beside them does not name, so that Bazel never runs them.

    Args:
        names: Files, from the repository's root.
        root: The root.
    """
    tests = [Path(name) for name in names if name.endswith("_test.py")]
    return [str(test) for test in tests if f'"{test.stem}' not in _text(root / test.with_name("BUILD.bazel"))]


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def is_script(path: Path) -> bool:
    """Whether a file is a bash script that is run as it stands."""
    return path.suffix in ("", ".sh") and path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")


def commands(names: list[str], *, fix: bool) -> list[list[str]]:
    """What is run, in order."""
    scripts = [name for name in names if is_script(Path(name))]
    ruff_program = ruff()
    lint = [ruff_program, "check", "--no-cache", *(["--fix"] if fix else [])]
    style = [ruff_program, "format", "--no-cache", *([] if fix else ["--check"])]
    return [lint, style, [sys.executable, "-m", "mypy"], [shutil.which("shellcheck") or "shellcheck", *scripts]]


def main() -> int:
    """Runs every check in the user's checkout; returns 1 when one of them found something."""
    os.chdir(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "."))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    names = repository_files()
    forgotten = forgotten_tests(names, Path())
    for test in forgotten:
        print(f"{test}: no target runs it; add a pytest_test to the BUILD.bazel beside it", file=sys.stderr)
    failed = bool(forgotten)
    for command in commands(names, fix="--fix" in sys.argv[1:]):
        try:
            failed |= subprocess.run(command, check=False, env=environment).returncode != 0
        except FileNotFoundError:
            print(f"lint: {command[0]} is missing; install it", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
