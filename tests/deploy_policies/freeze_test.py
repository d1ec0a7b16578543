"""What a freeze forbids, and that its message means what its values do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import deploy_v1
from hypothesis import given, settings
from hypothesis import strategies as st

from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.conversion import to_policy
from msp.deploy_policies.freeze import FORWARD, between, restriction, weekly_windows
from msp.deploy_policies.message import to_message
from msp.deploy_policies.policy import DAY, OneTimeWindow, Policy, PolicySelector, WeeklyWindow
from msp.deploy_policies.selection import ResourceSelector
from msp.deploy_policies.windows import is_open
from msp.names import InvalidNameError

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001 (on a zone's clocks)
PROD = PolicySelector(ResourceSelector("svc-us-central1-rollout"), ResourceSelector("prod-us-central1"))
POLICY = Policy("freeze-1", (PROD,), (restriction("Etc/UTC", weekly=[WeeklyWindow()]),))


def message(policy: Policy) -> deploy_v1.DeployPolicy:
    return to_message(policy, project="p", region="us-central1", labels={"msp-freeze": "by-hand"})


def test_nothing_but_going_forward_is_forbidden() -> None:
    made = deploy_v1.DeployPolicy.to_dict(message(POLICY), use_integers_for_enums=False)
    rule = made["rules"][0]["rollout_restriction"]
    assert rule["actions"] == ["ADVANCE", "APPROVE", "CREATE"]
    assert rule["invokers"] == ["USER", "DEPLOY_AUTOMATION"]
    rule = POLICY.restrictions[0]
    for action in Action:
        for invoker in (Invoker.USER, Invoker.DEPLOY_AUTOMATION):
            assert rule.forbids(action, invoker) == (action in FORWARD)


def test_whose_it_is_and_why_stand_in_the_message() -> None:
    made = message(replace(POLICY, description="x" * 300, reason="holidays", by="ada@example.com"))
    assert made.name == "projects/p/locations/us-central1/deployPolicies/freeze-1"
    assert made.labels == {"msp-freeze": "by-hand"}
    assert made.annotations == {"reason": "holidays", "by": "ada@example.com"}
    assert made.description == "x" * 254 + "…"
    assert message(POLICY).annotations == {}


def test_an_id_that_cloud_deploy_does_not_take_is_refused() -> None:
    with pytest.raises(InvalidNameError, match="64 characters"):
        message(replace(POLICY, id="f" * 64))


TIMES = st.integers(0, 24 * 60 - 1).map(lambda minutes: minutes * MINUTE)
DAYS = st.frozensets(st.integers(1, 7))
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(lambda moment: moment.replace(microsecond=0))  # noqa: DTZ001
SELECTORS = st.builds(
    ResourceSelector,
    st.sampled_from(["", "*", "prod"]),
    st.dictionaries(st.sampled_from(["msp-category"]), st.sampled_from(["external", "test"])),
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[WeeklyWindow, ...]:
    start = draw(TIMES)
    return weekly_windows(draw(DAYS), start, draw(TIMES.filter(lambda end: end != start) | st.just(DAY)))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    once = tuple(OneTimeWindow(start, start + draw(TIMES) + MINUTE) for start in draw(st.lists(MOMENTS, max_size=2)))
    weekly = [window for several in draw(st.lists(windows(), max_size=2)) for window in several]
    return Policy(
        "freeze-1",
        tuple(draw(st.lists(st.builds(PolicySelector, SELECTORS, SELECTORS), max_size=2))),
        (restriction(draw(st.sampled_from(["Etc/UTC", "Europe/Berlin"])), once=once, weekly=weekly),),
        suspended=draw(st.booleans()),
        description=draw(st.text(max_size=20)),
        reason=draw(st.text(max_size=20)),
        by=draw(st.text(max_size=20)),
        since=draw(st.none() | MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC))),
    )


@given(policies())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_what_is_written_is_read_again(policy: Policy) -> None:
    assert to_policy(message(policy)) == replace(policy, labels={"msp-freeze": "by-hand"})


@given(DAYS, TIMES, TIMES, st.integers(0, 7 * 24 * 60 - 1))
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
def test_past_midnight_it_is_two_windows_that_mean_the_same(
    days: frozenset[int], start: timedelta, end: timedelta, minute: int
) -> None:
    found = weekly_windows(days, start, end)
    assert all(window.start < window.end for window in found)
    at = (MONDAY + minute * MINUTE).replace(tzinfo=UTC)
    asked = restriction("Etc/UTC", weekly=[WeeklyWindow(days, start, end)])
    assert is_open(restriction("Etc/UTC", weekly=found), at) == is_open(asked, at)


@given(MOMENTS, st.integers(1, 10**6))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_between_two_moments_it_is_never_shorter_than_asked(moment: datetime, seconds: int) -> None:
    start = moment.replace(tzinfo=UTC, microsecond=1)
    end = start + timedelta(seconds=seconds)
    rule = between(start, end)
    assert is_open(rule, start)
    assert is_open(rule, end - timedelta(microseconds=1))
    assert not is_open(rule, start - MINUTE)
    assert not is_open(rule, end + MINUTE)
