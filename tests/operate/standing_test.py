from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rollouts.conftest import START, History

from msp.deploy_policies.freeze import between
from msp.deploy_policies.policy import OneTimeWindow, Policy, PolicySelector, Restriction
from msp.deploy_policies.selection import ResourceSelector
from msp.operate.service import Service
from msp.operate.standing import Standing, Urgency, standing
from msp.operate.status import age, status_of_many, status_of_one
from msp.rollouts.facts import Automation, Facts, Promotion
from msp.rollouts.states import Action
from msp.show.terminal import Terminal

SERVICE = Service("p", "us-central1", "svc", command="bazel run //svc:msp_deploy.ops --", by_target=True)


def look(facts: Facts, behind: int | None = 2) -> Standing:
    return standing(facts, SERVICE, lambda _a, _b: None, lambda _a, _b: behind)


@pytest.fixture
def history() -> History:
    return History()


def test_everything_the_same_needs_nobody(history: History) -> None:
    for target in ("staging", "prod"):
        history.rollout("r1", target)
    found = look(history.facts())
    assert found.matters == ()
    assert found.urgency is Urgency.FINE
    assert [each.behind for each in found.stages] == [0, 0]


def test_tells_how_far_a_stage_is_behind_and_what_to_type(history: History) -> None:
    history.rollout("r1", "prod")
    history.rollout("r2", "staging")
    (matter,) = look(history.facts()).matters
    assert (matter.urgency, matter.stage, matter.text) == (Urgency.BEHIND, "prod", "2 commits behind the stage before")
    assert matter.command == "bazel run //svc:msp_deploy.ops -- promote --stage=prod"
    (matter,) = look(history.facts(), None).matters
    assert "can't be told" in matter.text


def test_tells_what_failed_first_with_its_cause(history: History) -> None:
    history.rollout("r1", "staging")
    history.rollout("r1", "prod")
    history.rollout("r2", "staging", "FAILED", failure_cause="EXECUTION_FAILED", failure="no quota")
    (matter,) = look(history.facts()).matters
    assert matter.text == "r2 failed: execution failed: no quota"
    assert matter.command.endswith("rollback --stage=staging")


def test_tells_who_is_waited_for(history: History) -> None:
    history.stages = (history.stages[0], replace(history.stages[1], not_author=True))
    history.release("r2", author="Ada")
    history.rollout("r2", "staging")
    history.rollout("r2", "prod", "PENDING_APPROVAL")
    (matter,) = look(history.facts()).matters
    assert matter.urgency is Urgency.WAITS
    assert matter.text == "r2 waits for an approval by somebody else than Ada"
    assert matter.command.endswith("approve --stage=prod --release=r2")


def test_what_became_stale_is_to_be_rejected(history: History) -> None:
    history.rollout("r1", "prod", "PENDING_APPROVAL")
    history.rollout("r2", "prod")
    found = [matter for matter in look(history.facts()).matters if matter.urgency is Urgency.WAITS]
    assert [matter.command.rpartition("-- ")[2] for matter in found] == ["reject --stage=prod --release=r1"]


def test_tells_what_is_stopped_by_whom_and_until_when(history: History) -> None:
    history.rollout("r1", "staging")
    history.rollout("r1", "prod")
    window = OneTimeWindow(START.replace(tzinfo=None), START.replace(tzinfo=None) + timedelta(days=1))
    restriction = Restriction("no", "Etc/UTC", once=(window,), actions=frozenset({Action.CREATE}))
    policy = Policy("holidays", (PolicySelector(target=ResourceSelector("prod")),), (restriction,), reason="holidays")
    automation = Automation(
        "promote", (ResourceSelector("staging"),), (Promotion(),), suspended=True, reason="INC-1", by="Ada", since=START
    )
    found = look(history.facts(policies=(policy,), automations=(automation,)))
    assert [matter.text for matter in found.matters] == [
        "promotion into prod is held by Ada since 2026-01-05 09:00 UTC: INC-1",
        "rollouts are frozen until 2026-01-06 09:00 UTC by policy 'holidays' (holidays)",
    ]
    assert found.urgency is Urgency.STOPPED


def test_a_freeze_by_hand_comes_with_what_ends_it(history: History) -> None:
    history.rollout("r1", "staging")
    history.rollout("r1", "prod")
    selector = PolicySelector(ResourceSelector(SERVICE.pipeline_id), ResourceSelector("prod"))
    rule = between(START, START + timedelta(days=1))
    policy = Policy("frozen-svc-prod", (selector,), (rule,), reason="INC-1", labels={"msp-freeze": "by-hand"})
    facts = history.facts(policies=(policy,))
    (matter,) = look(replace(facts, pipeline=replace(facts.pipeline, id=SERVICE.pipeline_id))).matters
    assert matter.text.endswith("by policy 'frozen-svc-prod' (INC-1)")
    assert matter.command == "bazel run //svc:msp_deploy.ops -- unfreeze --stage=prod --reason='…'"


def test_what_may_not_be_read_is_told(history: History) -> None:
    facts = replace(history.facts(), unread=frozenset({"policies"}))
    assert [matter.text for matter in look(facts).matters if not matter.stage] == [
        "no permission to list policies: freezes can't be told"
    ]


@pytest.mark.parametrize("stages", range(2, 6))
def test_a_service_fits_80_columns(history: History, stages: int) -> None:
    history.stages = tuple(replace(history.stages[0], target=f"stage-number-{n}-us-central1") for n in range(stages))
    for stage in history.stages:
        history.release("deploy-0123456789ab-12345", subject="Count the orders that nobody has seen " * 3, author="Ada")
        history.rollout("deploy-0123456789ab-12345", stage.target)
    shown = list(Terminal(80).lines(status_of_one(look(history.facts())).blocks))
    assert all(len(line) <= 80 for line in shown)
    assert sum("deploy-0123456789ab-12345" in line for line in shown) == stages


def test_a_fleet_shows_first_what_needs_a_person() -> None:
    def of(name: str, state: str) -> Standing:
        history = History()
        history.rollout("r1", "staging")
        history.rollout("r1", "prod", state)
        return replace(look(history.facts()), service=replace(SERVICE, id=name))

    document = status_of_many([of("fine", "SUCCEEDED"), of("broken", "FAILED"), of("asks", "PENDING_APPROVAL")])
    lines = list(Terminal(80).lines(document.blocks))
    assert document.title == "3 services, 2 need a person"
    assert [line.split()[1] for line in lines[1:]] == ["broken", "asks", "fine"]


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 d"),
    ],
)
def test_ages_are_told_in_the_largest_unit_that_makes_sense(passed: timedelta, words: str) -> None:
    assert age(START, START + passed) == words
