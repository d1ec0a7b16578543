"""Rollouts: approval, the queue, phases and jobs, failing, mending, cancelling, rolling back."""

from datetime import timedelta
from typing import Any

import pytest
from tests.localcloud.deploy.world import DIGEST, IMAGE, PIPELINE, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.faults import Fault
from msp.localcloud.status import ApiError

MINUTE = Pace(job=timedelta(minutes=1))
CANARY = pb.Stage(
    target_id="staging",
    strategy={
        "canary": {
            "canary_deployment": {
                "percentages": [25, 50],
                "verify": True,
                "predeploy": {"actions": ["migrate"]},
                "postdeploy": {"actions": ["migrate"]},
            }
        }
    },
)


def phases(world: World, rollout: str) -> dict[str, str]:
    found = world.call("GetRollout", name=rollout).phases
    return {phase.id: pb.Phase.State.Name(phase.state) for phase in found}


def jobs(world: World, rollout: str, phase: int = 0) -> dict[str, str]:
    own = world.call("GetRollout", name=rollout).phases[phase].deployment_jobs
    return {job.id: pb.Job.State.Name(job.state) for _, job in own.ListFields()}


def refused(world: World, problem: str, method: str, **fields: Any) -> None:
    with pytest.raises(ApiError, match=problem):
        world.call(method, **fields)


def test_a_deploy_records_what_runs_by_digest() -> None:
    world = World()
    rollout = world.call("GetRollout", name=world.rollout(world.release("r1"), "staging"))
    assert rollout.state == pb.Rollout.State.SUCCEEDED
    assert dict(rollout.metadata.custom.values) == {IMAGE: DIGEST}
    (run,) = world.call("ListJobRuns", parent=rollout.name).job_runs
    assert (run.state, run.job_id, run.phase_id) == (pb.JobRun.State.SUCCEEDED, "deploy", "stable")
    assert rollout.phases[0].deployment_jobs.deploy_job.job_run == run.name
    assert dict(run.deploy_job_run.metadata.custom.values) == {IMAGE: DIGEST}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"customTarget/tag": "v2"}, f"image {IMAGE}:v2 does not exist"),
        ({"customTarget/tag": "v1", "customTarget/digest": "sha256:" + "2" * 64}, f"{IMAGE}@sha256:222.*not exist"),
        ({}, "neither customTarget/digest nor customTarget/tag"),
    ],
)
def test_an_image_that_is_not_there_fails_the_rollout(parameters: dict[str, str], problem: str) -> None:
    world = World()
    rollout = world.rollout(world.release("r1", deploy_parameters=parameters), "staging")
    found = world.call("GetRollout", name=rollout)
    assert found.state == pb.Rollout.State.FAILED
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(found.failure_reason)
    assert found.deploy_failure_cause == pb.Rollout.FailureCause.EXECUTION_FAILED
    (run,) = world.call("ListJobRuns", parent=rollout).job_runs
    assert run.deploy_job_run.failure_message == found.failure_reason


def test_build_artifacts_are_checked_where_no_image_parameter_is() -> None:
    world = World(stages=[pb.Stage(target_id="cloudrun")])
    world.target("cloudrun", run={"location": "projects/x/locations/y"})
    good = world.release("r1", build_artifacts=[{"image": "app", "tag": f"{IMAGE}@{DIGEST}"}])
    bad = world.release("r2", build_artifacts=[{"image": "app", "tag": f"{IMAGE}:gone"}])
    assert world.state(world.rollout(good, "cloudrun")) == "SUCCEEDED"
    assert world.state(world.rollout(bad, "cloudrun")) == "FAILED"


def test_stage_parameters_are_for_targets_with_their_labels() -> None:
    parameters = [
        {"values": {"customTarget/tag": "v9"}, "match_target_labels": {"tier": "gold"}},
        {"values": {"customTarget/tag": "v1"}},
    ]
    world = World(stages=[pb.Stage(target_id="staging", deploy_parameters=parameters)])
    assert world.state(world.rollout(world.release("r1", deploy_parameters={}), "staging")) == "SUCCEEDED"


def test_approval() -> None:
    world = World()
    release = world.release("r1")
    first, second = (world.rollout(release, "prod", f"p{number}") for number in (1, 2))
    assert world.state(first) == world.state(second) == "PENDING_APPROVAL"
    world.call("ApproveRollout", name=first, approved=True)
    world.call("ApproveRollout", name=second, approved=False)
    world.settle()
    assert (world.state(first), world.state(second)) == ("SUCCEEDED", "APPROVAL_REJECTED")
    found = world.call("GetRollout", name=first)
    assert (found.approval_state, found.HasField("approve_time")) == (pb.Rollout.ApprovalState.APPROVED, True)
    refused(world, "FAILED_PRECONDITION.*SUCCEEDED", "ApproveRollout", name=first, approved=True)


