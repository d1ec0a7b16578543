"""Standing freezes that shrink or go are told as less guarded, and nothing else is: by example, and at random."""

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from google.cloud import deploy_v1
from hypothesis import given, settings
from hypothesis import strategies as st

from msp.deploy_policies.conversion import to_policy
from msp.deploy_policies.policy import Restriction
from msp.deploy_policies.windows import is_open
from msp.pipeline.iam import bindings
from msp.pipeline.live.changes import DeleteResource, PipelineChange, PutResource, pipeline_changes, wanted_resources
from msp.pipeline.live.comparison import Comparison
from msp.pipeline.live.guards import LessGuarded, less_guarded
from msp.pipeline.live.report import headline, listing, weakening
from msp.pipeline.live.state import Live, LiveArchive
from msp.pipeline.resources import resources
from msp.spec import Spec, parse

ARCHIVE = b"archive"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
Freeze = dict[str, Any]


@functools.cache
def _parsed(text: str) -> Spec:
    return parse(text.encode(), "service.yaml")


def make(*freezes: Freeze, staging: dict[str, Any] | None = None) -> Spec:
    tree = {
        "service": {"id": "msp-example", "owners": ["core-services"], "description": "An example."},
        "build": {"image": "us.gcr.io/p/msp-example", "source": {"repo": "github.com/a/b", "dir": "c"}},
        "rollout": {
            "stages": [{"environment": "staging"} | (staging or {}), {"environment": "prod"}],
            "freezes": list(freezes),
        },
        "environments": [
            {
                "id": name,
                "projectID": f"msp-example-{name}-0000",
                "category": category,
                "deploy": {"type": "rollout"},
            }
            for name, category in (("staging", "test"), ("prod", "external"))
        ],
    }
    return _parsed(yaml.safe_dump(tree))


def once(start: str, end: str, name: str = "holidays", **fields: Any) -> Freeze:
    return {"name": name, "reason": "Rest.", "from": start, "until": end, **fields}


def weekly(*windows: dict[str, Any], name: str = "weekends", **fields: Any) -> Freeze:
    return {"name": name, "reason": "Rest.", "weekly": list(windows), **fields}


def as_live(was: Spec, becomes: Spec) -> Live:
    made, asked = resources(was, "us-central1"), resources(becomes, "us-central1")
    there = {message.name: type(message)(message) for message in wanted_resources(made)}
    wanted = {message.name for message in wanted_resources(asked)}
    members = dict[str, set[tuple[str, str]]]()
    for row in bindings(was, made):
        members.setdefault(row.resource, set()).add((row.role, row.member))
    return Live(
        resources={name: message for name, message in there.items() if name in wanted},
        leftovers=tuple(message for name, message in there.items() if name not in wanted),
        members={name: frozenset(found) for name, found in members.items()},
        archive=LiveArchive(bucket_exists=True, content=ARCHIVE, generation=1),
        released=True,
        now=NOW,
    )


def compared(becomes: Spec, live: Live) -> tuple[tuple[PipelineChange, ...], tuple[LessGuarded, ...]]:
    made = resources(becomes, "us-central1")
    changes = pipeline_changes(made, bindings(becomes, made), ARCHIVE, live)
    return changes, less_guarded(made, live, changes)


HOLIDAYS = once("2026-12-20", "2027-01-04")
WEEKENDS = weekly({"days": ["friday"], "from": "16:00", "until": "24:00"}, {"days": ["saturday", "sunday"]})
POLICY = "deploy policy freeze-msp-example-holidays"
WEEKLY_POLICY = "deploy policy freeze-msp-example-weekends"
PROD, STAGING = "target prod-us-central1", "target staging-us-central1"

