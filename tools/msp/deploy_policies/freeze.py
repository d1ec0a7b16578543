"""What a freeze forbids: to go forward, never to go back or to mend.

Standing freezes of a specification and those that somebody makes by hand are policies of the same kind.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.policy import DAY, OneTimeWindow, Restriction, WeeklyWindow

FORWARD = frozenset({Action.ADVANCE, Action.APPROVE, Action.CREATE})
"""What takes a release further. Rolling back, cancelling, and repairing what is under way stay possible."""

UTC_ZONE = "Etc/UTC"
"""The zone of windows that nobody gave another one: the same moment for everybody, and never put forward or back."""

_EVERYBODY = frozenset({Invoker.USER, Invoker.DEPLOY_AUTOMATION})
_RULE = "freeze"
_MINUTE = timedelta(minutes=1)


def restriction(
    zone: str, *, once: Collection[OneTimeWindow] = (), weekly: Collection[WeeklyWindow] = ()
) -> Restriction:
    """The one rule of a freeze: nobody, and no automation, takes a release further in these windows.

    Args:
        zone: The windows' time zone, by its IANA name: `Europe/Berlin`.
        once: Windows that are open once.
        weekly: Windows that are open every week, none of which goes past midnight: see `weekly_windows`.
    """
    return Restriction(
        id=_RULE, zone=zone, once=tuple(once), weekly=tuple(weekly), actions=FORWARD, invokers=_EVERYBODY
    )


def between(start: datetime, end: datetime) -> Restriction:
    """The rule of a freeze from one moment to another, both aware: from the minute of the first to that of the second.

    A second moment that is within a minute counts as that minute's end, so that the freeze is never shorter than asked.
    """
    begins = _clock(start)
    ends = _clock(end)
    whole = ends if ends == end.astimezone(UTC).replace(tzinfo=None) else ends + _MINUTE
    return restriction(UTC_ZONE, once=[OneTimeWindow(begins, whole)])


def weekly_windows(days: Collection[int], start: timedelta, end: timedelta) -> tuple[WeeklyWindow, ...]:
    """Windows as Cloud Deploy takes them: one that goes past midnight is two.

    Args:
        days: The days on which it opens, 1 for Monday to 7 for Sunday; empty for every day.
        start: Time since midnight, inside.
        end: Time since midnight, outside; of the next day where it is not after `start`.
    """
    if start < end:
        return (WeeklyWindow(frozenset(days), start, end),)
    evening = WeeklyWindow(frozenset(days), start, DAY)
    if not end:
        return (evening,)
    return evening, WeeklyWindow(frozenset(day % 7 + 1 for day in days), timedelta(0), end)


def _clock(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None, second=0, microsecond=0)