def test_one_rollout_at_a_time_per_target_the_rest_in_order() -> None:
    world = World(MINUTE)
    release = world.release("r1")
    names = [world.rollout(release, "staging", f"s{number}") for number in range(3)]
    assert [world.state(name) for name in names] == ["IN_PROGRESS", "PENDING", "PENDING"]
    world.call("CancelRollout", name=names[1])
    assert world.state(names[1]) == "CANCELLED"
    world.advance(seconds=61)
    assert [world.state(name) for name in names] == ["SUCCEEDED", "CANCELLED", "IN_PROGRESS"]
    world.advance(seconds=60)
    assert world.state(names[2]) == "SUCCEEDED"


def test_canary_after_a_first_rollout_that_goes_straight_to_stable() -> None:
    world = World(stages=[CANARY])
    first = world.rollout(world.release("r1"), "staging")
    assert phases(world, first) == {"canary-25": "SKIPPED", "canary-50": "SKIPPED", "stable": "SUCCEEDED"}
    second = world.rollout(world.release("r2"), "staging")
    assert phases(world, second) == {"canary-25": "SUCCEEDED", "canary-50": "PENDING", "stable": "PENDING"}
    assert jobs(world, second) == {"predeploy": "SUCCEEDED", "deploy": "SUCCEEDED", "verify": "SUCCEEDED"}
    assert world.state(second) == "IN_PROGRESS"
    refused(world, "canary-50.*only", "AdvanceRollout", name=second, phase_id="stable")
    world.call("AdvanceRollout", name=second, phase_id="canary-50")
    world.settle()
    world.call("AdvanceRollout", name=second, phase_id="stable")
    world.settle()
    assert jobs(world, second, 2) == {"deploy": "SUCCEEDED", "verify": "SUCCEEDED", "postdeploy": "SUCCEEDED"}
    assert world.state(second) == "SUCCEEDED"
    refused(world, "FAILED_PRECONDITION", "AdvanceRollout", name=second, phase_id="stable")


def test_a_phase_to_start_with() -> None:
    world = World(stages=[CANARY])
    world.rollout(world.release("r1"), "staging")
    release = world.release("r2")
    rollout = world.rollout(release, "staging", "late", starting_phase_id="canary-50")
    assert phases(world, rollout) == {"canary-25": "SKIPPED", "canary-50": "SUCCEEDED", "stable": "PENDING"}
    with pytest.raises(ApiError, match="INVALID_ARGUMENT: starting_phase_id"):
        world.rollout(release, "staging", "never", starting_phase_id="canary-99")


def test_retry_and_ignore() -> None:
    world = World(stages=[pb.Stage(target_id="staging", strategy={"standard": {"verify": True}})])
    world.faults.add(Fault(method="execution/verify/staging", times=2, code="INTERNAL", message="unwell"))
    rollout = world.rollout(world.release("r1"), "staging")
    assert (world.state(rollout), phases(world, rollout)) == ("FAILED", {"stable": "FAILED"})
    job = {"rollout": rollout, "phase_id": "stable", "job_id": "verify"}
    refused(world, "did not fail", "RetryJob", **{**job, "job_id": "deploy"})
    refused(world, "NOT_FOUND", "RetryJob", **{**job, "job_id": "none"})
    world.call("RetryJob", **job)
    world.settle()
    assert jobs(world, rollout) == {"deploy": "SUCCEEDED", "verify": "FAILED"}
    assert world.call("GetRollout", name=rollout).failure_reason == "unwell"
    world.call("IgnoreJob", **job)
    world.settle()
    assert (world.state(rollout), jobs(world, rollout)) == ("SUCCEEDED", {"deploy": "SUCCEEDED", "verify": "IGNORED"})
    assert world.call("GetRollout", name=rollout).failure_reason == ""
    assert len(world.call("ListJobRuns", parent=rollout).job_runs) == 3
    refused(world, "FAILED_PRECONDITION", "RetryJob", **job)