CASES: dict[str, tuple[list[Freeze], list[Freeze], list[str]]] = {
    "as it was": ([HOLIDAYS, WEEKENDS], [HOLIDAYS, WEEKENDS], []),
    "a new one": ([], [HOLIDAYS], []),
    "longer": ([HOLIDAYS], [once("2026-12-19", "2027-01-05")], []),
    "ends earlier": (
        [HOLIDAYS],
        [once("2026-12-20", "2027-01-02")],
        [f"{POLICY} no longer freezes {PROD}, which is free from 2027-01-02 00:00 UTC"],
    ),
    "begins later": (
        [HOLIDAYS],
        [once("2026-12-21", "2027-01-04")],
        [f"{POLICY} no longer freezes {PROD}, which is free from 2026-12-20 00:00 UTC"],
    ),
    "in another zone": (
        [HOLIDAYS],
        [once("2026-12-20", "2027-01-04", timeZone="Europe/Berlin")],
        [f"{POLICY} no longer freezes {PROD}, which is free from 2027-01-03 23:00 UTC"],
    ),
    "the same moments in another zone": (
        [HOLIDAYS],
        [once("2026-12-20T01:00", "2027-01-04T01:00", timeZone="Europe/Berlin")],
        [],
    ),
    "removed": ([HOLIDAYS], [], [f"{POLICY} is removed: {PROD} is free from 2026-12-20 00:00 UTC"]),
    "removed when it was over": ([once("2026-11-01", "2026-12-01")], [], []),
    "removed while it lasts": (
        [once("2026-11-01", "2026-12-24")],
        [],
        [f"{POLICY} is removed: {PROD} is free from 2026-12-01 00:00 UTC"],
    ),
    "its past is rewritten": ([once("2026-11-01", "2026-12-24")], [once("2026-11-20", "2026-12-24")], []),
    "under another name": ([HOLIDAYS], [HOLIDAYS | {"name": "year-end"}], []),
    "split in two": (
        [HOLIDAYS],
        [once("2026-12-20", "2026-12-27"), once("2026-12-27", "2027-01-04", name="new-year")],
        [],
    ),
    "covered by weekly windows": (
        [once("2026-12-19", "2026-12-21")],
        [weekly({"days": ["saturday", "sunday"]})],
        [],
    ),
    "suspended in so many words": (
        [HOLIDAYS],
        [HOLIDAYS | {"suspended": True}],
        [f"{POLICY} is suspended (the specification says so)"],
    ),
    "suspended, and then removed": ([HOLIDAYS | {"suspended": True}], [], []),
    "suspended no longer": ([HOLIDAYS | {"suspended": True}], [HOLIDAYS], []),
    "fewer environments": (
        [HOLIDAYS | {"environments": ["staging", "prod"]}],
        [HOLIDAYS],
        [f"{POLICY} no longer freezes {STAGING}, which is free from 2026-12-20 00:00 UTC"],
    ),
    "more environments": ([HOLIDAYS], [HOLIDAYS | {"environments": ["staging", "prod"]}], []),
    "another reason": ([HOLIDAYS], [HOLIDAYS | {"reason": "Peace."}], []),
    "a weekly window shorter": (
        [WEEKENDS],
        [weekly({"days": ["friday"], "from": "18:00", "until": "24:00"}, {"days": ["saturday", "sunday"]})],
        [f"{WEEKLY_POLICY} no longer freezes {PROD}, which is free every Friday from 16:00 to 18:00 (Etc/UTC)"],
    ),
    "a weekly day less": (
        [WEEKENDS],
        [weekly({"days": ["friday"], "from": "16:00", "until": "24:00"}, {"days": ["sunday"]})],
        [f"{WEEKLY_POLICY} no longer freezes {PROD}, which is free every Saturday from 00:00 to 24:00 (Etc/UTC)"],
    ),
    "the same week in other words": (
        [WEEKENDS],
        [
            weekly(
                {"days": ["friday"], "from": "16:00", "until": "15:00"},
                {"days": ["saturday", "sunday"], "from": "12:00", "until": "24:00"},
                {"days": ["sunday"], "from": "00:00", "until": "13:00"},
            )
        ],
        [],
    ),
    "a week in another zone": (
        [WEEKENDS],
        [WEEKENDS | {"timeZone": "Europe/Berlin"}],
        [f"{WEEKLY_POLICY} no longer freezes {PROD}, which is free every Friday from 16:00 to 24:00 (Etc/UTC)"],
    ),
    "past the end of the week": (
        [weekly({"days": ["sunday"], "from": "22:00", "until": "06:00"})],
        [weekly({"days": ["sunday"], "from": "22:00", "until": "05:00"})],
        [f"{WEEKLY_POLICY} no longer freezes {PROD}, which is free every Monday from 05:00 to 06:00 (Etc/UTC)"],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_thaws_is_told_in_words(case: tuple[list[Freeze], list[Freeze], list[str]]) -> None:
    was, becomes, expected = case
    _, found = compared(make(*becomes), as_live(make(*was), make(*becomes)))
    assert [weakening(each) for each in found] == expected


def test_differences_are_told_in_dates_and_times() -> None:
    shorter = make(once("2026-12-20", "2027-01-02T09:30"), weekly({"from": "22:00", "until": "24:00"}))
    changes, _ = compared(shorter, as_live(make(HOLIDAYS, weekly({"from": "20:00", "until": "24:00"})), shorter))
    lines = [line.strip() for line in listing(changes).splitlines() if ": " in line]
    windows = "rules[0].rolloutRestriction.timeWindows"
    assert lines == [
        f"{windows}.oneTimeWindows[0].end: 2027-01-04 00:00 -> 2027-01-02 09:30",
        f"{windows}.weeklyWindows[0].startTime: 20:00 -> 22:00",
    ]


def test_a_whole_day_is_one_in_other_words_too() -> None:
    spec = make(weekly({"days": ["sunday"]}))
    live = as_live(spec, spec)
    (policy,) = [each for each in live.resources.values() if isinstance(each, deploy_v1.DeployPolicy)]
    for window in policy.rules[0].rollout_restriction.time_windows.weekly_windows:
        window.start_time, window.end_time = None, None
    assert compared(spec, live) == ((), ())


def test_what_somebody_forbids_besides_is_taken_back_and_opens_nothing() -> None:
    spec = make(HOLIDAYS)
    live = as_live(spec, spec)
    (policy,) = [each for each in live.resources.values() if isinstance(each, deploy_v1.DeployPolicy)]
    policy.rules[0].rollout_restriction.actions = []
    changes, found = compared(spec, live)
    assert [headline(change) for change in changes] == [f"~ {POLICY}"]
    assert found == ()


def test_labels_and_annotations_of_others_stay() -> None:
    spec = make(HOLIDAYS)
    live = as_live(spec, spec)
    (policy,) = [each for each in live.resources.values() if isinstance(each, deploy_v1.DeployPolicy)]
    policy.labels["audit"], policy.annotations["by"] = "2026", "ada@example.com"
    assert compared(spec, live) == ((), ())


def test_a_policy_is_removed_only_when_asked_and_then_last() -> None:
    spec = make(once("2026-12-24", "2026-12-25", name="eve"), staging=AUTOMATIC)
    live = as_live(make(HOLIDAYS), spec)
    changes, found = compared(spec, live)
    assert [headline(change) for change in changes] == [
        "+ deploy policy freeze-msp-example-eve",
        "+ automation promote-staging-us-central1",
        f"- {POLICY}",
    ]
    comparison = Comparison(changes, found, ())
    assert [each.resource.rpartition("/")[2] for each in comparison.unspecified(prune=True)] == [
        "promote-staging-us-central1",
        "freeze-msp-example-holidays",
    ]
    (told,) = comparison.unspecified(prune=False)
    assert told.resource.endswith("promote-staging-us-central1")


AUTOMATIC = {"promotionStrategy": {"type": "automatic", "automatic": {"delaySeconds": 60}}}


def test_what_is_frozen_longer_is_so_before_anything_promotes_and_what_shrinks_comes_last() -> None:
    spec = make(
        once("2026-12-19", "2027-01-04"),
        weekly({"days": ["sunday"]}),
        staging=AUTOMATIC | {"approval": {"required": True}},
    )
    changes, _ = compared(spec, as_live(make(HOLIDAYS, WEEKENDS), spec))
    assert [headline(change) for change in changes] == [
        f"~ {STAGING}",
        f"~ {POLICY}",
        "+ automation promote-staging-us-central1",
        f"~ {WEEKLY_POLICY}",
    ]


# ---- random pairs, read hour by hour ------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 30, tzinfo=UTC)  # a Monday, a day before now
# A week longer than any freeze that happens once, so that every weekly one shows.
HOURS = [START + HOUR * number for number in range(21 * 24)]
DAYS = ["monday", "tuesday", "friday", "sunday"]


@st.composite
def freezes(draw: st.DrawFn) -> list[Freeze]:
    found = []
    for name in draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3)):
        where = {"environments": draw(st.sampled_from([["prod"], ["staging"], ["staging", "prod"]]))}
        if draw(st.booleans()):
            start = START + HOUR * draw(st.integers(0, 200))
            end = start + HOUR * draw(st.integers(1, 100))
            made = once(f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}", name=name, **where)
        else:
            hours = draw(st.lists(st.integers(0, 23), min_size=2, max_size=2, unique=True))
            times = dict(zip(("from", "until"), (f"{hour:02}:00" for hour in hours), strict=True))
            days = draw(st.lists(st.sampled_from(DAYS), min_size=1, unique=True))
            made = weekly({"days": days} | draw(st.sampled_from([{}, times])), name=name, **where)
        made |= {"suspended": draw(st.sampled_from([False, False, True]))}
        found.append(made)
    return found


