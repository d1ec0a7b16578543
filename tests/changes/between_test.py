"""What comes and what leaves between two commits, with the genuine git."""

import dataclasses
import random
from typing import TYPE_CHECKING

import pytest

from msp.changes.between import changes_between
from msp.ci.git import git_in

if TYPE_CHECKING:
    from tests.changes.conftest import Repository, TinyBazel

IMAGE = "//svc:image"
BUILD = 'srcs = ["main.py", "//lib:lib"]\n'


def subjects(commits: tuple[object, ...]) -> list[str]:
    return [getattr(commit, "subject", "") for commit in commits]


def begin(repository: "Repository") -> str:
    return repository.commit(
        "begin",
        {
            "MODULE.bazel": "module()\n",
            "svc/BUILD.bazel": BUILD,
            "svc/main.py": "1",
            "svc/README.md": "read me",
            "lib/BUILD.bazel": 'srcs = ["*.py"]\n',
            "lib/a.py": "a",
            "other/BUILD.bazel": 'srcs = ["x.py"]\n',
            "other/x.py": "x",
        },
    )


def test_only_commits_that_touch_what_the_image_is_built_from(repository: "Repository", bazel: "TinyBazel") -> None:
    since = begin(repository)
    repository.commit("other", {"other/x.py": "y"})
    repository.commit("docs", {"svc/README.md": "read it"})
    repository.commit("main", {"svc/main.py": "2"})
    repository.commit("lib", {"lib/b.py": "b"})
    until = repository.commit("empty")
    found = changes_between(repository.checkout(bazel), since, until, image=IMAGE)
    assert subjects(found.come) == ["lib", "main"]
    assert (found.skipped, found.leave, found.known, found.notes) == (3, (), True, ())
    assert (found.come[1].author, found.come[1].email, found.come[1].paths) == (
        "Ada",
        "ada@example.com",
        ("svc/main.py",),
    )
    everything = changes_between(repository.checkout(bazel), since, until)
    assert subjects(everything.come) == ["empty", "lib", "main", "docs", "other"]


def test_what_every_build_depends_on_counts(repository: "Repository", bazel: "TinyBazel") -> None:
    since = begin(repository)
    repository.commit("rc", {".bazelrc": "build -c opt\n"})
    until = repository.commit("module", {"MODULE.bazel": "module(version = '2')\n"})
    assert subjects(changes_between(repository.checkout(bazel), since, until, image=IMAGE).come) == ["module", "rc"]


def test_a_file_that_is_gone_may_have_been_an_input(repository: "Repository", bazel: "TinyBazel") -> None:
    since = begin(repository)
    repository.commit("added", {"lib/c.py": "c"})
    until = repository.commit("removed", {"lib/c.py": None})
    assert subjects(changes_between(repository.checkout(bazel), since, until, image=IMAGE).come) == ["removed", "added"]


def test_a_dependency_that_came_and_went(repository: "Repository", bazel: "TinyBazel") -> None:
    since = begin(repository)
    repository.commit("in", {"svc/BUILD.bazel": 'srcs = ["main.py", "//lib:lib", "//other:x"]\n'})
    repository.commit("changed while in", {"other/x.py": "z"})
    until = repository.commit("out", {"svc/BUILD.bazel": BUILD})
    found = changes_between(repository.checkout(bazel), since, until, image=IMAGE)
    assert subjects(found.come) == ["out", "changed while in", "in"]


def test_what_leaves_when_an_older_one_comes(repository: "Repository", bazel: "TinyBazel") -> None:
    older = begin(repository)
    repository.commit("docs", {"svc/README.md": "read it"})
    newer = repository.commit("main", {"svc/main.py": "2"})
    found = changes_between(repository.checkout(bazel), newer, older, image=IMAGE)
    assert (subjects(found.come), subjects(found.leave), found.skipped) == ([], ["main"], 1)


def test_reverts_are_told_with_what_they_take_back(repository: "Repository", bazel: "TinyBazel") -> None:
    since = begin(repository)
    bad = repository.commit("bad", {"svc/main.py": "2"})
    until = repository.commit('Revert "bad"', {"svc/main.py": "1"}, body=f"This reverts commit {bad}.\n\nIt was bad.")
    found = changes_between(repository.checkout(bazel), since, until, image=IMAGE)
    assert [(each.commit.id, each.reverted) for each in found.reverts] == [(until, bad)]


