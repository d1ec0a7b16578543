"""What people have stopped: the pipeline, or the way into a stage."""

from dataclasses import dataclass
from datetime import datetime

from msp.rollouts.facts import Automation, Facts

_NEXT = frozenset({"", "@next"})


@dataclass(frozen=True, slots=True)
class Hold:
    """An automation into a stage that stands still.

    Attributes:
        target: The stage's target.
        automation: The automation.
        reason: Why; empty where whoever suspended it did not say.
        by: Who; empty likewise.
        since: When; None likewise.
    """

    target: str
    automation: Automation
    reason: str
    by: str
    since: datetime | None

    @property
    def words(self) -> str:
        """It, to be read after what is: `held by Ada Lovelace since 2026-11-24 12:00 UTC: INC-1`."""
        who = f" by {self.by}" if self.by else ""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        return f"held{who}{since}" + (f": {self.reason}" if self.reason else "")


def automations_into(facts: Facts, target: str) -> tuple[Automation, ...]:
    """The automations that promote into a stage, suspended or not."""
    return tuple(automation for automation in facts.automations if target in destinations(facts, automation))


def destinations(facts: Facts, automation: Automation) -> frozenset[str]:
    """The targets that an automation promotes into."""
    stages = facts.pipeline.stages
    found = set()
    for stage, following in zip(stages, (*stages[1:], None), strict=True):
        if not any(source.takes(stage.target, stage.labels) for source in automation.sources):
            continue
        for promotion in automation.promotions:
            if promotion.destination not in _NEXT:
                found.add(promotion.destination)
            elif following is not None:
                found.add(following.target)
    return frozenset(found)


def holds(facts: Facts, target: str = "") -> tuple[Hold, ...]:
    """What holds promotion, into one stage or into any, in the stages' order."""
    targets = [stage.target for stage in facts.pipeline.stages if not target or stage.target == target]
    return tuple(
        Hold(each, automation, automation.reason, automation.by, automation.since)
        for each in targets
        for automation in automations_into(facts, each)
        if automation.suspended
    )
