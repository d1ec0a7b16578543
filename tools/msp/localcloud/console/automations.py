"""What a pipeline's automations do by themselves, and which of them somebody has stopped."""

from typing import Any

from msp.localcloud.console.times import first_time
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.automations import selects
from msp.localcloud.deploy.resources import AUTOMATION, AUTOMATION_RUN, Resources

_MOST_RUNS = 10
_PROMOTIONS = ("promote_release_rule", "timed_promote_release_rule")


def automations_of(resources: Resources, pipeline: str) -> list[Any]:
    """A pipeline's automations, the oldest first."""
    return resources.list(AUTOMATION, parent=pipeline, oldest_first=True)


def destinations(resources: Resources, automation: "pb.Automation", targets: list[str]) -> list[str]:
    """The targets, of a pipeline's in their order, that an automation promotes into."""
    found = set()
    for number, target in enumerate(targets):
        if not selects(resources, automation, target):
            continue
        for rule in automation.rules:
            which = rule.WhichOneof("rule")
            if which in _PROMOTIONS:
                named = getattr(rule, which).destination_target_id
                found.add(named if named not in {"", "@next"} else "".join(targets[number + 1 : number + 2]))
    return [target for target in targets if target in found]


def to_json(resources: Resources, automation: "pb.Automation", targets: list[str]) -> dict[str, Any]:
    """An automation as the page reads it; who held it and why stand in its annotations."""
    return {
        "id": names.last(automation.name),
        "description": automation.description,
        "from": [target for target in targets if selects(resources, automation, target)],
        "to": destinations(resources, automation, targets),
        "rules": [_rule(rule) for rule in automation.rules],
        "held": automation.suspended,
        "reason": automation.annotations.get("reason", ""),
        "by": automation.annotations.get("by", ""),
        "since": automation.annotations.get("since", ""),
    }


def _rule(rule: "pb.AutomationRule") -> dict[str, Any]:
    which = rule.WhichOneof("rule") or ""
    body = getattr(rule, which, None)
    waits = "wait" in body.DESCRIPTOR.fields_by_name if body is not None else False
    return {
        "kind": which.removesuffix("_rule"),
        "wait": body.wait.seconds if body is not None and waits else 0,
        "schedule": getattr(body, "schedule", ""),
        "timeZone": getattr(body, "time_zone", ""),
    }


def waiting(resources: Resources, pipeline: str) -> list[dict[str, str]]:
    """Promotions that automations are about to make."""
    runs = resources.list(AUTOMATION_RUN, keys={"waiting": pipeline}, limit=_MOST_RUNS)
    return [
        {
            "automation": run.automation_id,
            "from": run.target_id,
            "to": run.promote_release_operation.target_id,
            "release": names.last(names.release(run.promote_release_operation.rollout)),
            "until": first_time(run, "wait_until_time"),
        }
        for run in runs
        if run.HasField("promote_release_operation")
    ]
