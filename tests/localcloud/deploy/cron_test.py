"""When a schedule in crontab's format comes next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msp.localcloud.deploy.cron import Schedule

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def following(text: str, after: datetime = MONDAY, zone: str = "UTC") -> str:
    due = Schedule.parse(text, ZoneInfo(zone)).after(after)
    return due.strftime("%Y-%m-%d %H:%M") if due else "never"


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 9 * * 1", "2026-01-12 09:00"),
        ("1 9 * * 1", "2026-01-05 09:01"),
        ("* * * * *", "2026-01-05 09:01"),
        ("*/20 * * * *", "2026-01-05 09:20"),
        ("5/25 * * * *", "2026-01-05 09:05"),
        ("0 6-8,22 * * *", "2026-01-05 22:00"),
        ("0 0 * * SUN", "2026-01-11 00:00"),
        ("0 0 * * 7", "2026-01-11 00:00"),
        ("0 0 * feb mon-wed", "2026-02-02 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        # Either the day of the month or the weekday, when both are given.
        ("0 0 13 * FRI", "2026-01-09 00:00"),
        ("0 0 6 * FRI", "2026-01-06 00:00"),
        ("0 0 */2 * FRI", "2026-01-09 00:00"),
        ("0 0 30 2 *", "never"),
        ("@daily", "2026-01-06 00:00"),
    ],
)
def test_next(text: str, due: str) -> None:
    assert following(text) == due


@pytest.mark.parametrize(
    ("zone", "text", "after", "due"),
    [
        ("America/New_York", "0 9 * * 1", MONDAY, "2026-01-05 14:00"),
        ("America/New_York", "0 9 * * 1", datetime(2026, 7, 5, tzinfo=UTC), "2026-07-06 13:00"),
        # Clocks skip from 2 to 3: half past two is half past three.
        ("America/New_York", "30 2 * * *", datetime(2026, 3, 8, 5, tzinfo=UTC), "2026-03-08 07:30"),
        # Clocks show half past one twice: the first, and only once.
        ("America/New_York", "30 1 * * *", datetime(2026, 11, 1, 4, tzinfo=UTC), "2026-11-01 05:30"),
        ("America/New_York", "30 1 * * *", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "2026-11-02 06:30"),
        ("Pacific/Auckland", "0 0 * * 1", MONDAY, "2026-01-11 11:00"),
    ],
)
def test_zones(zone: str, text: str, after: datetime, due: str) -> None:
    assert following(text, after, zone) == due


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8"),
        *("5-1 * * * *", "*/0 * * * *", "a * * * *", "1,,2 * * * *", "- * * * *", "* * * MON *", "@often", "² * * * *"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields|value|from"):
        Schedule.parse(text, ZoneInfo("UTC"))


@settings(deadline=None)
@given(
    st.integers(0, 10 * 365 * 24 * 3600),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 23), st.integers(0, 6)), min_size=1, max_size=3),
)
def test_it_is_what_looking_at_every_minute_finds(seconds: int, chosen: list[tuple[int, int, int]]) -> None:
    start = MONDAY + timedelta(seconds=seconds)
    minutes, hours, weekdays = (sorted({each[number] for each in chosen}) for number in range(3))
    text = "{} {} * * {}".format(*(",".join(map(str, values)) for values in (minutes, hours, weekdays)))
    due = Schedule.parse(text, ZoneInfo("UTC")).after(start)
    wanted = {(one, two, three) for one in minutes for two in hours for three in weekdays}
    minute = start.replace(second=0) + timedelta(minutes=1)
    while (minute.minute, minute.hour, minute.isoweekday() % 7) not in wanted:
        minute += timedelta(minutes=1)
    assert due == minute
