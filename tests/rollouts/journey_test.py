"""How far a release has come."""

from typing import TYPE_CHECKING

import pytest

from msp.rollouts.facts import Facts, Stage
from msp.rollouts.journey import failed_later, furthest_stage, next_stage, stage_before, verified_before

if TYPE_CHECKING:
    from tests.rollouts.conftest import History

THREE = (Stage("test"), Stage("staging"), Stage("prod"))


@pytest.fixture
def three(history: "History") -> "History":
    history.stages = THREE
    return history


def steps(facts: Facts, release: str) -> tuple[str | None, str | None]:
    furthest, following = furthest_stage(facts, release), next_stage(facts, release)
    return furthest.target if furthest else None, following.target if following else None


def test_furthest_and_next(three: "History") -> None:
    three.release("a")
    assert steps(three.facts(), "a") == (None, "test")
    three.rollout("a", "test", "FAILED")
    assert steps(three.facts(), "a") == (None, "test")
    three.rollout("a", "test")
    assert steps(three.facts(), "a") == ("test", "staging")
    three.rollout("a", "staging")
    three.rollout("a", "test")
    assert steps(three.facts(), "a") == ("staging", "prod")
    three.rollout("a", "prod")
    assert steps(three.facts(), "a") == ("prod", None)


def test_stage_before(three: "History") -> None:
    before = [stage_before(three.facts(), target) for target in ("test", "staging", "prod", "elsewhere")]
    assert [stage and stage.target for stage in before] == [None, "test", "staging", None]


def test_verified_in_the_stage_before(three: "History") -> None:
    three.release("a")
    assert verified_before(three.facts(), "a", "prod") is None
    three.rollout("a", "test")
    assert verified_before(three.facts(), "a", "prod") is None
    three.rollout("a", "staging", "FAILED")
    assert verified_before(three.facts(), "a", "prod") is None
    shown = three.rollout("a", "staging")
    assert verified_before(three.facts(), "a", "prod") == shown


def test_verified_as_another_release_of_the_same_image(three: "History") -> None:
    shown = three.rollout("a", "staging")
    three.release("b", digest="sha256:a")
    three.release("c")
    assert verified_before(three.facts(), "b", "prod") == shown
    assert verified_before(three.facts(), "c", "prod") is None


def test_not_what_was_rolled_back_there(three: "History") -> None:
    three.rollout("a", "staging")
    bad = three.rollout("b", "staging")
    three.release("c", digest="sha256:b")
    three.roll_back(bad, "a")
    assert verified_before(three.facts(), "b", "prod") is None
    assert verified_before(three.facts(), "c", "prod") is None
    assert verified_before(three.facts(), "a", "prod") is not None


def test_where_a_release_failed_later(three: "History") -> None:
    three.rollout("a", "test")
    assert failed_later(three.facts(), "a") == ()
    three.rollout("a", "staging")
    failed = three.rollout("a", "prod", "FAILED")
    assert failed_later(three.facts(), "a") == (failed,)
    three.rollout("a", "prod")
    assert failed_later(three.facts(), "a") == ()


def test_not_while_another_attempt_goes_on(three: "History") -> None:
    three.rollout("a", "prod", "FAILED")
    three.rollout("a", "prod", "IN_PROGRESS")
    assert failed_later(three.facts(), "a") == ()


def test_not_where_the_stage_runs_it_anyway(three: "History") -> None:
    three.rollout("a", "prod")
    three.rollout("a", "prod", "FAILED")
    assert failed_later(three.facts(), "a") == ()
