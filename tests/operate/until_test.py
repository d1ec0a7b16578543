"""What `--until` makes, against clocks that are read minute by minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from msp.deploy_policies.freeze import between
from msp.deploy_policies.windows import closes, is_open
from msp.errors import UsageError
from msp.operate.until import MOST, find_zone, on_both_clocks, parse_until

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")

# A zone, and a day on which its clocks do something.
CHANGES = [
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Berlin", "2027-03-28"),
    ("Europe/Berlin", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Sao_Paulo", "2018-11-04"),  # forward from midnight
    ("America/Sao_Paulo", "2018-02-18"),  # back from midnight into the day before
    ("America/Havana", "2026-11-01"),
    ("Pacific/Apia", "2011-12-30"),  # a day that never was
    ("Africa/Casablanca", "2026-02-15"),
    ("Asia/Kathmandu", "2026-06-01"),
    ("UTC", "2026-06-01"),
]


@cache
def shown(zone: str, day: str) -> dict[datetime, list[datetime]]:
    """When a zone's clocks show what, minute by minute, in the four days around one."""
    found: dict[datetime, list[datetime]] = {}
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - 2 * DAY
    for number in range(4 * 24 * 60):
        moment = start + number * MINUTE
        found.setdefault(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None), []).append(moment)
    return found


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, str, int]:
    zone, day = draw(st.sampled_from(CHANGES))
    return zone, day, draw(st.integers(-60, 1500))


@given(situations())
@example(("Europe/Berlin", "2027-03-28", 150))
@example(("Europe/Berlin", "2026-10-25", 150))
@example(("America/New_York", "2026-03-08", 150))
@example(("America/New_York", "2026-11-01", 90))
@example(("America/Sao_Paulo", "2018-11-04", 0))
@example(("America/Sao_Paulo", "2018-02-18", -30))
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
def test_as_the_clocks_show_and_never_too_short(situation: tuple[str, str, int]) -> None:
    zone, day, minute = situation
    clock = datetime.fromisoformat(day) + minute * MINUTE
    moments = shown(zone, day)
    now = min(moments[min(moments)])
    until = parse_until(f"{clock:%Y-%m-%dT%H:%M}", ZoneInfo(zone), now)
    if clock in moments:
        assert until.moment == max(moments[clock])
        assert bool(until.note) == (len(moments[clock]) > 1)
        if until.note:
            earlier = until.note.rpartition("--until=")[2]
            assert parse_until(earlier, UTC_ZONE, now).moment == min(moments[clock])
    else:
        # So long after the clocks were changed as it would have been, had they not been.
        before = max(each for each in moments if each < clock)
        assert until.moment == max(moments[before]) + (clock - before)
        assert f"{until.moment.astimezone(ZoneInfo(zone)):%H:%M}" in until.note
    rule = between(now, until.moment)
    assert is_open(rule, now)
    assert closes((rule,), now) == until.moment


LENGTHS = st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 99), st.integers(0, 999))


