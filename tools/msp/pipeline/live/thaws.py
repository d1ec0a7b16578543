"""Where standing freezes would forbid no longer what they forbid: windows shorter, fewer stages, policies gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.cloud import deploy_v1

from msp.deploy_policies.actions import Invoker
from msp.deploy_policies.freeze import FORWARD
from msp.deploy_policies.policy import DAY, Policy, Restriction
from msp.deploy_policies.windows import UnknownZoneError, closes, span

_WEEK = 7 * DAY
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Span = tuple[timedelta, timedelta]


@dataclass(frozen=True)
class Stage:
    """A pipeline's stage, as deploy policies choose it.

    Attributes:
        pipeline: The delivery pipeline.
        target: The stage's target.
    """

    pipeline: deploy_v1.DeliveryPipeline
    target: deploy_v1.Target

    def is_met_by(self, policy: Policy) -> bool:
        """Whether a policy that is not suspended speaks of the stage."""
        pipeline, target = self.pipeline, self.target
        return not policy.suspended and any(
            selector.takes(_id(pipeline.name), pipeline.labels, _id(target.name), target.labels)
            for selector in policy.selectors
        )


def thaw(policy: Policy, old: Stage, after: Sequence[Policy], new: Stage, now: datetime | None = None) -> str | None:
    """When a policy forbids going forward into a stage, and no policy would any longer.

    Windows that happen once are compared by the moments that they cover, weekly ones by the clocks of their zone: in
    another zone, the same is not the same all year round.

    Args:
        policy: As it is live.
        old: The stage as it is live.
        after: All policies as they are to be.
        new: The stage as it is to be.
        now: What was before does not count; where None, everything does.

    Returns:
        The first such time, to be read after "is free": `from 2026-12-20 00:00 UTC`, `every Friday from 16:00 …`. None
        where there is none.
    """
    if not old.is_met_by(policy):
        return None
    others = [rule for each in after if new.is_met_by(each) for rule in each.restrictions]
    for action in sorted(FORWARD):
        for invoker in (Invoker.USER, Invoker.DEPLOY_AUTOMATION):
            still = tuple(rule for rule in others if rule.forbids(action, invoker))
            for rule in policy.restrictions:
                if rule.forbids(action, invoker) and (found := next(_free(rule, still, now), None)):
                    return found
    return None


def _free(rule: Restriction, still: tuple[Restriction, ...], now: datetime | None) -> Iterator[str]:
    """The times at which a rule's windows are open, and none of those that are still to be."""
    same = [each for each in still if each.zone == rule.zone]
    for window in rule.once:
        if any(window in each.once for each in same):
            continue
        try:
            start, end = span(window, rule.zone)
            begins = max(start, now or start)
            covered = closes(still, begins)
        except UnknownZoneError:
            yield f"from {window.start:%Y-%m-%d %H:%M} ({rule.zone})"
            continue
        if covered is not None and covered < end:
            yield f"from {covered:%Y-%m-%d %H:%M} UTC"
    left = _less(_in_week(rule), [open_ for each in same for open_ in _in_week(each)])
    for begins_in_week, ends_in_week in left:
        day, clock = divmod(begins_in_week, DAY)
        yield f"every {_DAYS[day]} from {_clock(clock)} to {_clock(ends_in_week - DAY * day)} ({rule.zone})"


def _in_week(rule: Restriction) -> list[Span]:
    """When the weekly windows of a rule are open, in time since the week began on Monday."""
    found = list[Span]()
    for window in rule.weekly:
        length = window.end - window.start
        length += DAY if length <= timedelta(0) else timedelta(0)
        for day in window.days or range(1, 8):
            start = (day - 1) * DAY + window.start
            found += [(start, min(start + length, _WEEK)), (timedelta(0), max(start + length - _WEEK, timedelta(0)))]
    return _less(found, [])


def _less(spans: list[Span], others: list[Span]) -> list[Span]:
    """What is left of some spans without others."""
    for start, end in [*others, (_WEEK, _WEEK)]:
        pieces = [piece for one, other in spans for piece in ((one, min(other, start)), (max(one, end), other))]
        spans = [(one, other) for one, other in pieces if one < other]
    return spans


def _clock(time: timedelta) -> str:
    hours, minutes = divmod(time // timedelta(minutes=1), 60)
    return f"{hours:02}:{minutes:02}"


def _id(name: str) -> str:
    return name.rpartition("/")[2]
