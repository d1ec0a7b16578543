"""From Google's deploy policies to values."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msp import names
from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.policy import OneTimeWindow, Policy, PolicySelector, Restriction, WeeklyWindow
from msp.deploy_policies.selection import ResourceSelector
from msp.gcp.messages import last_part, noted_moment, raw

if TYPE_CHECKING:
    from google.cloud import deploy_v1

# For dates that are none, so that a window which can't be read is an open one.
_LONG_AGO = datetime(2, 1, 1)  # noqa: DTZ001 (a window's zone stands apart)
_NEVER = datetime.max  # noqa: DTZ901 (likewise)


def to_policy(message: "deploy_v1.DeployPolicy") -> Policy:
    """A deploy policy; a rule that does not restrict rollouts is left out."""
    policy = raw(message)
    return Policy(
        id=last_part(policy.name),
        selectors=tuple(_selector(selector) for selector in policy.selectors),
        restrictions=tuple(
            _restriction(rule.rollout_restriction) for rule in policy.rules if rule.HasField("rollout_restriction")
        ),
        suspended=policy.suspended,
        description=policy.description,
        reason=policy.annotations.get(names.REASON_ANNOTATION, ""),
        by=policy.annotations.get(names.BY_ANNOTATION, ""),
        since=noted_moment(policy.annotations.get(names.SINCE_ANNOTATION, "")),
        labels=dict(policy.labels),
        etag=policy.etag,
    )


def to_selector(attribute: Any) -> ResourceSelector:  # noqa: ANN401 (one of two of Google's types, below proto-plus)
    """What a `TargetAttribute` or a `DeliveryPipelineAttribute` selects."""
    return ResourceSelector(attribute.id, dict(attribute.labels))


def _selector(selector: Any) -> PolicySelector:  # noqa: ANN401 (DeployPolicyResourceSelector, below proto-plus)
    return PolicySelector(
        pipeline=to_selector(selector.delivery_pipeline) if selector.HasField("delivery_pipeline") else None,
        target=to_selector(selector.target) if selector.HasField("target") else None,
    )


def _restriction(restriction: Any) -> Restriction:  # noqa: ANN401 (RolloutRestriction, below proto-plus)
    fields, windows = restriction.DESCRIPTOR.fields_by_name, restriction.time_windows

    def words(field: str) -> list[str]:
        known = fields[field].enum_type.values_by_number
        # One that is younger than the library stays, as UNSPECIFIED: without it the list might be empty, and mean all.
        return [known[number].name if number in known else "" for number in getattr(restriction, field)]

    return Restriction(
        id=restriction.id,
        zone=windows.time_zone,
        once=tuple(_once(window) for window in windows.one_time_windows),
        weekly=tuple(_weekly(window) for window in windows.weekly_windows),
        actions=frozenset(map(Action, words("actions"))),
        invokers=frozenset(map(Invoker, words("invokers"))),
    )


def _once(window: Any) -> OneTimeWindow:  # noqa: ANN401 (OneTimeWindow, below proto-plus)
    return OneTimeWindow(
        start=_clock(window.start_date, window.start_time, _LONG_AGO),
        end=_clock(window.end_date, window.end_time, _NEVER),
    )


def _clock(date: Any, time: Any, otherwise: datetime) -> datetime:  # noqa: ANN401 (google.type's Date and TimeOfDay)
    try:
        return datetime(date.year, date.month, date.day) + _since_midnight(time)  # noqa: DTZ001 (the zone stands apart)
    except (OverflowError, ValueError):
        return otherwise


def _weekly(window: Any) -> WeeklyWindow:  # noqa: ANN401 (WeeklyWindow, below proto-plus)
    # google.type.DayOfWeek counts from Monday, 1, as ISO 8601 does.
    days = frozenset(window.days_of_week)
    if not window.HasField("start_time"):
        return WeeklyWindow(days)
    return WeeklyWindow(days, _since_midnight(window.start_time), _since_midnight(window.end_time))


def _since_midnight(time: Any) -> timedelta:  # noqa: ANN401 (google.type.TimeOfDay)
    return timedelta(hours=time.hours, minutes=time.minutes, seconds=time.seconds, microseconds=time.nanos // 1000)
