"""Dates, times of day and time zones, as a specification writes them."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from msp.spec import patterns
from msp.spec.messages import nearest
from msp.spec.patterns import quoted
from msp.spec.scalar import as_written

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def moment(text: str) -> datetime:
    """What clocks show, without their zone: `2026-12-20` (its midnight) or `2026-12-20T18:00`.

    Raises:
        ValueError: There is no such day.
    """
    return datetime.fromisoformat(text)


def time_of_day(text: str) -> timedelta:
    """Time since midnight: `09:30`, at most `24:00`."""
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _exists(text: str) -> str:
    try:
        moment(text)
    except ValueError:
        raise _complaint(f"{quoted(text)} is not a day of the calendar") from None
    return text


def _known(zone: str) -> str:
    known = _zones()
    # Where this machine has no list of zones, Cloud Deploy is the first who can tell.
    if zone in known or not known:
        return zone
    close = nearest(zone, sorted(known))
    raise _complaint(
        f"{quoted(zone)} is no time zone of the IANA database" + (f"; did you mean {quoted(close)}?" if close else "")
    )


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _complaint(text: str) -> PydanticCustomError:
    return PydanticCustomError("form", "{complaint}", {"complaint": text})


# None of these is ever a number or a date to us, whatever other readers of YAML make of `22:00` and `2026-12-20`.
Moment = Annotated[str, BeforeValidator(as_written), patterns.MOMENT, AfterValidator(_exists)]
Time = Annotated[str, BeforeValidator(as_written), patterns.TIME_OF_DAY]
Zone = Annotated[str, BeforeValidator(as_written), patterns.TIME_ZONE, AfterValidator(_known)]
