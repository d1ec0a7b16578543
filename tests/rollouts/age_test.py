"""Which release is older, and what an older one would replace."""

from typing import TYPE_CHECKING

import pytest

from msp.rollouts.age import Age, age, superseded

if TYPE_CHECKING:
    from tests.rollouts.conftest import History

LINE = "https://buildkite.com/sourcegraph/deploy/builds/"


def ancestry(commit: str, other: str) -> bool | None:
    """Commits c1, c2, … come from each other; of x nothing is known; b1 is a branch."""
    if "x" in {commit, other}:
        return None
    return commit[0] == other[0] == "c" and commit < other


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [("c1", "c2", Age.OLDER), ("c2", "c1", Age.NEWER), ("c1", "c1", Age.SAME), ("b1", "c1", Age.DIVERGED)],
)
def test_commits_tell(history: "History", mine: str, other: str, expected: Age) -> None:
    assert age(history.release("r1", commit=mine), history.release("r2", commit=other), ancestry) is expected


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        (("9", f"{LINE}9"), ("10", f"{LINE}10"), Age.OLDER),
        (("10", f"{LINE}10"), ("9", f"{LINE}9"), Age.NEWER),
        (("9", f"{LINE}9"), ("10", "https://buildkite.com/sourcegraph/nightly/builds/10"), Age.UNKNOWN),
        (("9", f"{LINE}9"), ("20261122213005", ""), Age.UNKNOWN),
        (("20261122213005", ""), ("20261122213006", ""), Age.UNKNOWN),
        (("9", f"{LINE}9"), ("10-r2", f"{LINE}10"), Age.UNKNOWN),
        (("9", f"{LINE}9"), ("9", f"{LINE}9"), Age.UNKNOWN),
        (("9", f"{LINE}9"), ("²", f"{LINE}10"), Age.UNKNOWN),
    ],
)
def test_where_they_cannot_the_count_of_the_same_ci_does(
    history: "History", mine: tuple[str, str], other: tuple[str, str], expected: Age
) -> None:
    first = history.release("r1", commit="x", build_number=mine[0], build_url=mine[1])
    second = history.release("r2", commit="c2", build_number=other[0], build_url=other[1])
    assert age(first, second, ancestry) is expected


def test_commits_go_before_counts(history: "History") -> None:
    rebuilt = history.release("r1", commit="c1", build_number="10", build_url=f"{LINE}10")
    newer = history.release("r2", commit="c2", build_number="9", build_url=f"{LINE}9")
    assert age(rebuilt, newer, ancestry) is Age.OLDER


def test_the_same_image_is_as_old_whatever_commit_it_is_of(history: "History") -> None:
    first = history.release("r1", commit="c1", digest="sha256:same")
    second = history.release("r2", commit="c2", digest="sha256:same")
    assert age(first, second, ancestry) is Age.SAME


def test_without_commits_nothing_is_known(history: "History") -> None:
    first, second = (history.release(name, commit="", digest="") for name in ("r1", "r2"))
    assert age(first, second, ancestry) is Age.UNKNOWN


def test_an_older_build_meets_what_runs_and_what_waits(history: "History") -> None:
    runs = history.rollout("c2", "staging")
    waits = history.rollout("c3", "staging", "PENDING")
    history.rollout("c4", "staging", "FAILED")
    history.rollout("c5", "prod")
    found = superseded(history.facts(), "staging", history.release("c1"), ancestry)
    assert (found.newer, found.unknown) == ((runs, waits), ())
    assert superseded(history.facts(), "staging", history.release("c6"), ancestry).newer == ()


def test_what_is_not_known_is_said(history: "History") -> None:
    runs = history.rollout("x", "staging")
    found = superseded(history.facts(), "staging", history.release("c1"), ancestry)
    assert (found.newer, found.unknown) == ((), (runs,))


def test_a_release_does_not_supersede_itself(history: "History") -> None:
    history.rollout("c1", "staging")
    found = superseded(history.facts(), "staging", history.releases["c1"], lambda *_: None)
    assert (found.newer, found.unknown) == ((), ())


def test_what_was_rolled_back_supersedes_nothing(history: "History") -> None:
    history.rollout("c1", "staging")
    history.roll_back(history.rollout("c3", "staging"), "c1")
    assert superseded(history.facts(), "staging", history.release("c2"), ancestry).newer == ()
