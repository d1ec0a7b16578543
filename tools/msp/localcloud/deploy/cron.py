"""Schedules in crontab's format, in a time zone: `0 9 * * 1` is every Monday at nine."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_RANGE = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_LONGEST = timedelta(days=8 * 366 + 1)
"""Between two 29ths of February there are eight years at the most."""


@dataclass(frozen=True)
class Schedule:
    """When something is to be done.

    Attributes:
        minutes: Of the hour.
        hours: Of the day.
        days: Of the month.
        months: Of the year.
        weekdays: 0 is Sunday.
        either: Whether a day of the month or a weekday will do, as crontab has it when both are given.
        zone: Whose clock it is.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone: ZoneInfo) -> "Schedule":
        """Reads five fields, or a nickname (`@daily`).

        Args:
            text: `30 4 1,15 * MON-FRI`, `*/10 * * * *`.
            zone: Whose clock it is.

        Raises:
            ValueError: It is none; the message says why.
        """
        fields = _NICKNAMES.get(text.strip().lower(), text).split()
        if len(fields) != 5:
            raise ValueError(f"{text!r} has {len(fields)} fields; there are five: minute hour day month weekday")
        minute, hour, day, month, weekday = fields
        return cls(
            minutes=_values(minute, 0, 59),
            hours=_values(hour, 0, 23),
            days=_values(day, 1, 31),
            months=_values(month, 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
            weekdays=frozenset(
                number % 7 for number in _values(weekday, 0, 7, {name: number for number, name in enumerate(_DAYS)})
            ),
            either=not day.startswith("*") and not weekday.startswith("*"),
            zone=zone,
        )

    def after(self, moment: datetime) -> datetime | None:
        """The next time after a moment, in UTC; `None` when there is none (the 30th of February).

        A time that clocks skip is as much later as they skip; of one that they show twice, it is the first.
        """
        first = moment.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for number in range(_LONGEST.days):
            day = first + timedelta(days=number)
            if self._has_day(day):
                later = [each for each in self._times(day) if each > moment]
                if later:
                    return min(later)
        return None

    def _has_day(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either else of_month and of_week

    def _times(self, day: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                yield day.replace(hour=hour, minute=minute, tzinfo=self.zone).astimezone(UTC)


def _values(text: str, least: int, most: int, names: Mapping[str, int] | None = None) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is neither a value, a range nor a step")
        begin, end, step = found.groups()
        low = least if begin is None else _number(begin, least, most, names or {})
        # `5/15` counts on from five; `5` is five alone.
        alone = low if step is None else most
        high = most if begin is None else alone if end is None else _number(end, least, most, names or {})
        if high < low or step == "0":
            raise ValueError(f"{part!r} has no value in it")
        values.update(range(low, high + 1, int(step or 1)))
    return frozenset(values)


def _number(text: str, least: int, most: int, names: Mapping[str, int]) -> int:
    number = names.get(text.upper(), int(text) if text.isascii() and text.isdigit() else -1)
    if not least <= number <= most:
        raise ValueError(f"{text!r} is not from {least} to {most}")
    return number
