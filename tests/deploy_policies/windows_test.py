"""Windows against clocks that are read minute by minute, in zones and weeks in which they are put forward and back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from msp.deploy_policies.policy import OneTimeWindow, Restriction, WeeklyWindow
from msp.deploy_policies.windows import UnknownZoneError, closes, is_open

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

wall = datetime.fromisoformat  # times on a zone's clocks, without the zone

# A zone, and a day on which its clocks do something.
CHANGES = [
    ("America/New_York", wall("2026-03-08")),
    ("America/New_York", wall("2026-11-01")),
    ("Europe/Berlin", wall("2026-03-29")),
    ("Europe/Berlin", wall("2026-10-25")),
    ("Australia/Lord_Howe", wall("2026-04-05")),  # half an hour
    ("Australia/Lord_Howe", wall("2026-10-04")),
    ("America/Sao_Paulo", wall("2018-11-04")),  # forward from midnight
    ("America/Sao_Paulo", wall("2018-02-18")),  # back from midnight into the day before
    ("America/Havana", wall("2026-11-01")),
    ("Pacific/Apia", wall("2011-12-30")),  # a day that never was
    ("Asia/Kathmandu", wall("2026-06-01")),
    ("UTC", wall("2026-06-01")),
]


@cache
def clock(zone: str, minute: int) -> tuple[int, int]:
    """The day of the week and the minute of the day that a zone's clocks show, so many minutes after 1970."""
    shown = datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(zone))
    return shown.isoweekday(), shown.hour * 60 + shown.minute


def first_shown(zone: str, time: datetime) -> int:
    """The minute at which clocks first show a time, or would have shown it had they not been put forward."""
    offsets = [(time + late).replace(tzinfo=ZoneInfo(zone)).utcoffset() for late in (-2 * DAY, 2 * DAY)]
    moments = [time.replace(tzinfo=UTC) - offset for offset in offsets if offset is not None]
    shown = [each for each in moments if each.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == time]
    return int(min(shown, default=moments[0]).timestamp()) // 60


class Naive:
    """A restriction, read minute by minute."""

    def __init__(self, restriction: Restriction) -> None:
        zone = self.zone = restriction.zone
        self.once = [(first_shown(zone, each.start), first_shown(zone, each.end)) for each in restriction.once]
        self.weekly = [
            (each.days or range(1, 8), each.start // MINUTE, each.end // MINUTE) for each in restriction.weekly
        ]

    def open(self, minute: int) -> bool:
        if any(start <= minute < end for start, end in self.once):
            return True
        today, time = clock(self.zone, minute)
        yesterday = today - 1 or 7
        return any(
            (today in days and start <= time < end)
            if start < end
            else (today in days and start <= time) or (yesterday in days and time < end)
            for days, start, end in self.weekly
        )


def naively_closes(naive: Sequence[Naive], minute: int, until: int) -> datetime | None:
    while any(each.open(minute) for each in naive):
        minute += 1
        if minute > until:
            return None
    return datetime.fromtimestamp(minute * 60, UTC)


QUARTERS = st.integers(0, 95).map(lambda number: number * timedelta(minutes=15))
EDGES = st.one_of(QUARTERS, st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(hours=2), timedelta(hours=3)]))
WEEKLY = st.builds(
    WeeklyWindow,
    days=st.frozensets(st.integers(1, 7), max_size=7),
    start=EDGES,
    end=st.one_of(EDGES, st.just(DAY)),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[tuple[Restriction, ...], int]:
    zone, day = draw(st.sampled_from(CHANGES))

    def once() -> OneTimeWindow:
        start = day + draw(st.integers(-2, 1)) * DAY + draw(EDGES)
        return OneTimeWindow(start, start + draw(st.integers(1, 150)) * timedelta(minutes=30))

    def restriction(place: str) -> Restriction:
        windows = tuple(once() for _ in range(draw(st.integers(0, 2))))
        return Restriction("rule", place, once=windows, weekly=tuple(draw(st.lists(WEEKLY, max_size=3))))

    zones = [zone] if draw(st.booleans()) else [zone, draw(st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))]
    minute = int(day.replace(tzinfo=UTC).timestamp()) // 60 + draw(st.integers(-2 * 1440, 2 * 1440))
    return tuple(map(restriction, zones)), minute


def berlin(*weekly: WeeklyWindow, minute: int) -> tuple[tuple[Restriction, ...], int]:
    first = int(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()) // 60  # Sunday's midnight, before clocks go back
    return (Restriction("rule", "Europe/Berlin", weekly=weekly),), first + minute


def new_york(*weekly: WeeklyWindow, minute: int) -> tuple[tuple[Restriction, ...], int]:
    first = int(datetime(2026, 3, 8, 5, tzinfo=UTC).timestamp()) // 60  # Sunday's midnight, before clocks go forward
    return (Restriction("rule", "America/New_York", weekly=weekly),), first + minute


def new_york_in_autumn(*weekly: WeeklyWindow, minute: int) -> tuple[tuple[Restriction, ...], int]:
    first = int(datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp()) // 60  # Sunday's midnight, before clocks go back
    return (Restriction("rule", "America/New_York", weekly=weekly),), first + minute


