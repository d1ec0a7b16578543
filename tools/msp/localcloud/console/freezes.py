"""Deploy policies that stop people now, and until when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.policies import inside, selected
from msp.localcloud.deploy.resources import DEPLOY_POLICY, Resources
from msp.localcloud.methods import AnyMessage

_ACTIONS = pb.RolloutRestriction.RolloutActions
_FORWARD = {_ACTIONS.Value(action) for action in ("CREATE", "APPROVE", "ADVANCE")}
_DAYS_AHEAD = 15


@dataclass(frozen=True)
class Freeze:
    """A rule of a deploy policy that holds now, and for people.

    Attributes:
        policy: The policy.
        rule: Its rule.
    """

    policy: "pb.DeployPolicy"
    rule: "pb.RolloutRestriction"

    @property
    def stops_progress(self) -> bool:
        """Whether no release can go forward, whatever else is forbidden."""
        return not self.rule.actions or not _FORWARD.isdisjoint(self.rule.actions)

    def is_on(self, pipeline: str, pipeline_labels: AnyMessage, target: str, target_labels: AnyMessage) -> bool:
        """Whether it is about a target of a pipeline, each with its name and labels."""
        return any(
            _takes(selector, "delivery_pipeline", pipeline, pipeline_labels)
            and _takes(selector, "target", target, target_labels)
            for selector in self.policy.selectors
        )


def freezes_now(resources: Resources, location: str) -> list[Freeze]:
    """The freezes of a location, `projects/p/locations/l`, whatever they are on."""
    now = resources.clock.now()
    return [
        Freeze(policy, rule.rollout_restriction)
        for policy in resources.list(DEPLOY_POLICY, parent=location, oldest_first=True)
        if not policy.suspended
        for rule in policy.rules
        if _holds_for_people(rule.rollout_restriction) and inside(rule.rollout_restriction.time_windows, now)
    ]


def to_json(freezes: Sequence[Freeze], now: datetime) -> list[dict[str, Any]]:
    """Freezes of one target as the page reads them, each until its own end."""
    return [
        {
            "policy": names.last(freeze.policy.name),
            "description": freeze.policy.description,
            "reason": freeze.policy.annotations.get("reason", ""),
            "by": freeze.policy.annotations.get("by", ""),
            "actions": [_ACTIONS.Name(action) for action in freeze.rule.actions],
            "until": end.isoformat() if (end := ends(freeze.rule.time_windows, now)) else "",
        }
        for freeze in freezes
    ]


def ends(windows: "pb.TimeWindows", now: datetime) -> datetime | None:
    """The first moment from `now` on that is in none of the windows; `None` when there is none within two weeks."""
    return next(
        (moment for moment in sorted(_ends(windows, now)) if moment > now and not inside(windows, moment)), None
    )


def _holds_for_people(rule: "pb.RolloutRestriction") -> bool:
    return not rule.invokers or pb.DeployPolicy.Invoker.USER in rule.invokers


def _takes(selector: AnyMessage, field: str, name: str, labels: AnyMessage) -> bool:
    return not selector.HasField(field) or selected(getattr(selector, field), names.last(name), labels)


def _ends(windows: "pb.TimeWindows", now: datetime) -> Iterator[datetime]:
    """Every moment at which one of the windows ends, those of weekly ones for some days to come."""
    zone = ZoneInfo(windows.time_zone)
    for window in windows.one_time_windows:
        date = window.end_date
        yield _moment(datetime(date.year, date.month, date.day), window.end_time, zone)  # noqa: DTZ001 (zone follows)
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for window in windows.weekly_windows:
        for day in _days(today):
            whole_day = not window.HasField("start_time")
            yield _moment(day + timedelta(days=1), None, zone) if whole_day else _moment(day, window.end_time, zone)


def _days(first: datetime) -> Iterable[datetime]:
    return (first + timedelta(days=number) for number in range(_DAYS_AHEAD))


def _moment(midnight: datetime, time: AnyMessage | None, zone: ZoneInfo) -> datetime:
    into_day = timedelta(0)
    if time is not None:
        into_day = timedelta(hours=time.hours, minutes=time.minutes, seconds=time.seconds)
    return (midnight + into_day).replace(tzinfo=zone).astimezone(UTC)