def test_a_retry_waits_for_its_turn() -> None:
    world = World(MINUTE)
    world.faults.add(Fault(method="execution/deploy/staging", times=1, code="DEADLINE_EXCEEDED"))
    release = world.release("r1")
    first, second = (world.rollout(release, "staging", f"s{number}") for number in (1, 2))
    world.advance(seconds=60)
    assert (world.state(first), world.state(second)) == ("FAILED", "IN_PROGRESS")
    assert world.call("GetRollout", name=first).deploy_failure_cause == pb.Rollout.FailureCause.DEADLINE_EXCEEDED
    world.call("RetryJob", rollout=first, phase_id="stable", job_id="deploy")
    assert world.state(first) == "PENDING"
    world.advance(minutes=3)
    assert (world.state(first), world.state(second)) == ("SUCCEEDED", "SUCCEEDED")


def test_cancel_in_progress_frees_the_target() -> None:
    world = World(MINUTE)
    release = world.release("r1")
    first, second = (world.rollout(release, "staging", f"s{number}") for number in (1, 2))
    world.call("CancelRollout", name=first)
    assert world.state(first) == "CANCELLING"
    world.settle()
    assert (world.state(first), world.state(second)) == ("CANCELLED", "IN_PROGRESS")
    assert phases(world, first) == {"stable": "ABORTED"}
    (run,) = world.call("ListJobRuns", parent=first).job_runs
    assert run.state == pb.JobRun.State.TERMINATED
    refused(world, "FAILED_PRECONDITION", "CancelRollout", name=first)
    world.advance(minutes=5)
    assert world.state(first) == "CANCELLED"


def test_terminate_a_job_run_and_retry_it() -> None:
    world = World(MINUTE)
    rollout = world.rollout(world.release("r1"), "staging")
    (run,) = world.call("ListJobRuns", parent=rollout).job_runs
    world.call("TerminateJobRun", name=run.name)
    world.settle()
    assert (world.state(rollout), jobs(world, rollout)) == ("FAILED", {"deploy": "ABORTED"})
    assert world.call("GetJobRun", name=run.name).state == pb.JobRun.State.TERMINATED
    refused(world, "FAILED_PRECONDITION", "TerminateJobRun", name=run.name)
    world.call("RetryJob", rollout=rollout, phase_id="stable", job_id="deploy")
    world.advance(minutes=2)
    assert world.state(rollout) == "SUCCEEDED"


def test_rollouts_that_can_not_be_created() -> None:
    world = World()
    release = world.release("r1")
    fields = {"parent": release, "rollout_id": "x", "rollout": pb.Rollout(target_id="staging")}
    refused(world, "NOT_FOUND", "CreateRollout", **{**fields, "parent": f"{PIPELINE}/releases/none"})
    refused(world, "INVALID_ARGUMENT: rollout.target_id", "CreateRollout", **{**fields, "rollout": pb.Rollout()})
    refused(world, "INVALID_ARGUMENT: rollout_id", "CreateRollout", **{**fields, "rollout_id": "a" * 65})
    refused(world, "no stage", "CreateRollout", **{**fields, "rollout": pb.Rollout(target_id="other")})
    world.call("CreateRollout", **fields)
    refused(world, "ALREADY_EXISTS", "CreateRollout", **fields)
    pipeline = pb.DeliveryPipeline(name=PIPELINE, suspended=True)
    world.call("UpdateDeliveryPipeline", delivery_pipeline=pipeline, update_mask={"paths": ["suspended"]})
    refused(world, "suspended", "CreateRollout", **{**fields, "rollout_id": "y"})


def test_rollback() -> None:
    world = World()
    old, abandoned, new = (world.release(name) for name in ("old", "abandoned", "new"))
    for release in (old, abandoned, new):
        world.rollout(release, "staging")
        world.advance(minutes=1)
    world.call("AbandonRelease", name=abandoned)
    fields = {"name": PIPELINE, "target_id": "staging", "rollout_id": "back"}
    planned = world.call("RollbackTarget", **fields, validate_only=True)
    assert planned.rollback_config.rollout.name == f"{old}/rollouts/back"
    assert world.store.count("rollout") == 3
    done = world.call("RollbackTarget", **fields)
    world.settle()
    rollout = world.call("GetRollout", name=done.rollback_config.rollout.name)
    assert rollout.state == pb.Rollout.State.SUCCEEDED
    assert rollout.rollback_of_rollout == f"{new}/rollouts/new-to-staging"
    current = world.call("GetRollout", name=rollout.rollback_of_rollout)
    assert list(current.rolled_back_by_rollouts) == [rollout.name]
    refused(world, "latest rollout", "RollbackTarget", **{**fields, "rollout_id": "b2"}, rollout_to_roll_back="other")


def test_rollback_with_nothing_to_go_back_to() -> None:
    world = World()
    fields = {"name": PIPELINE, "target_id": "staging", "rollout_id": "back"}
    refused(world, "nothing was deployed", "RollbackTarget", **fields)
    world.rollout(world.release("r1"), "staging")
    refused(world, "no earlier successful rollout", "RollbackTarget", **fields)
    refused(world, "INVALID_ARGUMENT: rollout_id", "RollbackTarget", name=PIPELINE, target_id="staging")


