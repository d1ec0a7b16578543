"""Automations that run: promotion after a wait, advancing, repairing."""

from typing import Any

import pytest
from tests.localcloud.deploy.world import PIPELINE, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.faults import Fault
from msp.localcloud.status import ApiError


def promote(**fields: Any) -> Any:
    return pb.AutomationRule(promote_release_rule={"id": "promote", **fields})


def repair(*repair_phases: dict[str, Any], **fields: Any) -> Any:
    return pb.AutomationRule(repair_rollout_rule={"id": "repair", "repair_phases": repair_phases, **fields})


def ended(world: World) -> list[tuple[str, str]]:
    return [(pb.AutomationRun.State.Name(run.state), run.state_description) for run in world.runs()]


def suspend(world: World, automation_id: str) -> None:
    automation = pb.Automation(name=f"{PIPELINE}/automations/{automation_id}", suspended=True)
    world.call("UpdateAutomation", automation=automation, update_mask={"paths": ["suspended"]})


def test_promotion_waits_and_then_creates_the_next_rollout() -> None:
    world = World()
    world.automation("promote", promote(wait={"seconds": 3600}), "staging")
    release = world.release("r1")
    world.rollout(release, "staging")
    (run,) = world.runs()
    assert (run.state, run.target_id, run.automation_id, run.rule_id) == (
        pb.AutomationRun.State.PENDING,
        "staging",
        "promote",
        "promote",
    )
    assert run.promote_release_operation.target_id == "prod"
    assert run.wait_until_time.seconds - run.create_time.seconds == 3600
    assert run.expire_time.seconds - run.create_time.seconds == 14 * 24 * 3600
    world.advance(minutes=59)
    assert world.store.count("rollout") == 1
    world.advance(minutes=1)
    promoted = f"{release}/rollouts/r1-to-prod-0001"
    assert world.state(promoted) == "PENDING_APPROVAL"
    assert world.call("GetRollout", name=promoted).metadata.automation.promote_automation_run == run.name
    assert ended(world) == [("SUCCEEDED", "")]


def test_promotion_to_a_named_target_and_after_the_last() -> None:
    world = World()
    world.automation("back", promote(destination_target_id="staging"), "prod")
    world.automation("next", promote(destination_target_id="@next"), "prod")
    release = world.release("r1")
    rollout = world.rollout(release, "prod")
    world.call("ApproveRollout", name=rollout, approved=True)
    world.settle()
    assert world.state(f"{release}/rollouts/r1-to-staging-0001") == "SUCCEEDED"
    assert len(world.runs()) == 1


def test_a_failed_rollout_is_not_promoted() -> None:
    world = World()
    world.automation("promote", promote(), "staging")
    world.rollout(world.release("r1", deploy_parameters={}), "staging")
    assert world.runs() == []


def test_what_was_promoted_by_hand_is_not_promoted_again() -> None:
    world = World()
    world.automation("promote", promote(wait={"seconds": 60}), "staging")
    release = world.release("r1")
    world.rollout(release, "staging")
    world.rollout(release, "prod")
    world.advance(minutes=2)
    assert [state for state, _ in ended(world)] == ["ABORTED"]
    assert world.store.count("rollout") == 2


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_suspending(when: str) -> None:
    world = World()
    world.automation("promote", promote(wait={"seconds": 60}), "staging")
    if when == "before":
        suspend(world, "promote")
    world.rollout(world.release("r1"), "staging")
    if when == "meanwhile":
        suspend(world, "promote")
    world.advance(minutes=2)
    assert [state for state, _ in ended(world)] == ([] if when == "before" else ["ABORTED"])
    assert world.store.count("rollout") == 1


def test_a_suspended_pipeline_fails_the_run_and_says_why() -> None:
    world = World()
    world.automation("promote", promote(wait={"seconds": 60}), "staging")
    world.rollout(world.release("r1"), "staging")
    pipeline = pb.DeliveryPipeline(name=PIPELINE, suspended=True)
    world.call("UpdateDeliveryPipeline", delivery_pipeline=pipeline, update_mask={"paths": ["suspended"]})
    world.advance(minutes=2)
    ((state, description),) = ended(world)
    assert (state, "suspended" in description) == ("FAILED", True)


def test_cancelling_a_run() -> None:
    world = World()
    world.automation("promote", promote(wait={"seconds": 60}), "staging")
    world.rollout(world.release("r1"), "staging")
    (run,) = world.runs()
    world.call("CancelAutomationRun", name=run.name)
    world.advance(minutes=2)
    assert [state for state, _ in ended(world)] == ["CANCELLED"]
    assert world.store.count("rollout") == 1
    with pytest.raises(ApiError, match="FAILED_PRECONDITION"):
        world.call("CancelAutomationRun", name=run.name)


def test_selectors_by_label() -> None:
    world = World()
    automation = pb.Automation(service_account="a@b", rules=[promote()])
    automation.selector.targets.add(id="*", labels={"tier": "gold"})
    world.call("CreateAutomation", parent=PIPELINE, automation_id="a", automation=automation)
    world.rollout(world.release("r1"), "staging")
    assert world.runs() == []


