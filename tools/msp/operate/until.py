"""When a freeze is to end, as people write it: `2026-11-30T09:00`, `2026-11-30`, `8h`.

A time without an offset is one on a zone's clocks. Where they skip it or show it twice, the later moment is meant, so
that a freeze is never shorter than asked; the person is told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from msp.errors import UsageError
from msp.text import harmless

MOST = timedelta(days=366)
"""What is to last longer belongs into the specification, where others see it."""

_HINT = "write for how long, --until=8h or --until=2d, or when it ends, such as --until=2026-11-30T09:00"
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_SPAN = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?", re.ASCII)
_MINUTE = timedelta(minutes=1)
_LOCALTIME = Path("/etc/localtime")
_ZONES = "zoneinfo/"


@dataclass(frozen=True, slots=True)
class Until:
    """The end of a freeze.

    Attributes:
        moment: The first moment after it, in UTC, a whole minute.
        zone: Whose clocks a person reads it on.
        note: What they should know about how it was understood; empty for nothing.
    """

    moment: datetime
    zone: ZoneInfo
    note: str = ""

    @property
    def words(self) -> str:
        """It, on both clocks: `2026-11-30 09:00 Europe/Berlin (08:00 UTC)`."""
        return on_both_clocks(self.moment, self.zone)


def parse_until(text: str, zone: ZoneInfo, now: datetime) -> Until:
    """When a freeze is to end.

    Args:
        text: A date (its midnight), a date and time, one with an offset (`2026-11-30T09:00+01:00`, `…Z`), or how long
            from now on: weeks, days of 24 hours, hours and minutes (`1w`, `2d`, `1d12h`, `90m`).
        zone: Whose clocks times without an offset are of.
        now: The time, aware.

    Raises:
        UsageError: It is none of these, no such time, past, or not within a year from now.
    """
    text = text.strip()
    try:
        if text and (span := _SPAN.fullmatch(text)):
            moment, note = now.astimezone(UTC) + _length(span), ""
        elif _TIME.fullmatch(text):
            moment, note = _shown(datetime.fromisoformat(text), zone)
        else:
            raise UsageError(f"--until={harmless(text, limit=60)} is no time", hint=_HINT)
    except OverflowError as error:
        raise _too_far(text) from error
    except ValueError as error:
        raise UsageError(f"--until={harmless(text, limit=60)}: {error}", hint=_HINT) from error
    if moment <= now:
        raise UsageError(f"--until={text} is past", hint=_HINT)
    if moment > now + MOST:
        raise _too_far(text)
    return Until(_whole_minute(moment), zone, note)


def on_both_clocks(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as a person's clocks and everybody's show it: `2026-11-30 09:00 Europe/Berlin (08:00 UTC)`."""
    here, everywhere = moment.astimezone(zone), moment.astimezone(UTC)
    name = zone.key or here.tzname() or ""
    if here.utcoffset() == timedelta(0):
        return f"{everywhere:%Y-%m-%d %H:%M} UTC"
    form = "%H:%M" if here.date() == everywhere.date() else "%Y-%m-%d %H:%M"
    return f"{here:%Y-%m-%d %H:%M} {name} ({everywhere.strftime(form)} UTC)"


def find_zone(name: str, environment: Mapping[str, str], localtime: Path = _LOCALTIME) -> ZoneInfo:
    """The zone of that name; without one the machine's, whose clock a person looks at.

    Args:
        name: `Europe/Berlin`; empty for the machine's.
        environment: The process's variables; `TZ` names the zone of this process.
        localtime: The machine's zone: a link into the database of zones, or a copy of one.

    Raises:
        UsageError: There is no such zone.
    """
    if name:
        return _named(name, f"--time_zone={harmless(name, limit=60)}")
    if named := environment.get("TZ", "").removeprefix(":"):
        return _named(named, f"TZ={harmless(named, limit=60)}")
    if not localtime.exists():
        return ZoneInfo("UTC")
    key = str(localtime.resolve()).partition(_ZONES)[2]
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file)


def _named(name: str, said: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        hint = "name one by its place: --time_zone=Europe/Berlin, or --time_zone=UTC"
        raise UsageError(f"{said} is no time zone that is known here", hint=hint) from error


def _length(span: re.Match[str]) -> timedelta:
    weeks, days, hours, minutes = (int(part or 0) for part in span.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)


def _shown(clock: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """When clocks show a time, and what to know about it."""
    if clock.tzinfo is not None:
        return clock.astimezone(UTC), ""
    first, second = (clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    moment = max(first, second)
    if first == second:
        return moment, ""
    shows = moment.astimezone(zone)
    if shows.replace(tzinfo=None) != clock:
        return moment, f"clocks are put forward past {clock:%Y-%m-%d %H:%M}: it ends when they show {shows:%H:%M}"
    earlier = f"--until={min(first, second).astimezone(zone).isoformat(timespec='minutes')}"
    return moment, f"clocks show {clock:%Y-%m-%d %H:%M} twice: the second time is meant; the first is {earlier}"


def _whole_minute(moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + _MINUTE


def _too_far(text: str) -> UsageError:
    return UsageError(
        f"--until={harmless(text, limit=60)} is not within a year from now",
        hint="what is to last belongs into the specification, under rollout.freezes",
    )
