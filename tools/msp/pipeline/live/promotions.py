"""Where automations take a release by themselves, and how long they wait."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import proto
from google.cloud import deploy_v1

_NEXT = {"", "@next"}  # PromoteReleaseRule.destination_target_id


@dataclass(frozen=True)
class Promotion:
    """A promotion that nobody decides.

    Attributes:
        automation: Full name of the automation: `projects/…/automations/promote-staging-us-central1`.
        wait_seconds: Seconds between success in the stage before and the promotion.
    """

    automation: str
    wait_seconds: float


def promotions(
    pipeline: deploy_v1.DeliveryPipeline, messages: Iterable[proto.Message], *, held_too: bool
) -> dict[str, Promotion]:
    """By a target's id, the promotion that takes a release there soonest.

    Args:
        pipeline: The delivery pipeline, whose stages say what comes next.
        messages: The automations; other resources among them are passed over.
        held_too: Whether those of suspended automations count.
    """
    soonest = dict[str, Promotion]()
    for message in messages:
        if isinstance(message, deploy_v1.Automation) and (held_too or not message.suspended):
            for target, seconds in _of_automation(pipeline, message):
                if target not in soonest or seconds < soonest[target].wait_seconds:
                    soonest[target] = Promotion(message.name, seconds)
    return soonest


def _of_automation(
    pipeline: deploy_v1.DeliveryPipeline, automation: deploy_v1.Automation
) -> Iterator[tuple[str, float]]:
    """Each target that an automation promotes to, by its id, and the seconds that it waits."""
    stages = [stage.target_id for stage in pipeline.serial_pipeline.stages]
    # A choice by labels may be of any target.
    chosen = {target.id or "*" for target in automation.selector.targets}
    for rule in automation.rules:
        if "promote_release_rule" not in rule:
            continue
        promote = rule.promote_release_rule
        seconds = deploy_v1.PromoteReleaseRule.pb(promote).wait.ToMilliseconds() / 1000
        destination = promote.destination_target_id.rpartition("/")[2]
        for one, following in pairwise(stages):
            if "*" in chosen or one in chosen:
                yield following if destination in _NEXT else destination, seconds