def test_a_commit_that_the_clone_lacks(repository: "Repository", bazel: "TinyBazel") -> None:
    here = begin(repository)
    found = changes_between(repository.checkout(bazel), "f" * 40, here, image=IMAGE)
    assert (found.known, found.come) == (False, ())
    assert found.notes == (f"commit ffffffffffff is not in this clone: git fetch origin {'f' * 40}",)


def test_no_checkout_at_all(repository: "Repository", bazel: "TinyBazel") -> None:
    checkout = repository.checkout(bazel)
    (repository.folder / ".git").rename(repository.folder / "gone")
    found = changes_between(checkout, "e" * 40, "f" * 40, image=IMAGE)
    assert not found.known
    assert "no git checkout here" in found.notes[0]


def test_a_checkout_that_is_somebody_elses(repository: "Repository", bazel: "TinyBazel") -> None:
    environment = {**repository.environment, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    checkout = dataclasses.replace(repository.checkout(bazel), git=git_in(repository.folder, environment))
    (note,) = changes_between(checkout, "e" * 40, "f" * 40, image=IMAGE).notes
    assert "detected dubious ownership" in note
    assert f"git config --global --add safe.directory {repository.folder}" in note


def test_without_bazel_every_commit_is_listed_and_that_is_said(repository: "Repository") -> None:
    since = begin(repository)
    until = repository.commit("docs", {"svc/README.md": "read it"})
    found = changes_between(repository.checkout(lambda *_: None), since, until, image=IMAGE)
    assert subjects(found.come) == ["docs"]
    assert found.notes == ("Bazel does not tell what //svc:image is built from here: every commit is listed",)


def test_a_message_cannot_pretend_to_be_a_commit_or_to_colour_the_screen(repository: "Repository") -> None:
    since = begin(repository)
    until = repository.commit("red \x1b[31m\u202e", {"svc/a\nb": "x"}, body="\x01" + "f" * 40)
    (commit,) = changes_between(repository.checkout(lambda *_: None), since, until).come
    assert commit.subject == "red \ufffd[31m\ufffd"
    assert commit.paths == ("svc/a\nb",)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_the_digest_is_listed(repository: "Repository", bazel: "TinyBazel", seed: int) -> None:
    """Fifty commits at random: files, sources, dependencies, globs, removals; the image rebuilt at each."""
    chance = random.Random(seed)
    packages = ["svc", "lib", "other", "deep/er"]
    since = begin(repository)
    digests = [bazel.digest(IMAGE)]
    for number in range(50):
        repository.commit(str(number), _step(chance, repository, packages, number))
        digests.append(bazel.digest(IMAGE))
    until = repository.git("rev-parse", "HEAD")
    found = changes_between(repository.checkout(bazel), since, until, image=IMAGE)
    changing = {str(number) for number in range(50) if digests[number] != digests[number + 1]}
    assert changing
    assert changing <= set(subjects(found.come))
    assert len(found.come) + found.skipped == 50


def _step(chance: random.Random, repository: "Repository", packages: list[str], number: int) -> dict[str, str | None]:
    package = chance.choice(packages)
    match chance.randrange(8):
        case 0 | 1 | 2:
            return {f"{package}/{chance.choice('abc')}.py": str(number)}
        case 3:
            there = sorted((repository.folder / package).glob("*.py"))
            return {str(chance.choice(there).relative_to(repository.folder)): None} if there else {}
        case 4:
            others = [f"//{other}:lib" for other in packages if other != package and chance.random() < 0.4]
            sources = chance.choice([["*.py"], ["a.py"], ["main.py", "b.py"], []])
            items = ", ".join(f'"{item}"' for item in [*others, *sources])
            return {f"{package}/BUILD.bazel": f"srcs = [{items}]\n"}
        case 5:
            return {f"{package}/notes.md": str(number)}
        case 6:
            return {"README.md": str(number)}
        case _:
            return {f"{package}/main.py": str(number), f"{chance.choice(packages)}/x.py": str(number)}
