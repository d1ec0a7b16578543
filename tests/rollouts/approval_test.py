"""Approvals: who waits, and which of them would put something older in the place of something newer."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from msp.rollouts.approval import Why, needs_approval, stale, waits_for_approval
from msp.rollouts.facts import Rollout
from msp.rollouts.states import RolloutState

if TYPE_CHECKING:
    from tests.rollouts.conftest import History

WAITS = "PENDING_APPROVAL"


def ancestry(commit: str, other: str) -> bool | None:
    """Commits c1, c2, … come from each other."""
    return commit < other if commit[0] == other[0] == "c" else None


def judged(history: "History", rollout: Rollout) -> tuple[Why, str] | None:
    found = stale(history.facts(), rollout, ancestry)
    return (found.why, found.by.release) if found else None


def test_of_two_that_wait_the_older_is_stale_before_and_after_the_newer_is_approved(history: "History") -> None:
    history.rollout("c4")
    fifth, sixth = history.rollout("c5", state=WAITS), history.rollout("c6", state=WAITS)
    assert waits_for_approval(history.facts()) == (sixth, fifth)
    assert judged(history, fifth) == (Why.NEWER_COMES, "c6")
    assert judged(history, sixth) is None
    history.change(sixth, state=RolloutState.IN_PROGRESS, started=history.now)
    assert judged(history, fifth) == (Why.NEWER_COMES, "c6")
    history.change(sixth, state=RolloutState.SUCCEEDED, started=history.now, ended=history.now)
    assert judged(history, fifth) == (Why.NEWER_RUNS, "c6")


@pytest.mark.parametrize("state", ["APPROVAL_REJECTED", "FAILED", "CANCELLED"])
def test_what_came_to_nothing_makes_nothing_stale(history: "History", state: str) -> None:
    fifth = history.rollout("c5", state=WAITS)
    history.rollout("c6", state=state)
    assert judged(history, fifth) is None


def test_asked_for_later_is_not_newer_where_commits_say_otherwise(history: "History") -> None:
    sixth = history.rollout("c6", state=WAITS)
    fifth = history.rollout("c5", state=WAITS)
    assert judged(history, sixth) is None
    assert judged(history, fifth) == (Why.NEWER_COMES, "c6")


def test_where_commits_say_nothing_the_order_of_asking_does(history: "History") -> None:
    first, second = history.rollout("x", state=WAITS), history.rollout("y", state=WAITS)
    assert judged(history, first) == (Why.NEWER_COMES, "y")
    assert judged(history, second) is None


def test_the_same_release_twice_is_not_stale(history: "History") -> None:
    first, second = history.rollout("c5", state=WAITS), history.rollout("c5", state=WAITS)
    assert judged(history, first) is None
    assert judged(history, second) is None


def test_another_stage_is_another_matter(history: "History") -> None:
    fifth = history.rollout("c5", state=WAITS)
    history.rollout("c6", "staging")
    assert judged(history, fifth) is None


def test_a_rollback_since_makes_stale_and_one_before_does_not(history: "History") -> None:
    history.rollout("c3")
    fourth = history.rollout("c4")
    fifth = history.rollout("c5", state=WAITS)
    history.roll_back(fourth, "c3")
    assert judged(history, fifth) == (Why.ROLLED_BACK_SINCE, "c3")
    sixth = history.rollout("c6", state=WAITS)
    assert judged(history, sixth) is None


def test_a_rollback_that_waits_is_never_stale(history: "History") -> None:
    history.rollout("c3")
    fourth = history.rollout("c4")
    assert judged(history, history.roll_back(fourth, "c3", WAITS)) is None
    assert judged(history, history.rollout("c3", state=WAITS, rolls_back_release="c4")) is None


def test_what_a_release_was_made_with_decides_whether_it_needs_approval(history: "History") -> None:
    history.release("asks", approvals=frozenset({"prod"}))
    history.release("free")
    facts = history.facts()
    assert needs_approval(facts, "prod", "asks")
    assert not needs_approval(facts, "staging", "asks")
    assert not needs_approval(facts, "prod")
    history.stages = (history.stages[0], replace(history.stages[1], require_approval=True))
    assert not needs_approval(history.facts(), "prod", "free")
    assert needs_approval(history.facts(), "prod")
