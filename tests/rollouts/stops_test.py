"""Who holds what."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from msp.deploy_policies.selection import ResourceSelector
from msp.rollouts.facts import Automation, Promotion, Stage
from msp.rollouts.stops import automations_into, destinations, holds

if TYPE_CHECKING:
    from tests.rollouts.conftest import History

INTO_PROD = Automation("promote-staging", (ResourceSelector("staging"),))


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (ResourceSelector("test"), "@next", {"staging"}),
        (ResourceSelector("test"), "", {"staging"}),
        (ResourceSelector("test"), "prod", {"prod"}),
        (ResourceSelector("prod"), "@next", set()),
        (ResourceSelector("*"), "@next", {"staging", "prod"}),
        (ResourceSelector(labels={"tier": "late"}), "@next", {"prod"}),
        (ResourceSelector("elsewhere"), "@next", set()),
    ],
)
def test_where_an_automation_leads(
    history: "History", source: ResourceSelector, destination: str, expected: set[str]
) -> None:
    history.stages = (Stage("test"), Stage("staging", labels={"tier": "late"}), Stage("prod"))
    automation = Automation("promote", (source,), (Promotion(destination),))
    assert destinations(history.facts(), automation) == expected


def test_one_that_promotes_nothing_leads_nowhere(history: "History") -> None:
    facts = history.facts(automations=(replace(INTO_PROD, promotions=()),))
    assert automations_into(facts, "prod") == ()


def test_a_hold_is_told_with_reason_person_and_time(history: "History") -> None:
    since = datetime(2026, 1, 5, tzinfo=UTC)
    held = replace(INTO_PROD, suspended=True, reason="INC-7", by="ada@example.com", since=since)
    (hold,) = holds(history.facts(automations=(held,)), "prod")
    assert (hold.target, hold.reason, hold.by, hold.since) == ("prod", "INC-7", "ada@example.com", since)
    assert holds(history.facts(automations=(held,)), "staging") == ()
    assert holds(history.facts(automations=(held,))) == (hold,)


def test_nothing_is_held_by_an_automation_that_runs(history: "History") -> None:
    facts = history.facts(automations=(INTO_PROD,))
    assert automations_into(facts, "prod") == (INTO_PROD,)
    assert holds(facts) == ()
