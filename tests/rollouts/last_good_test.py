"""What a target runs and what it would go back to: every short history against a few lines that say the same."""

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.rollouts.oracle import EVENTS, oracle, play

from msp.rollouts.last_good import way_back
from msp.rollouts.running import running
from msp.rollouts.states import RolloutState

if TYPE_CHECKING:
    from tests.rollouts.conftest import History


@pytest.mark.parametrize("length", range(7))
def test_every_history(length: int, make_history: "type[History]") -> None:
    for events in itertools.product(EVENTS, repeat=length):
        history = make_history()
        log, abandoned = play(events, history)
        facts = history.facts()
        runs = next((release for release, succeeded, _ in reversed(log) if succeeded), "")
        assert running(facts, "prod").release == runs, events
        back = way_back(facts, "prod")
        if not log:
            assert back is None, events
            continue
        assert back is not None, events
        assert back.off == history.rollouts[-1], events
        assert (back.to.release if back.to else None) == oracle(log, abandoned), events


def test_the_last_good_one_is_found_whatever_failed_since(history: "History") -> None:
    for release, state in (("r1", "SUCCEEDED"), ("r2", "FAILED"), ("r3", "SUCCEEDED"), ("r4", "FAILED")):
        history.rollout(release, state=state)
    back = way_back(history.facts(), "prod")
    assert back is not None
    assert back.to is not None
    assert (back.off.release, back.to.release) == ("r4", "r3")


def test_another_stage_s_history_is_not_this_one_s(history: "History") -> None:
    history.rollout("r1")
    history.rollout("r2", "staging")
    back = way_back(history.facts(), "prod")
    assert back is not None
    assert (back.off.release, back.to) == ("r1", None)


@pytest.mark.parametrize("state", ["PENDING_APPROVAL", "APPROVAL_REJECTED", "CANCELLED", "PENDING", "PENDING_RELEASE"])
def test_what_never_began_leaves_nothing_to_undo(history: "History", state: str) -> None:
    for release in ("r1", "r2"):
        history.rollout(release)
    history.rollout("r3", state=state, began=False)
    back = way_back(history.facts(), "prod")
    assert back is not None
    assert back.to is not None
    assert (back.off.release, back.to.release) == ("r2", "r1")


def test_what_is_deploying_is_what_would_be_undone(history: "History") -> None:
    history.rollout("r1")
    deploying = history.rollout("r2", state="IN_PROGRESS")
    back = way_back(history.facts(), "prod")
    assert back is not None
    assert back.off == deploying
    assert running(history.facts(), "prod").changing == deploying


def test_of_a_history_that_was_not_read_to_its_end_nothing_is_not_known(history: "History") -> None:
    history.rollout("r1", state="FAILED")
    cut = history.facts(cut=frozenset({"prod"}))
    back = way_back(cut, "prod")
    assert back is not None
    assert (back.known, running(cut, "prod").known) == (False, False)
    whole = history.facts()
    assert running(whole, "prod").known


def test_what_waited_long_for_its_approval_runs_when_it_got_it(history: "History") -> None:
    late = history.rollout("r1", state="PENDING_APPROVAL")
    history.rollout("r2")
    at = history.rollout("r3", state="PENDING").created
    history.change(late, state=RolloutState.SUCCEEDED, started=at, ended=at)
    assert running(history.facts(), "prod").release == "r1"


def test_a_failure_after_what_runs_is_told_and_one_before_is_not(history: "History") -> None:
    history.rollout("r1", state="FAILED")
    history.rollout("r2")
    assert running(history.facts(), "prod").failed is None
    failed = history.rollout("r3", state="FAILED")
    history.rollout("r4", state="CANCELLED", began=False)
    assert running(history.facts(), "prod").failed == failed


def test_the_same_image_under_another_release_is_no_way_back(history: "History") -> None:
    history.release("first")
    good = history.rollout("first")
    for release in ("bad", "bad-again"):
        history.release(release, digest="sha256:bad")
        history.rollout(release)
    way = way_back(history.facts(), "prod")
    assert way is not None
    assert way.to == good
