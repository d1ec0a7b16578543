"""When the windows of a restriction are open, on the clocks of their zone.

A window is open when the zone's clocks show a time inside it. What the clocks skip is never shown, and an hour that
they show twice counts twice; a one-time window begins and ends where its two times are first shown, or where they
would have been shown had the clocks not been put forward.
"""

from collections.abc import Iterator
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msp.deploy_policies.policy import DAY, OneTimeWindow, Restriction, WeeklyWindow
from msp.errors import MspError

# The shortest time that a moment of Python's can tell.
INSTANT = datetime.resolution

# While no clock is put forward or back, windows say the same every week.
_WEEK = timedelta(days=7)
# Clocks are put forward and back at the same times of every year, give or take some days.
_YEAR = timedelta(days=400)


class UnknownZoneError(MspError):
    """This machine does not know a time zone, so that it can't be told when a window is open."""


def is_open(restriction: Restriction, moment: datetime) -> bool:
    """Whether a window of the restriction is open.

    Args:
        restriction: With its windows.
        moment: Aware.

    Raises:
        UnknownZoneError: Nothing is known of its zone.
    """
    return any(True for _ in _ends(restriction, moment))


def closes(restrictions: tuple[Restriction, ...], moment: datetime) -> datetime | None:
    """The first moment from this one on at which no window of any of the restrictions is open.

    Args:
        restrictions: Which forbid the same together.
        moment: Aware.

    Returns:
        The moment, in UTC; `moment` where none is open then; None where that never ends.

    Raises:
        UnknownZoneError: Nothing is known of a zone.
    """
    at = moment.astimezone(UTC)
    once = [end for restriction in restrictions for _, end in _spans(restriction) if not _is_for_ever(end)]
    zones = {_zone(restriction.zone) for restriction in restrictions if restriction.weekly}
    steady = max([at, *once])
    horizon = steady + _YEAR
    while ends := [end for restriction in restrictions for end in _ends(restriction, at)]:
        at = max(ends)
        if _is_for_ever(at):
            return None
        if at <= steady + _WEEK:
            continue
        # Open for a whole week, so until the clocks of some zone change: two zones' windows may then leave a gap.
        change = min((found for zone in zones if (found := _next_change(steady, zone))), default=None)
        if change is None or change > horizon:
            return None
        at, steady = max(at, change), change
    return at


def span(window: OneTimeWindow, zone: str) -> tuple[datetime, datetime]:
    """The first moment of a window and the first one after it, in UTC.

    Raises:
        UnknownZoneError: Nothing is known of the zone.
    """
    found = _zone(zone)
    return _instant(window.start, found), _instant(window.end, found)


def _is_for_ever(end: datetime) -> bool:
    return end.year >= MAXYEAR - 1  # which leaves room to look a year ahead


def _ends(restriction: Restriction, moment: datetime) -> Iterator[datetime]:
    """For each window that is open, a later moment until which it stays so, in UTC."""
    at = moment.astimezone(UTC)
    yield from (end for start, end in _spans(restriction) if start <= at < end)
    zone = _zone(restriction.zone)
    clock = at.astimezone(zone).replace(tzinfo=None)
    for window in restriction.weekly:
        if (closing := _closing(window, clock)) is not None:
            until = min(each for each in _moments(closing, zone) if each > at)
            # Clocks that are put back may show a time before the window's start again.
            same = at.astimezone(zone).utcoffset() == (until - INSTANT).astimezone(zone).utcoffset()
            yield until if same else _change(at, until, zone)


def _closing(window: WeeklyWindow, clock: datetime) -> datetime | None:
    """What the clocks show when a window closes that is open at this time of theirs; None where it isn't open."""
    midnight = clock.replace(hour=0, minute=0, second=0, microsecond=0)
    length = window.end - window.start
    if length <= timedelta(0):
        length += DAY
    for day in (midnight, midnight - DAY):
        start = day + window.start
        if (not window.days or day.isoweekday() in window.days) and start <= clock < start + length:
            return start + length
    return None


def _moments(clock: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The moments around which the clocks of a zone pass a time: one, or three where they are put forward or back."""
    first, second = (clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    yield first
    if first != second:
        yield second
        yield _change(min(first, second), max(first, second), zone)


def _next_change(after: datetime, zone: ZoneInfo) -> datetime | None:
    """When a zone's clocks are next put forward or back, within a year."""
    offset = after.astimezone(zone).utcoffset()
    for days in range(1, _YEAR.days + 1):
        if (after + days * DAY).astimezone(zone).utcoffset() != offset:
            return _change(after + (days - 1) * DAY, after + days * DAY, zone)
    return None


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks are put forward or back between two moments, to the second."""
    second = timedelta(seconds=1)
    before, after = before.replace(microsecond=0), after.replace(microsecond=0) + second
    offset = before.astimezone(zone).utcoffset()
    while after - before > second:
        middle = before + (after - before) // (2 * second) * second
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _spans(restriction: Restriction) -> Iterator[tuple[datetime, datetime]]:
    for window in restriction.once:
        yield span(window, restriction.zone)


def _instant(clock: datetime, zone: ZoneInfo) -> datetime:
    try:
        return clock.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UnknownZoneError(
            f"time zone {name!r} is not known here, so it can't be told when it is frozen",
            hint="install the machine's tzdata package; Cloud Deploy itself knows the zone and keeps the policy",
        ) from error