@given(situations())
@example(new_york_in_autumn(WeeklyWindow(start=timedelta(minutes=75), end=timedelta(0)), minute=75))
@example(berlin(WeeklyWindow(frozenset({7}), timedelta(0), timedelta(hours=2, minutes=30)), minute=60))
@example(berlin(WeeklyWindow(frozenset({7}), timedelta(0), timedelta(hours=2, minutes=30)), minute=185))
@example(berlin(WeeklyWindow(frozenset({6, 7})), minute=0))
@example(new_york(WeeklyWindow(frozenset({7}), timedelta(0), timedelta(hours=2, minutes=30)), minute=60))
@example(new_york(WeeklyWindow(frozenset({7}), timedelta(hours=2, minutes=30), timedelta(hours=4)), minute=120))
@settings(max_examples=300, deadline=None)
def test_as_the_clocks_show(situation: tuple[tuple[Restriction, ...], int]) -> None:
    restrictions, minute = situation
    moment = datetime.fromtimestamp(minute * 60, UTC)
    naive = [Naive(restriction) for restriction in restrictions]
    for restriction, read in zip(restrictions, naive, strict=True):
        assert is_open(restriction, moment) == read.open(minute)
    # All one-time windows are over after a week; what goes on for two more ends when clocks are changed, or never.
    found, last = closes(restrictions, moment), minute + 23 * 1440
    expected = naively_closes(naive, minute, last)
    assert found == expected or (expected is None and found and found > datetime.fromtimestamp(last * 60, UTC))


@given(situations(), st.integers(1, 59_999_999))
@settings(max_examples=200, deadline=None)
def test_between_two_minutes_as_at_the_one_before(
    situation: tuple[tuple[Restriction, ...], int], microseconds: int
) -> None:
    restrictions, minute = situation
    moment = datetime.fromtimestamp(minute * 60, UTC)
    later = moment + timedelta(microseconds=microseconds)
    for restriction in restrictions:
        assert is_open(restriction, later) == is_open(restriction, moment)
    if any(is_open(restriction, moment) for restriction in restrictions):
        assert closes(restrictions, later) == closes(restrictions, moment)


def test_a_window_that_ends_within_a_second_that_is_skipped_ends_when_the_clocks_change() -> None:
    end = timedelta(hours=2, minutes=30, milliseconds=500)
    rule = Restriction("rule", "America/New_York", weekly=(WeeklyWindow(frozenset({7}), timedelta(0), end),))
    # New York's clocks went from two to three at this moment.
    change = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert closes((rule,), change - timedelta(microseconds=1)) == change
    assert not is_open(rule, change)


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday_night = Restriction(
        "rule", "UTC", weekly=(WeeklyWindow(frozenset({5}), timedelta(hours=22), timedelta(hours=6)),)
    )
    saturday = datetime(2026, 1, 10, tzinfo=UTC)
    assert closes((friday_night,), saturday) == saturday + timedelta(hours=6)
    assert not is_open(friday_night, saturday + DAY)
    assert not is_open(friday_night, saturday - DAY)


def test_a_weekend_of_adjacent_windows_ends_on_monday() -> None:
    weekend = (WeeklyWindow(frozenset({5}), timedelta(hours=17), DAY), WeeklyWindow(frozenset({6, 7})))
    friday = datetime(2026, 1, 9, 18, tzinfo=ZoneInfo("America/New_York"))
    rule = Restriction("rule", "America/New_York", weekly=weekend)
    assert closes((rule,), friday) == datetime(2026, 1, 12, tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize("weeks", [0, 1, 18])
def test_windows_of_two_zones_leave_a_gap_when_only_one_changes_its_clocks(weeks: int) -> None:
    """Sao Paulo has no summer time: New York's 16:00 is its 18:00 in winter, and its 17:00 in summer."""

    def rules(sao_paulo: timedelta) -> tuple[Restriction, ...]:
        return (
            Restriction("day", "America/New_York", weekly=(WeeklyWindow(end=timedelta(hours=16)),)),
            Restriction("evening", "America/Sao_Paulo", weekly=(WeeklyWindow(start=sao_paulo),)),
            Restriction("night", "UTC", weekly=(WeeklyWindow(end=timedelta(hours=6)),)),
        )

    winter = datetime(2026, 11, 2, tzinfo=ZoneInfo("America/New_York")) + weeks * 7 * DAY
    assert closes(rules(timedelta(hours=17)), winter) is None
    # On the day on which New York's clocks go forward, the evening begins an hour late.
    assert closes(rules(timedelta(hours=18)), winter) == datetime(2027, 3, 14, 20, tzinfo=UTC)


def test_until_the_last_year_is_for_ever() -> None:
    rule = Restriction("rule", "Asia/Tokyo", once=(OneTimeWindow(wall("2026-01-01"), wall("9999-12-31")),))
    assert closes((rule,), datetime(2026, 1, 5, tzinfo=UTC)) is None
    nearly = Restriction("rule", "UTC", once=(OneTimeWindow(wall("2026-01-01"), wall("9998-12-31")),))
    assert closes((nearly,), datetime(2026, 1, 5, tzinfo=UTC)) is None
    last = Restriction("rule", "America/New_York", once=(OneTimeWindow(wall("2026-01-01"), wall("9999-12-31T23:59")),))
    assert closes((last,), datetime(2026, 1, 5, tzinfo=UTC)) is None


def test_years_of_freeze_have_their_end() -> None:
    rule = Restriction("rule", "UTC", once=(OneTimeWindow(wall("2026-01-01"), wall("2031-05-01")),))
    daily = Restriction("daily", "UTC", weekly=(WeeklyWindow(start=timedelta(0), end=timedelta(hours=8)),))
    assert closes((rule, daily), datetime(2026, 1, 5, tzinfo=UTC)) == datetime(2031, 5, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "\0"])
def test_a_zone_that_is_not_known_is_an_error_that_names_it(zone: str) -> None:
    rule = Restriction("rule", zone, weekly=(WeeklyWindow(),))
    with pytest.raises(UnknownZoneError, match="time zone"):
        is_open(rule, datetime(2026, 1, 5, tzinfo=UTC))
