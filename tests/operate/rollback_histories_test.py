"""Where `rollback` goes: every short history against a few lines that say the same, and what a second one does then."""

import itertools
from dataclasses import replace

import pytest
from tests.rollouts.conftest import History
from tests.rollouts.oracle import EVENTS, Log, oracle, play

from msp.deploy_policies.selection import ResourceSelector
from msp.errors import UsageError
from msp.operate.actions import Hold, RollBack
from msp.operate.decision import Decision
from msp.operate.rollback import Rollback
from msp.operate.service import Service
from msp.rollouts.facts import Automation, Facts, Promotion

SERVICE = Service("p", "us-central1", "svc", command="bazel run //svc:msp_deploy.ops --", by_target=True)
AUTOMATION = Automation("into-prod", sources=(ResourceSelector("staging"),), promotions=(Promotion("prod"),))


def destination(log: Log, abandoned: set[str]) -> str:
    """The release that it goes to, `refused`, or `done` where a rollback stands already."""
    if not log:
        return "refused"
    release, succeeded, undone = log[-1]
    if undone and succeeded:
        return "done"
    if undone:  # It has not brought what it was to bring.
        return "refused" if release in abandoned else release
    return oracle(log, abandoned) or "refused"


def decided(facts: Facts, to: str = "") -> tuple[str, Decision]:
    """The decision, and in one word where it goes."""
    decision = Rollback("prod", to=to).decide(facts, SERVICE, lambda _a, _b: None)
    if decision.done:
        return "done", decision
    if decision.objections:
        return "refused", decision
    first = decision.actions[0]
    assert isinstance(first, RollBack)
    return first.to, decision


def carried_out(history: History, decision: Decision, state: str) -> None:
    """What Cloud Deploy makes of it."""
    action = decision.actions[0]
    assert isinstance(action, RollBack)
    off = next(each for each in history.rollouts if each.key == action.off)
    made = history.roll_back(off, action.to, state)
    history.change(made, id=action.rollout)


def play_with_failing(events: tuple[str, ...], history: History) -> tuple[Log, set[str]]:
    """As `play`, where the last event may be a rollback that fails."""
    if not events or events[-1] != "rollback failed":
        return play(events, history)
    log, abandoned = play(events[:-1], history)
    if to := oracle(log, abandoned) if log else None:
        history.roll_back(history.rollouts[-1], to, "FAILED")
        log.append((to, False, log[-1][0]))
    return log, abandoned


@pytest.mark.parametrize("length", range(7))
def test_every_history(length: int) -> None:
    ends = (*EVENTS, "rollback failed")
    for events in itertools.product(*[EVENTS] * (length - 1), ends) if length else [()]:
        history = History()
        log, abandoned = play_with_failing(events, history)
        facts = history.facts()
        where, decision = decided(facts)
        assert where == destination(log, abandoned), events
        if where in {"refused", "done"}:
            assert not any(isinstance(each, RollBack) for each in decision.actions if where == "done"), events
            continue
        undone = {undone for _, succeeded, undone in log if undone and succeeded}
        action = decision.actions[0]
        assert isinstance(action, RollBack)
        assert action.off == history.rollouts[-1].key, events
        assert action.rollout not in {each.id for each in history.rollouts if each.release == where}, events
        assert where not in abandoned, events
        assert where not in undone or _came_again(where, log), events


def _came_again(release: str, log: Log) -> bool:
    """Whether a release was rolled out once more after it was taken back."""
    last_undone = max(place for place, (_, _, undone) in enumerate(log) if undone == release)
    return any(each == release for each, _, _ in log[last_undone:])


@pytest.mark.parametrize("length", range(6))
def test_repeated_it_goes_back_once(length: int) -> None:
    for events in itertools.product(EVENTS, repeat=length):
        for state in ("SUCCEEDED", "IN_PROGRESS", "PENDING", "FAILED"):
            history = History()
            play(events, history)
            where, decision = decided(history.facts())
            if where in {"refused", "done"}:
                break
            carried_out(history, decision, state)
            again, second = decided(history.facts())
            if state == "FAILED":
                assert again == where, (events, state)
            elif state == "PENDING":
                # It has not begun: what is undone and with what stays, so that the lock has one of the two win.
                assert again in {"done", where}, (events, state)
            else:
                assert again == "done", (events, state)
                assert second.follows is not None, (events, state)
                assert second.follows.release == where, (events, state)


@pytest.mark.parametrize("length", range(5))
def test_what_is_left_to_hold_is_held_whether_or_not_it_went_back_already(length: int) -> None:
    for events in itertools.product(EVENTS, repeat=length):
        history = History()
        log, _ = play(events, history)
        facts = history.facts(automations=(AUTOMATION,))
        held = history.facts(automations=(replace(AUTOMATION, suspended=True),))
        where, decision = decided(facts)
        if where == "refused":
            continue
        assert [each for each in decision.actions if isinstance(each, Hold)] == [Hold("into-prod", "prod")], events
        assert not [each for each in decided(held)[1].actions if isinstance(each, Hold)], events
        assert log


@pytest.mark.parametrize("length", range(5))
def test_a_release_that_is_named_is_taken_unless_it_runs_or_was_abandoned(length: int) -> None:
    for events in itertools.product(EVENTS, repeat=length):
        history = History()
        log, abandoned = play(events, history)
        facts = history.facts()
        for release in sorted(history.releases):
            where, _ = decided(facts, release)
            newest, succeeded, _ = log[-1]
            if release == newest and succeeded:
                assert where == "done", (events, release)
            else:
                assert where == ("refused" if release in abandoned else release), (events, release)
        if log:
            with pytest.raises(UsageError, match="no such release"):
                decided(facts, "absent")