@given(LENGTHS.filter(any), st.integers(0, 59))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_how_long_counts_time_that_passes_whatever_clocks_show(length: tuple[int, int, int, int], second: int) -> None:
    weeks, days, hours, minutes = length
    text = "".join(f"{number}{unit}" for number, unit in zip(length, "wdhm", strict=True) if number)
    now = datetime(2026, 10, 24, 12, 0, second, tzinfo=UTC)
    wanted = now + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    assert timedelta(0) <= parse_until(text, BERLIN, now).moment - wanted < MINUTE


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-30T09:00", "2026-11-30T08:00Z"),
        ("2026-11-30 09:00", "2026-11-30T08:00Z"),
        (" 2026-11-30 ", "2026-11-29T23:00Z"),
        ("2026-11-30T09:00Z", "2026-11-30T09:00Z"),
        ("2026-11-30T09:00-05:00", "2026-11-30T14:00Z"),
        ("2026-11-30T09:00:01", "2026-11-30T08:01Z"),
        ("8h", "2026-11-24T20:01Z"),
        ("1d12h", "2026-11-26T00:01Z"),
        ("90m", "2026-11-24T13:31Z"),
    ],
)
def test_written_as_people_do(text: str, moment: str) -> None:
    assert parse_until(text, BERLIN, NOW).moment == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no time"),
        ("tomorrow", "is no time"),
        ("09:00", "is no time"),
        ("8 hours", "is no time"),
        ("-8h", "is no time"),
        ("20261130", "is no time"),
        ("2026-W48-1", "is no time"),
        ("\uff12\uff10\uff12\uff16-11-30", "is no time"),
        ("\x1b[31m", "is no time"),
        ("2026-02-30", "day"),
        ("2026-11-30T24:01", "hour"),
        ("2026-11-30T09:00+99:00", "offset"),
        ("2026-11-24T12:59", "is past"),
        ("2026-11-24", "is past"),
        ("0h", "is past"),
        ("0001-01-02", "is past"),
        ("0001-01-01T00:00+14:00", "is not within a year"),
        ("9999-12-31T23:59-12:00", "is not within a year"),
        ("9999-12-31", "is not within a year"),
        ("2027-11-30", "is not within a year"),
        ("53w", "is not within a year"),
        ("9" * 30 + "w", "is not within a year"),
        ("9" * 5000 + "h", ""),
    ],
)
def test_what_is_no_time_or_none_that_makes_sense_is_told(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_until(text, BERLIN, NOW)
    assert why in caught.value.message
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 300
    assert "--until=" in caught.value.hint or "rollout.freezes" in caught.value.hint


def test_a_year_is_not_too_long() -> None:
    assert parse_until("366d", BERLIN, NOW).moment - NOW - MOST < MINUTE


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Berlin", "2026-11-30 09:00 Europe/Berlin (08:00 UTC)"),
        ("Asia/Tokyo", "2026-11-30 17:00 Asia/Tokyo (08:00 UTC)"),
        ("Pacific/Auckland", "2026-11-30 21:00 Pacific/Auckland (08:00 UTC)"),
        ("Pacific/Honolulu", "2026-11-29 22:00 Pacific/Honolulu (2026-11-30 08:00 UTC)"),
        ("UTC", "2026-11-30 08:00 UTC"),
    ],
)
def test_shown_on_both_clocks(zone: str, words: str) -> None:
    assert on_both_clocks(datetime(2026, 11, 30, 8, tzinfo=UTC), ZoneInfo(zone)) == words


def _zone_files() -> Iterator[Path]:
    yield from map(Path, TZPATH)
    yield Path(str(resources.files("tzdata"))) / "zoneinfo"


def test_the_zone_is_the_named_one_the_processs_or_the_machines(tmp_path: Path) -> None:
    berlin = next(folder / "Europe/Berlin" for folder in _zone_files() if (folder / "Europe/Berlin").exists())
    nowhere = tmp_path / "nowhere"
    assert find_zone("Asia/Tokyo", {"TZ": "Europe/Berlin"}, nowhere).key == "Asia/Tokyo"
    assert find_zone("", {"TZ": ":Europe/Berlin"}, nowhere).key == "Europe/Berlin"
    assert find_zone("", {}, nowhere).key == "UTC"
    link = tmp_path / "localtime"
    link.symlink_to(berlin)
    assert find_zone("", {}, link).key == "Europe/Berlin"
    copy = tmp_path / "copy"
    copy.write_bytes(berlin.read_bytes())
    assert parse_until("2026-11-30T09:00", find_zone("", {}, copy), NOW).words == "2026-11-30 09:00 CET (08:00 UTC)"


@pytest.mark.parametrize("name", ["Berlin", "../../etc/passwd", "Europe", "\x1b[31m", "x" * 5000, "a\0b"])
def test_a_zone_that_is_not_known_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no time zone") as caught:
        find_zone(name, {}, tmp_path)
    assert "\x1b" not in caught.value.message
    with pytest.raises(UsageError, match=r"^TZ="):
        find_zone("", {"TZ": name}, tmp_path)
