"""Which policy forbids what, of whom, where."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.policy import OneTimeWindow, Policy, PolicySelector, Restriction, WeeklyWindow
from msp.deploy_policies.selection import ResourceSelector
from msp.rollouts.freezes import freeze, freezes

if TYPE_CHECKING:
    from tests.rollouts.conftest import History

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)  # a Monday
FORWARD = frozenset({Action.CREATE, Action.APPROVE, Action.ADVANCE})
PROD = PolicySelector(target=ResourceSelector(labels={"msp-category": "external"}))


def restriction(days_from: float, days_to: float, **fields: object) -> Restriction:
    start, end = ((NOW + timedelta(days=days)).replace(tzinfo=None) for days in (days_from, days_to))
    return replace(Restriction("rule", "UTC", once=(OneTimeWindow(start, end),), actions=FORWARD), **fields)  # type: ignore[arg-type]


def policy(name: str, *rules: Restriction, selectors: tuple[PolicySelector, ...] = (PROD,)) -> Policy:
    return Policy(name, selectors, rules)


HOLIDAYS = policy("holidays", restriction(-1, 3))


def test_it_is_told_with_its_policy_and_its_end(history: "History") -> None:
    found = freeze(history.facts(policies=(HOLIDAYS,)), "prod", Action.CREATE, at=NOW)
    assert found is not None
    assert (found.policies, found.until, found.ends_by) == ((HOLIDAYS,), NOW + timedelta(days=3), HOLIDAYS)


def test_only_what_is_named_is_forbidden(history: "History") -> None:
    found = freezes(history.facts(policies=(HOLIDAYS,)), "prod", at=NOW)
    assert {each.action for each in found} == FORWARD


def test_no_actions_are_all_actions(history: "History") -> None:
    total = policy("total", restriction(-1, 1, actions=frozenset()))
    found = freezes(history.facts(policies=(total,)), "prod", at=NOW)
    assert {each.action for each in found} == set(Action) - {Action.UNSPECIFIED}


def test_an_action_that_nobody_knows_yet_is_not_all_actions(history: "History") -> None:
    odd = policy("odd", restriction(-1, 1, actions=frozenset({Action("REWIND")})))
    assert freezes(history.facts(policies=(odd,)), "prod", at=NOW) == ()


def test_only_whom_it_names_is_forbidden(history: "History") -> None:
    machines = policy("machines", restriction(-1, 1, invokers=frozenset({Invoker.DEPLOY_AUTOMATION})))
    facts = history.facts(policies=(machines,))
    assert freeze(facts, "prod", Action.CREATE, at=NOW) is None
    assert freeze(facts, "prod", Action.CREATE, at=NOW, invoker=Invoker.DEPLOY_AUTOMATION) is not None


@pytest.mark.parametrize(
    ("selector", "frozen"),
    [
        (PolicySelector(), True),
        (PolicySelector(target=ResourceSelector("prod")), True),
        (PolicySelector(target=ResourceSelector("*")), True),
        (PolicySelector(target=ResourceSelector("staging")), False),
        (PolicySelector(target=ResourceSelector("prod", {"msp-category": "test"})), False),
        (PolicySelector(pipeline=ResourceSelector("svc-rollout")), True),
        (PolicySelector(pipeline=ResourceSelector("other")), False),
        (PolicySelector(pipeline=ResourceSelector(labels={"msp-service": "svc"})), True),
        (PolicySelector(pipeline=ResourceSelector("other"), target=ResourceSelector("prod")), False),
    ],
)
def test_only_where_it_selects(history: "History", selector: PolicySelector, frozen: bool) -> None:
    found = policy("p", restriction(-1, 1), selectors=(selector,))
    assert (freeze(history.facts(policies=(found,)), "prod", Action.CREATE, at=NOW) is not None) == frozen


def test_one_selector_that_matches_is_enough_and_none_selects_nothing(history: "History") -> None:
    elsewhere = PolicySelector(target=ResourceSelector("elsewhere"))
    both = policy("both", restriction(-1, 1), selectors=(elsewhere, PROD))
    assert freeze(history.facts(policies=(both,)), "prod", Action.CREATE, at=NOW)
    assert freeze(history.facts(policies=(replace(both, selectors=()),)), "prod", Action.CREATE, at=NOW) is None


def test_a_suspended_policy_forbids_nothing(history: "History") -> None:
    assert freezes(history.facts(policies=(replace(HOLIDAYS, suspended=True),)), "prod", at=NOW) == ()


def test_the_start_is_inside_and_the_end_outside(history: "History") -> None:
    facts = history.facts(policies=(HOLIDAYS,))
    instant = timedelta(microseconds=1)
    edges = [NOW - timedelta(days=1), NOW + timedelta(days=3)]
    moments = [moment - late for moment in edges for late in (instant, timedelta(0))]
    frozen = [freeze(facts, "prod", Action.CREATE, at=moment) is not None for moment in moments]
    assert frozen == [False, True, True, False]


def test_policies_that_follow_each_other_are_one_freeze(history: "History") -> None:
    following = policy("following", restriction(3, 5))
    later = policy("later", restriction(6, 7))
    found = freeze(history.facts(policies=(later, following, HOLIDAYS)), "prod", Action.CREATE, at=NOW)
    assert found is not None
    assert (found.policies, found.until, found.ends_by) == ((HOLIDAYS,), NOW + timedelta(days=5), following)


def test_all_that_forbid_now_are_named(history: "History") -> None:
    also = policy("also", restriction(-2, 1), restriction(-3, 2))
    found = freeze(history.facts(policies=(HOLIDAYS, also)), "prod", Action.CREATE, at=NOW)
    assert found is not None
    assert (found.policies, found.ends_by) == ((HOLIDAYS, also), HOLIDAYS)


def test_what_every_day_forbids_has_no_end(history: "History") -> None:
    rule = Restriction("rule", "Europe/Berlin", weekly=(WeeklyWindow(),))
    found = freeze(history.facts(policies=(HOLIDAYS, policy("always", rule))), "prod", Action.CREATE, at=NOW)
    assert found is not None
    assert (found.until, found.ends_by.id) == (None, "always")


def test_the_facts_time_is_now(history: "History") -> None:
    history.now = NOW + timedelta(days=2)
    assert freeze(history.facts(policies=(HOLIDAYS,)), "prod", Action.CREATE) is not None
    history.now = NOW + timedelta(days=4)
    assert freeze(history.facts(policies=(HOLIDAYS,)), "prod", Action.CREATE) is None
