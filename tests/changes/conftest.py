"""A repository made for a test, with the genuine git, and a Bazel that knows a few rules by heart."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from msp.changes.between import Checkout
from msp.ci.git import git_in


@dataclass
class Repository:
    """A checkout to commit to.

    Attributes:
        folder: Where it is.
        environment: For git.
    """

    folder: Path
    environment: Mapping[str, str]

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, files: Mapping[str, str | None]) -> None:
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def commit(self, subject: str, files: Mapping[str, str | None] | None = None, body: str = "") -> str:
        """Commits these files (None removes one); returns the full hash."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={subject}\n\n{body}")
        return self.git("rev-parse", "HEAD")

    def checkout(self, bazel: Callable[..., str | None]) -> Checkout:
        return Checkout(
            git=git_in(self.folder, self.environment), bazel=bazel, exists=lambda path: (self.folder / path).exists()
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if shutil.which("git") is None:
        pytest.skip("git is not on PATH")
    folder = tmp_path / "checkout"
    folder.mkdir()
    who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
    me = {"GIT_COMMITTER_NAME": "Me", "GIT_COMMITTER_EMAIL": "m@example.com"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", **who, **me}
    made = Repository(folder, environment)
    made.git("init", "--quiet", "--initial-branch=trunk")
    return made


class TinyBazel:
    """Builds and queries BUILD files whose lines are `srcs = [...]` with labels, file names and `glob("*.x")`.

    Stands for Bazel in histories of many commits: what a target's bytes are, and what it is built from, as it stands.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *arguments: str) -> str | None:
        asked = re.search(r"deps\(set\(([^)]*)\)\)", arguments[1])
        if asked is None:
            return None
        files, builds = self._closure(re.findall(r'"([^"]*)"', asked[1]))
        labels = [f"//{package}:{name}" for package, name in sorted(files)]
        labels += [f"//{package}:BUILD.bazel" for package in sorted(builds)]
        return "\n".join([*labels, "@pip//x:y.py", "@@other//:z"]) + "\n"

    def digest(self, label: str) -> tuple[tuple[str, str], ...]:
        """What the target's image would be: every input's path and content."""
        files, _ = self._closure([label])
        paths = sorted(f"{package}/{name}".lstrip("/") for package, name in files)
        return tuple((path, (self._folder / path).read_text()) for path in paths if (self._folder / path).exists())

    def _closure(self, labels: list[str]) -> tuple[set[tuple[str, str]], set[str]]:
        files: set[tuple[str, str]] = set()
        seen: set[str] = set()
        ahead = list(labels)
        while ahead:
            package = ahead.pop().removeprefix("//").partition(":")[0]
            if package in seen or not (build := self._folder / package / "BUILD.bazel").exists():
                continue
            seen.add(package)
            for item in re.findall(r'"([^"]+)"', build.read_text()):
                if item.startswith("//"):
                    ahead.append(item)
                elif "*" in item:
                    files |= {(package, path.name) for path in build.parent.glob(item)}
                else:
                    files.add((package, item))
        return files, seen


@pytest.fixture
def bazel(repository: Repository) -> TinyBazel:
    return TinyBazel(repository.folder)
