"""Deploy policies: windows, invokers, actions, selectors, overrides."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.localcloud.deploy.world import LOCATION, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.policies import inside
from msp.localcloud.status import ApiError

POLICY = f"{LOCATION}/deployPolicies/freeze"
ALWAYS = {"time_zone": "UTC", "weekly_windows": [{}]}


def freeze(world: World, windows: Any = ALWAYS, selector: Any = None, **restriction: Any) -> None:
    policy = pb.DeployPolicy(selectors=[selector or {"target": {"id": "*"}}])
    policy.rules.add(rollout_restriction={"id": "rule", "time_windows": windows, **restriction})
    world.call("CreateDeployPolicy", parent=LOCATION, deploy_policy_id="freeze", deploy_policy=policy)


def test_a_freeze_refuses_with_the_policys_name_and_an_override_passes() -> None:
    world = World()
    freeze(world)
    release = world.release("r1")
    with pytest.raises(ApiError, match=r"FAILED_PRECONDITION.*'rule'.*'freeze'.*CREATE") as error:
        world.rollout(release, "staging")
    (violation,) = error.value.details[0].policy_violation_details  # type: ignore[attr-defined]
    assert (violation.policy, violation.rule_id) == (POLICY, "rule")
    assert world.store.count("rollout") == 0
    with pytest.raises(ApiError, match="NOT_FOUND"):
        world.rollout(release, "staging", override_deploy_policy=["other"])
    assert world.state(world.rollout(release, "staging", override_deploy_policy=[POLICY])) == "SUCCEEDED"


def test_each_action_is_asked_for() -> None:
    world = World()
    release = world.release("r1")
    approved, retried = (
        world.rollout(release, "prod"),
        world.rollout(world.release("r2", deploy_parameters={}), "staging"),
    )
    freeze(world, actions=["APPROVE", "RETRY_JOB", "IGNORE_JOB", "CANCEL", "ROLLBACK"])
    job = {"rollout": retried, "phase_id": "stable", "job_id": "deploy"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("ApproveRollout", {"name": approved, "approved": True}),
        ("CancelRollout", {"name": approved}),
        ("RetryJob", job),
        ("IgnoreJob", job),
    ]
    for method, fields in calls:
        with pytest.raises(ApiError, match="restricted by deploy policy"):
            world.call(method, **fields)
    world.rollout(release, "staging", "fine")
    world.call("ApproveRollout", name=approved, approved=True, override_deploy_policy=["freeze"])


def test_suspended_other_invoker_other_target_other_pipeline() -> None:
    cases: tuple[dict[str, Any], ...] = (
        {"invokers": ["DEPLOY_AUTOMATION"]},
        {"selector": {"target": {"id": "prod"}}},
        {"selector": {"delivery_pipeline": {"id": "other"}}},
        {"selector": {"delivery_pipeline": {"labels": {"a": "b"}}}},
    )
    for fields in cases:
        world = World()
        freeze(world, **fields)
        assert world.state(world.rollout(world.release("r1"), "staging")) == "SUCCEEDED"
    world = World()
    freeze(world)
    policy = pb.DeployPolicy(name=POLICY, suspended=True)
    world.call("UpdateDeployPolicy", deploy_policy=policy, update_mask={"paths": ["suspended"]})
    assert world.state(world.rollout(world.release("r1"), "staging")) == "SUCCEEDED"


def test_an_automation_is_stopped_and_its_run_says_by_what() -> None:
    world = World()
    world.automation("promote", pb.AutomationRule(promote_release_rule={"id": "p"}), "staging")
    freeze(world, invokers=["DEPLOY_AUTOMATION"])
    world.rollout(world.release("r1"), "staging")
    (run,) = world.runs()
    assert run.state == pb.AutomationRun.State.FAILED
    assert run.policy_violation.policy_violation_details[0].policy == POLICY


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-07-03T14:59:59", False),
        ("2026-07-03T15:00:00", True),  # 17:00 in Berlin
        ("2026-07-03T21:59:59", True),
        ("2026-07-03T22:00:00", False),  # midnight
        ("2026-07-02T16:00:00", False),  # a Thursday
    ],
)
def test_a_weekly_window_in_its_time_zone(moment: str, expected: bool) -> None:
    windows = pb.TimeWindows(time_zone="Europe/Berlin")
    windows.weekly_windows.add(days_of_week=["FRIDAY"], start_time={"hours": 17}, end_time={"hours": 24})
    assert inside(windows, at(moment)) is expected


def test_a_one_time_window_starts_inside_and_ends_outside() -> None:
    windows = pb.TimeWindows(time_zone="America/New_York")
    windows.one_time_windows.add(
        start_date={"year": 2026, "month": 12, "day": 31},
        start_time={"hours": 17},
        end_date={"year": 2027, "month": 1, "day": 1},
        end_time={"hours": 9},
    )
    begin, end, instant = at("2026-12-31T22:00:00"), at("2027-01-01T14:00:00"), timedelta(microseconds=1)
    assert [inside(windows, each) for each in (begin - instant, begin, end - instant, end)] == [
        False,
        True,
        True,
        False,
    ]
