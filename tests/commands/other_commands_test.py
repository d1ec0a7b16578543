"""What is printed about commits and about missing programs is run with the genuine git, apt and pip."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.commands.conftest import Paste
from tests.commands.monorepo import Monorepo

from msp import names
from msp.changes.between import Changes, Checkout, changes_between
from msp.ci.build import Known, find_build
from msp.ci.git import git_in
from msp.cli.entry import describe
from msp.errors import MspError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")


class Clone:
    """A clone of the monorepo, and what is between two of its commits."""

    def __init__(self, monorepo: Monorepo, paste: Paste, *flags: str) -> None:
        self.root = monorepo.world.tmp_path / "clone"
        self._environment = paste.environment(None)
        command = ["git", "clone", "--quiet", *flags, f"file://{monorepo.root}", str(self.root)]
        subprocess.run(command, check=True, env=self._environment)

    def between(self, since: str, until: str) -> Changes:
        git = git_in(self.root, self._environment)
        return changes_between(Checkout(git, lambda *_: None, Path.exists), since, until)  # type: ignore[arg-type]


def commits(monorepo: Monorepo, count: int) -> list[str]:
    made = []
    for number in range(count):
        monorepo.git("commit", "--quiet", "--allow-empty", f"--message=change {number}")
        made.append(monorepo.git("rev-parse", "HEAD"))
    return made


def paste_in(paste: Paste, command: str, text: str, clone: Clone) -> None:
    printed = paste.printed(command, text)
    done = paste.shell(f"cd {clone.root} && {printed}", None)
    assert done.returncode == 0, done.stderr


def test_a_checkout_of_somebody_elses_is_trusted(monorepo: Monorepo, paste: Paste) -> None:
    others = {**paste.environment(None), "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    git = git_in(monorepo.root, others)
    with pytest.raises(MspError) as caught:
        find_build(Known(), {}, git, datetime.now(UTC))
    done = paste.shell(paste.printed("git config", describe(caught.value)), None)
    assert done.returncode == 0, done.stderr
    assert find_build(Known(), {}, git, datetime.now(UTC)).commit == monorepo.git("rev-parse", "HEAD")


def test_a_shallow_clone_is_made_whole(monorepo: Monorepo, paste: Paste) -> None:
    old, _, new = commits(monorepo, 3)
    clone = Clone(monorepo, paste, "--depth=1")
    changes = clone.between(old, new)
    assert not changes.known
    paste_in(paste, "git fetch --unshallow", changes.notes[0], clone)
    assert clone.between(old, new).known
    second = monorepo.world.tmp_path / "clone"
    shutil.rmtree(second)
    shallow = Clone(monorepo, paste, "--depth=2").between(monorepo.git("rev-parse", "HEAD~1"), new)
    assert shallow.known
    paste_in(paste, "git fetch --unshallow", "\n".join(shallow.notes), clone)


def test_missing_commits_are_fetched(monorepo: Monorepo, paste: Paste) -> None:
    (old,) = commits(monorepo, 1)
    clone = Clone(monorepo, paste)
    (new,) = commits(monorepo, 1)
    changes = clone.between(old, new)
    assert not changes.known
    paste_in(paste, "git fetch origin {}", changes.notes[0], clone)
    assert clone.between(old, new).known


def test_git_says_itself_what_is_wrong(monorepo: Monorepo, paste: Paste) -> None:
    (commit,) = commits(monorepo, 1)
    whole = git_in(monorepo.root, paste.environment(None))
    checkout = Checkout(lambda *words: None if words[0] == "log" else whole(*words), lambda *_: None, lambda _: True)
    paste("git log", monorepo, changes_between(checkout, commit, commit).notes[0])


def test_the_full_hash_is_looked_up(monorepo: Monorepo, paste: Paste) -> None:
    git = git_in(monorepo.root, paste.environment(None))
    with pytest.raises(MspError) as unknown:
        find_build(Known(commit="no-such-name"), {}, git, datetime.now(UTC))
    with pytest.raises(names.InvalidNameError) as short:
        names.release_id("abc", "1")
    for error in (unknown.value, short.value):
        found = paste("git rev-parse HEAD", monorepo, describe(error)).stdout.strip()
        assert names.release_id(found, "1")


def test_missing_programs_are_installed(paste: Paste) -> None:
    enter = paste.printed("apt-get install bubblewrap util-linux", script("tools/offline/bazel.sh"))
    make = paste.printed("apt-get install ${missing[*]}", script("tools/offline/make_root.sh"))
    if shutil.which("apt-get"):
        for install in (enter, make.replace("${missing[*]}", "mmdebstrap")):
            done = paste.shell(install.replace("install", "install --simulate --quiet"), None)
            # Which packages there are is known only where apt has been updated.
            assert done.returncode == 0 or "Unable to locate package" in done.stderr, done.stderr
    install = paste.printed("pip install uv", script("tools/update_lock.sh"))
    done = paste.shell(f"{sys.executable} -m {install} --no-index --dry-run", None, PIP_BREAK_SYSTEM_PACKAGES="1")
    assert "already satisfied" in done.stdout or "No matching distribution found for uv" in done.stderr


def script(name: str) -> str:
    """What a script can print, without the quotation marks' end."""
    return (Path(__file__).parents[2] / name).read_text("utf-8").replace('"', "`")