@functools.cache
def open_hours(rule: Restriction) -> frozenset[datetime]:
    return frozenset(hour for hour in HOURS if hour >= NOW and is_open(rule, hour))


def frozen_hours(policies: list[deploy_v1.DeployPolicy]) -> set[tuple[str, datetime]]:
    """The hours from now on in which a target is frozen, as they are read one by one."""
    found = set()
    for policy in map(to_policy, policies):
        for selector in () if policy.suspended else policy.selectors:
            assert selector.target is not None
            found |= {(selector.target.id, hour) for rule in policy.restrictions for hour in open_hours(rule)}
    return found


def policies_of(there: dict[str, Any]) -> list[deploy_v1.DeployPolicy]:
    return [each for each in there.values() if isinstance(each, deploy_v1.DeployPolicy)]


def states(live: Live, changes: tuple[PipelineChange, ...]) -> Iterator[dict[str, Any]]:
    there = {message.name: message for message in (*live.resources.values(), *live.leftovers)}
    yield dict(there)
    for change in changes:
        match change:
            case PutResource():
                there[change.wanted.name] = change.wanted
            case DeleteResource():
                del there[change.live.name]
        yield dict(there)


def test_two_that_swap_their_times_leave_no_hour_open_in_between() -> None:
    early, late = ("2026-11-30", "2026-12-02"), ("2026-12-05", "2026-12-07")
    was, becomes = make(once(*early, "a"), once(*late, "b")), make(once(*late, "a"), once(*early, "b"))
    live = as_live(was, becomes)
    changes, found = compared(becomes, live)
    assert found == ()
    reached = [frozen_hours(policies_of(there)) for there in states(live, changes)]
    assert reached[0]
    assert all(reached[0] <= each for each in reached)
    assert reached[-1] == reached[0]


@settings(max_examples=150, deadline=None)
@given(freezes(), freezes())
def test_for_random_pairs_what_thaws_is_told_and_what_is_told_thaws(was: list[Freeze], becomes: list[Freeze]) -> None:
    live = as_live(make(*was), make(*becomes))
    changes, found = compared(make(*becomes), live)
    reached = [frozen_hours(policies_of(there)) for there in states(live, changes)]
    before, last = reached[0], reached[-1]
    assert (before - last != set()) == (found != ())
    if not found:
        assert all(before <= each for each in reached)  # wherever it is cut short
    assert compared(make(*becomes), as_live(make(*becomes), make(*becomes))) == ((), ())
