"""What was rolled back stays so."""

from typing import TYPE_CHECKING

import pytest

from msp.rollouts.rolled_back import rolled_back

if TYPE_CHECKING:
    from tests.rollouts.conftest import History


def where(history: "History", release: str, digest: str = "") -> list[str]:
    return [each.target for each in rolled_back(history.facts(), release, digest=digest)]


def test_a_release_is_held_where_it_was_rolled_back(history: "History") -> None:
    history.rollout("a")
    bad = history.rollout("b")
    back = history.roll_back(bad, "a")
    (found,) = rolled_back(history.facts(), "b")
    assert (found.target, found.rollout.key, found.by) == ("prod", bad.key, back)
    assert where(history, "a") == []


def test_so_is_a_new_release_of_the_same_image(history: "History") -> None:
    history.rollout("a")
    history.roll_back(history.rollout("b"), "a")
    assert where(history, "c", digest="sha256:b") == ["prod"]
    assert where(history, "c", digest="sha256:c") == []
    assert where(history, "c") == []


def test_until_somebody_brings_it_there_again(history: "History") -> None:
    history.rollout("a")
    history.roll_back(history.rollout("b"), "a")
    history.rollout("b", state="PENDING_APPROVAL")
    assert where(history, "b") == ["prod"]
    history.rollout("b")
    assert where(history, "b") == []


def test_also_as_another_release(history: "History") -> None:
    history.rollout("a")
    history.roll_back(history.rollout("b"), "a")
    history.release("c", digest="sha256:b")
    history.rollout("c")
    assert where(history, "b", digest="sha256:b") == []


def test_each_stage_has_its_own(history: "History") -> None:
    for stage in ("staging", "prod"):
        history.rollout("a", stage)
    history.rollout("b", "staging")
    history.roll_back(history.rollout("b", "prod"), "a")
    assert where(history, "b") == ["prod"]


@pytest.mark.parametrize(
    ("state", "held"),
    [("APPROVAL_REJECTED", False), ("CANCELLED", False), ("PENDING_APPROVAL", True), ("FAILED", True)],
)
def test_a_rollback_counts_unless_nobody_let_it_begin(history: "History", state: str, held: bool) -> None:
    history.rollout("a")
    history.roll_back(history.rollout("b"), "a", state, began=False)
    assert bool(where(history, "b")) == held


def test_gcloud_s_rollback_is_one_by_what_it_says(history: "History") -> None:
    history.rollout("a")
    history.rollout("b")
    history.rollout("a", rolls_back_release="b")
    assert where(history, "b") == ["prod"]
    history.rollout("b")
    assert where(history, "b") == []


def test_a_rollback_that_was_not_read_counts(history: "History") -> None:
    history.rollout("a")
    back = history.roll_back(history.rollout("b"), "a")
    history.rollouts.remove(back)
    (found,) = rolled_back(history.facts(), "b")
    assert found.by is None
