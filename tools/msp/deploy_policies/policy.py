"""Deploy policies as values: what they forbid, of which targets, to whom and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.selection import ResourceSelector

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OneTimeWindow:
    """A span of time on the clocks of a zone, without the zone.

    Attributes:
        start: Inside.
        end: Outside.
    """

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """A span of time on days of every week.

    Attributes:
        days: 1 for Monday to 7 for Sunday; empty for every day.
        start: Time since midnight, inside.
        end: Time since midnight, outside; not after `start` where the window goes on into the next day.
    """

    days: frozenset[int] = frozenset()
    start: timedelta = timedelta(0)
    end: timedelta = DAY


@dataclass(frozen=True, slots=True)
class Restriction:
    """A rule of a policy.

    Attributes:
        id: Its id within the policy.
        zone: The windows' time zone: `America/New_York`.
        once: When it forbids, once.
        weekly: When it forbids, every week.
        actions: What it forbids; empty for all.
        invokers: Whom; empty for everybody.
    """

    id: str
    zone: str
    once: tuple[OneTimeWindow, ...] = ()
    weekly: tuple[WeeklyWindow, ...] = ()
    actions: frozenset[Action] = frozenset()
    invokers: frozenset[Invoker] = frozenset()

    def forbids(self, action: Action, invoker: Invoker) -> bool:
        """Whether it forbids this action to this invoker, at the times of its windows."""
        return (not self.actions or action in self.actions) and (not self.invokers or invoker in self.invokers)


@dataclass(frozen=True, slots=True)
class PolicySelector:
    """What a policy speaks of: both have to match; None for any.

    Attributes:
        pipeline: Which delivery pipelines.
        target: Which targets.
    """

    pipeline: ResourceSelector | None = None
    target: ResourceSelector | None = None

    def takes(
        self, pipeline: str, pipeline_labels: Mapping[str, str], target: str, target_labels: Mapping[str, str]
    ) -> bool:
        """Whether it selects a pipeline's stage, by the ids and labels of both."""
        return (self.pipeline is None or self.pipeline.takes(pipeline, pipeline_labels)) and (
            self.target is None or self.target.takes(target, target_labels)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A deploy policy.

    Attributes:
        id: `freeze-holidays`.
        selectors: What it speaks of: one that matches is enough.
        restrictions: Its rules: one that forbids is enough.
        suspended: Whether it forbids nothing for now.
        description: For people.
        reason: Why it is there, where whoever made it has said so.
        by: Who made it, where that was said.
        since: When they made it, where that was said.
        labels: What marks whose it is.
        etag: Of the policy as it was read; empty where it wasn't.
    """

    id: str
    selectors: tuple[PolicySelector, ...]
    restrictions: tuple[Restriction, ...]
    suspended: bool = False
    description: str = ""
    reason: str = ""
    by: str = ""
    since: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