def test_advancing_a_canary() -> None:
    strategy = {"canary": {"canary_deployment": {"percentages": [25, 50]}}}
    world = World(stages=[pb.Stage(target_id="staging", strategy=strategy)])
    rule = {"id": "advance", "wait": {"seconds": 600}, "source_phases": ["canary-25"]}
    world.automation("advance", pb.AutomationRule(advance_rollout_rule=rule))
    world.rollout(world.release("r1"), "staging")
    rollout = world.rollout(world.release("r2"), "staging")
    world.advance(minutes=11)
    found = world.call("GetRollout", name=rollout)
    assert [pb.Phase.State.Name(phase.state) for phase in found.phases] == ["SUCCEEDED", "SUCCEEDED", "PENDING"]
    assert len(found.metadata.automation.advance_automation_runs) == 1
    assert ended(world) == [("SUCCEEDED", "")]


def test_repair_by_retries_with_backoff() -> None:
    world = World()
    world.automation("repair", repair({"retry": {"attempts": 3, "wait": {"seconds": 60}, "backoff_mode": 2}}))
    world.faults.add(Fault(method="execution/deploy/staging", times=2, code="INTERNAL"))
    rollout = world.rollout(world.release("r1"), "staging")
    assert world.state(rollout) == "FAILED"
    assert world.call("GetRollout", name=rollout).active_repair_automation_run == world.runs()[0].name
    world.advance(seconds=61)
    assert world.state(rollout) == "FAILED"
    world.advance(seconds=118)
    assert world.state(rollout) == "FAILED"
    world.advance(seconds=2)
    assert world.state(rollout) == "SUCCEEDED"
    (run,) = world.runs()
    attempts = run.repair_rollout_operation.repair_phases[0].retry.attempts
    assert [(attempt.wait.seconds, attempt.state) for attempt in attempts] == [(60, 3), (120, 1)]
    assert ended(world) == [("SUCCEEDED", "")]
    found = world.call("GetRollout", name=rollout)
    assert (found.active_repair_automation_run, list(found.metadata.automation.repair_automation_runs)) == (
        "",
        [run.name],
    )


def test_a_linear_backoff_waits_equally_long_each_time() -> None:
    world = World()
    world.automation("repair", repair({"retry": {"attempts": 3, "wait": {"seconds": 60}}}))
    world.faults.add(Fault(method="execution/deploy/staging", code="INTERNAL"))
    world.rollout(world.release("r1"), "staging")
    world.advance(minutes=3)
    (run,) = world.runs()
    attempts = run.repair_rollout_operation.repair_phases[0].retry.attempts
    assert [attempt.wait.seconds for attempt in attempts] == [60, 60, 60]
    assert [state for state, _ in ended(world)] == ["FAILED"]


def test_repair_by_rollback_when_retries_did_not_help() -> None:
    world = World()
    world.automation("repair", repair({"retry": {"attempts": 2}}, {"rollback": {}}))
    world.rollout(world.release("good"), "staging")
    world.faults.add(Fault(method="execution/deploy/staging", times=3, code="INTERNAL"))
    bad = world.rollout(world.release("bad"), "staging")
    assert world.state(bad) == "FAILED"
    back = f"{PIPELINE}/releases/good/rollouts/good-to-staging-0001"
    assert world.state(back) == "SUCCEEDED"
    assert world.call("GetRollout", name=back).rollback_of_rollout == bad
    (run,) = world.runs()
    assert run.repair_rollout_operation.repair_phases[1].rollback.rollout_id == "good-to-staging-0001"
    assert ended(world) == [("SUCCEEDED", "")]


def test_a_repair_holds_the_target_until_it_has_ended() -> None:
    world = World()
    world.automation("repair", repair({"retry": {"attempts": 1, "wait": {"seconds": 60}}}))
    world.faults.add(Fault(method="execution/deploy/staging", times=2, code="INTERNAL"))
    release = world.release("r1")
    first = world.rollout(release, "staging", "first")
    second = world.rollout(release, "staging", "second")
    assert (world.state(first), world.state(second)) == ("FAILED", "PENDING")
    world.advance(minutes=2)
    assert (world.state(first), world.state(second)) == ("FAILED", "SUCCEEDED")
    ((state, description),) = ended(world)
    assert (state, "every repair" in description) == ("FAILED", True)


def test_a_rollback_with_nothing_to_go_back_to_fails_the_run() -> None:
    world = World()
    world.automation("repair", repair({"rollback": {}}))
    world.faults.add(Fault(method="execution/deploy/staging", times=1, code="INTERNAL"))
    world.rollout(world.release("r1"), "staging")
    ((state, description),) = ended(world)
    assert (state, "no earlier successful rollout" in description) == ("FAILED", True)


def test_repair_of_other_jobs_only() -> None:
    world = World()
    world.automation("repair", repair({"retry": {"attempts": 1}}, jobs=["verify"]))
    world.faults.add(Fault(method="execution/deploy/staging", times=1, code="INTERNAL"))
    world.rollout(world.release("r1"), "staging")
    assert world.runs() == []


def test_cancelling_a_repair_frees_the_target() -> None:
    world = World()
    world.automation("repair", repair({"retry": {"attempts": 1, "wait": {"seconds": 600}}}))
    world.faults.add(Fault(method="execution/deploy/staging", times=1, code="INTERNAL"))
    release = world.release("r1")
    world.rollout(release, "staging", "first")
    second = world.rollout(release, "staging", "second")
    world.call("CancelAutomationRun", name=world.runs()[0].name)
    world.settle()
    assert world.state(second) == "SUCCEEDED"
    assert [state for state, _ in ended(world)] == ["CANCELLED"]
