"""The genuine git in a checkout made for the test."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from msp.ci.build import Known, UnknownBuildError, find_build
from msp.ci.git import ancestry, git_in, refusal

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")

NOW = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = str(Path(shutil.which("git") or "").parent)
    who = {"GIT_AUTHOR_NAME": "Commit Author", "GIT_AUTHOR_EMAIL": "a@example.com"}
    me = {"GIT_COMMITTER_NAME": "Me", "GIT_COMMITTER_EMAIL": "m@example.com"}
    return {"PATH": path, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", **who, **me}


@pytest.fixture
def checkout(tmp_path: Path, environment: dict[str, str]) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file").write_text("one\n")
    for command in (
        ["init", "--quiet", "--initial-branch=trunk"],
        ["add", "file"],
        ["commit", "--quiet", "--message=The subject é\n\nBody"],
    ):
        subprocess.run(["git", *command], cwd=folder, env=environment, check=True)
    return folder


def test_a_clean_checkout(checkout: Path, environment: dict[str, str]) -> None:
    build = find_build(Known(), {}, git_in(checkout, environment), NOW)
    assert len(build.commit) == 40
    assert (build.subject, build.branch, build.author) == ("The subject é", "trunk", "Commit Author")
    assert (build.dirty, build.source, build.build_number) == (False, "git", "20261122213005")


def test_a_changed_checkout(checkout: Path, environment: dict[str, str]) -> None:
    (checkout / "file").write_text("two\n")
    assert find_build(Known(), {}, git_in(checkout, environment), NOW).dirty


def test_a_new_file_counts_as_a_change(checkout: Path, environment: dict[str, str]) -> None:
    (checkout / "new").touch()
    assert find_build(Known(), {}, git_in(checkout, environment), NOW).dirty


def test_short_hashes_and_names_are_understood(checkout: Path, environment: dict[str, str]) -> None:
    git = git_in(checkout, environment)
    commit = find_build(Known(), {}, git, NOW).commit
    for name in (commit[:8], "trunk", "HEAD"):
        assert find_build(Known(commit=name), {}, git, NOW).commit == commit


def test_no_checkout_and_no_git_count_as_failing(tmp_path: Path, environment: dict[str, str]) -> None:
    ceiling = {**environment, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    assert git_in(tmp_path, ceiling)("rev-parse", "HEAD") is None
    assert git_in(tmp_path / "none", environment)("rev-parse", "HEAD") is None
    assert git_in(tmp_path, {"PATH": str(tmp_path)})("--version") is None


def test_a_checkout_that_is_somebody_elses_is_called_so(checkout: Path, environment: dict[str, str]) -> None:
    others = {**environment, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "LC_ALL": "de_DE.UTF-8"}
    said = f"detected dubious ownership in repository at '{checkout}'"
    command = f"git config --global --add safe.directory {checkout}"
    for given in (Known(), Known(commit="trunk")):
        with pytest.raises(UnknownBuildError, match=said) as raised:
            find_build(given, {}, git_in(checkout, others), NOW)
        assert f"{command}\n" in raised.value.hint
    assert find_build(Known(commit="0" * 40), {}, git_in(checkout, others), NOW).commit == "0" * 40
    subprocess.run(command.split(), env=environment, check=True)
    assert find_build(Known(), {}, git_in(checkout, others), NOW).branch == "trunk"


def test_no_checkout_is_nobody_elses(tmp_path: Path, checkout: Path, environment: dict[str, str]) -> None:
    ceiling = {**environment, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    for git in (git_in(tmp_path, ceiling), git_in(checkout, environment), git_in(checkout, {"PATH": "/nowhere"})):
        assert refusal(git) is None


def test_a_git_that_hangs_counts_as_failing(tmp_path: Path) -> None:
    def hang(*_args: object, timeout: float, **_options: object) -> "subprocess.CompletedProcess[bytes]":
        raise subprocess.TimeoutExpired("git", timeout)

    assert git_in(tmp_path, {}, hang)("status") is None


def test_variables_of_a_hook_do_not_lead_elsewhere(checkout: Path, environment: dict[str, str]) -> None:
    git = git_in(checkout, {**environment, "GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere"})
    assert git("rev-parse", "--is-inside-work-tree") == "true"


def test_a_carriage_return_in_a_subject_ends_no_line(checkout: Path, environment: dict[str, str]) -> None:
    subject = "Fix it\r::set-output name=release::evil"
    (checkout / "file").write_text("three\n")
    command = ["git", "commit", "--quiet", "--all", "--cleanup=verbatim", f"--message={subject}"]
    subprocess.run(command, cwd=checkout, env=environment, check=True)
    git = git_in(checkout, environment)
    assert git("log", "-1", "--format=%s") == subject
    assert find_build(Known(), {}, git, NOW).subject == "Fix it ::set-output name=release::evil"


def test_ancestry_is_told_where_the_clone_knows_it(checkout: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    git = git_in(checkout, environment)
    older = git("rev-parse", "HEAD")
    git("commit", "--allow-empty", "--message=Second")
    newer = git("rev-parse", "HEAD")
    assert older
    assert newer
    known = ancestry(git)
    assert (known(older, newer), known(newer, older), known(older, older)) == (True, False, True)
    assert known("0" * 40, newer) is None
    assert known("--all", newer) is None
    git("clone", "--quiet", "--depth=1", checkout.as_uri(), str(tmp_path / "shallow"))
    shallow = ancestry(git_in(tmp_path / "shallow", environment))
    assert (shallow(older, newer), shallow(newer, older)) == (None, None)
    assert ancestry(git_in(tmp_path, {}))(older, newer) is None