def multi_target(**stage: Any) -> World:
    world = World(stages=[pb.Stage(target_id="all", **stage)])
    world.target("east")
    world.target("all", multi_target={"target_ids": ["staging", "east"]}, require_approval=True)
    return world


def test_a_multi_target_deploys_to_its_children() -> None:
    world = multi_target()
    release = world.release("r1")
    rollout = world.rollout(release, "all")
    world.call("ApproveRollout", name=rollout, approved=True)
    world.settle()
    assert world.state(rollout) == "SUCCEEDED"
    children = [each for each in world.call("ListRollouts", parent=release).rollouts if each.controller_rollout]
    assert {child.target_id for child in children} == {"staging", "east"}
    assert all(child.state == pb.Rollout.State.SUCCEEDED for child in children)
    with pytest.raises(ApiError, match="child of 'all'"):
        world.rollout(release, "east")


def test_a_multi_target_fails_with_its_child_and_is_advanced_with_it() -> None:
    world = multi_target(strategy=CANARY.strategy)
    first = world.rollout(world.release("r1"), "all")
    world.call("ApproveRollout", name=first, approved=True)
    world.settle()
    assert phases(world, first) == {"canary-25": "SKIPPED", "canary-50": "SKIPPED", "stable": "SUCCEEDED"}
    second = world.rollout(world.release("r2"), "all")
    world.call("ApproveRollout", name=second, approved=True)
    for phase in ("canary-50", "stable"):
        world.settle()
        assert world.state(second) == "IN_PROGRESS"
        world.call("AdvanceRollout", name=second, phase_id=phase)
    world.settle()
    assert set(phases(world, second).values()) == {"SUCCEEDED"}
    world.faults.add(Fault(method="execution/deploy/east", times=1, code="INTERNAL", message="no room"))
    third = world.rollout(world.release("r3"), "all")
    world.call("ApproveRollout", name=third, approved=True)
    world.settle()
    found = world.call("GetRollout", name=third)
    assert (world.state(third), "no room" in found.failure_reason) == ("FAILED", True)


def test_methods_say_what_they_need() -> None:
    world = World()
    rollout = world.rollout(world.release("r1"), "staging")
    for method, fields, missing in (
        ("AdvanceRollout", {"name": rollout}, "phase_id"),
        ("RetryJob", {"rollout": rollout, "phase_id": "stable"}, "job_id"),
        ("IgnoreJob", {"rollout": rollout, "job_id": "deploy"}, "phase_id"),
        ("CreateRelease", {"parent": PIPELINE, "release_id": "r2"}, "release"),
        ("CreateRollout", {"parent": f"{PIPELINE}/releases/r1", "rollout_id": "r2"}, "rollout"),
        ("RollbackTarget", {"name": PIPELINE, "target_id": "staging"}, "rollout_id"),
    ):
        with pytest.raises(ApiError, match=f"INVALID_ARGUMENT: {missing}: is required"):
            world.call(method, **fields)


def test_cloud_deploy_is_in_googles_regions() -> None:
    world = World()
    for method, fields in (
        ("GetTarget", {"name": "projects/p/locations/mars-east1/targets/t"}),
        ("ListTargets", {"parent": "projects/p/locations/us"}),
        ("GetIamPolicy", {"resource": "projects/p/locations/mars-east1/targets/t"}),
    ):
        with pytest.raises(ApiError, match=r"PERMISSION_DENIED.*\(or it may not exist\)"):
            world.call(method, **fields)
    world.deploy.any_region = True
    assert not world.call("ListTargets", parent="projects/p/locations/mars-east1").targets


@pytest.mark.parametrize("approved", [True, False])
def test_a_suspended_pipeline_refuses_to_approve_and_to_reject(approved: bool) -> None:
    world = World()
    rollout = world.rollout(world.release("r1"), "prod")
    for suspended in (True, False):
        pipeline = pb.DeliveryPipeline(name=PIPELINE, suspended=suspended)
        world.call("UpdateDeliveryPipeline", delivery_pipeline=pipeline, update_mask={"paths": ["suspended"]})
        if suspended:
            with pytest.raises(ApiError, match=r"FAILED_PRECONDITION.*suspended"):
                world.call("ApproveRollout", name=rollout, approved=approved)
            assert world.state(rollout) == "PENDING_APPROVAL"
    world.call("ApproveRollout", name=rollout, approved=approved)
