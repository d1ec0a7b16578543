"""Promotions by a schedule, as automation runs show them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.localcloud.deploy.world import PIPELINE, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.status import ApiError

AUTOMATION = f"{PIPELINE}/automations/nightly"


def timed(schedule: str = "0 22 * * *", time_zone: str = "UTC", **fields: Any) -> Any:
    rule = {"id": "nightly", "schedule": schedule, "time_zone": time_zone, **fields}
    return pb.AutomationRule(timed_promote_release_rule=rule)


def states(world: World) -> list[str]:
    return [pb.AutomationRun.State.Name(run.state) for run in world.runs()]


def test_what_runs_in_the_target_is_promoted_when_the_time_comes() -> None:
    world = World()
    world.automation("nightly", timed(destination_phase="stable"), "staging")
    world.rollout(world.release("r1"), "staging")
    release = world.release("r2")
    world.rollout(release, "staging")
    world.advance(hours=12, minutes=59)
    assert world.runs() == []
    world.advance(minutes=1)
    (run,) = world.runs()
    operation = run.timed_promote_release_operation
    assert (operation.target_id, operation.release, operation.phase) == ("prod", release, "stable")
    assert (run.target_id, run.automation_id, run.rule_id) == ("staging", "nightly", "nightly")
    assert run.create_time.ToDatetime(UTC) == datetime(2026, 1, 5, 22, tzinfo=UTC)
    rollout = f"{release}/rollouts/r2-to-prod-0001"
    assert world.state(rollout) == "PENDING_APPROVAL"
    assert world.call("GetRollout", name=rollout).metadata.automation.promote_automation_run == run.name
    assert states(world) == ["SUCCEEDED"]


def test_it_comes_again_and_says_when_there_is_nothing_new() -> None:
    world = World()
    world.automation("nightly", timed(), "staging")
    world.advance(days=1)
    assert world.runs() == []
    world.rollout(world.release("r1"), "staging")
    world.advance(days=1)
    world.advance(days=1)
    assert states(world) == ["SUCCEEDED", "ABORTED"]
    assert "promoted to prod already" in world.runs()[1].state_description
    world.rollout(world.release("r2"), "staging")
    world.advance(days=1)
    assert states(world)[2:] == ["SUCCEEDED"]


def test_the_zones_clock_counts() -> None:
    world = World()
    world.automation("nightly", timed("0 9 * * 1", "America/New_York"), "staging")
    world.rollout(world.release("r1"), "staging")
    world.advance(hours=4, minutes=59)
    assert world.runs() == []
    world.advance(minutes=1)
    assert states(world) == ["SUCCEEDED"]


def test_the_condition_says_when_and_where() -> None:
    world = World()
    world.automation("nightly", timed(condition={"targets_present_condition": {"status": True}}), "*")
    found = world.call("GetAutomation", name=AUTOMATION)
    (listed,) = world.call("ListAutomations", parent=PIPELINE).automations
    assert listed == found
    condition = found.rules[0].timed_promote_release_rule.condition
    assert condition.timed_promote_release_condition.next_promotion_time.ToDatetime(UTC).hour == 22
    (targets,) = condition.timed_promote_release_condition.targets_list
    assert (targets.source_target_id, targets.destination_target_id) == ("staging", "prod")
    assert not condition.HasField("targets_present_condition"), "what is output only can't be written"
    automation = pb.Automation(name=AUTOMATION, suspended=True)
    world.call("UpdateAutomation", automation=automation, update_mask={"paths": ["suspended"]})
    found = world.call("GetAutomation", name=AUTOMATION)
    timed_condition = found.rules[0].timed_promote_release_rule.condition.timed_promote_release_condition
    assert not timed_condition.HasField("next_promotion_time")


@pytest.mark.parametrize("change", ["suspend", "reschedule", "other rule", "delete"])
def test_changes_meanwhile(change: str) -> None:
    world = World()
    world.automation("nightly", timed(), "staging")
    world.rollout(world.release("r1"), "staging")
    if change == "delete":
        world.call("DeleteAutomation", name=AUTOMATION)
    else:
        automation = pb.Automation(name=AUTOMATION, suspended=change == "suspend")
        rule = timed("0 23 * * *") if change == "reschedule" else pb.AutomationRule(promote_release_rule={"id": "x"})
        automation.rules.append(rule)
        mask = ["suspended"] if change == "suspend" else ["rules"]
        world.call("UpdateAutomation", automation=automation, update_mask={"paths": mask})
    world.advance(hours=13, minutes=30)
    assert world.runs() == []
    world.advance(hours=1)
    assert states(world) == (["SUCCEEDED"] if change == "reschedule" else [])


def test_a_suspended_pipeline_fails_the_run_and_says_why() -> None:
    world = World()
    world.automation("nightly", timed(), "staging")
    world.rollout(world.release("r1"), "staging")
    pipeline = pb.DeliveryPipeline(name=PIPELINE, suspended=True)
    world.call("UpdateDeliveryPipeline", delivery_pipeline=pipeline, update_mask={"paths": ["suspended"]})
    world.advance(hours=13)
    (run,) = world.runs()
    assert (states(world), "suspended" in run.state_description) == (["FAILED"], True)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (timed(""), "schedule"),
        (timed("0 22 * *"), "schedule"),
        (timed("0 0 30 2 *"), "schedule"),
        (timed(time_zone=""), "time_zone"),
        (timed(time_zone="Mars/Olympus"), "time_zone"),
        (timed(id="Bad"), "id"),
    ],
)
def test_what_can_not_come_is_refused(rule: Any, field: str) -> None:
    path = f"automation.rules\\[0\\].timed_promote_release_rule.{field}"
    with pytest.raises(ApiError, match=f"INVALID_ARGUMENT: {path}:"):
        World().automation("nightly", rule)
