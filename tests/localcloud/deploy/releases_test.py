"""Releases: snapshots, rendering and how it fails, abandoning."""

import io
import tarfile
from typing import Any

import pytest
from tests.localcloud.deploy.world import LOCATION, PIPELINE, SKAFFOLD, World, archive

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.faults import Fault
from msp.localcloud.status import ApiError

RENDERS = pb.Release.RenderState


def test_a_release_renders_after_a_while() -> None:
    world = World()
    created = world.call(
        "CreateRelease",
        parent=PIPELINE,
        release_id="r1",
        release=pb.Release(skaffold_config_uri="gs://source/source.tar.gz"),
    )
    assert created.render_state == RENDERS.IN_PROGRESS
    world.settle()
    release = world.call("GetRelease", name=created.name)
    assert release.render_state == RENDERS.SUCCEEDED
    assert release.condition.release_ready_condition.status
    assert set(release.target_renders) == set(release.target_artifacts) == {"staging", "prod"}
    assert release.skaffold_version
    assert "stable" in release.target_artifacts["prod"].phase_artifacts


def test_a_release_keeps_what_was_when_it_was_created() -> None:
    world = World()
    release = world.release("r1")
    world.call(
        "UpdateTarget",
        target=pb.Target(name=f"{LOCATION}/targets/prod", run={"location": LOCATION}),
        update_mask={"paths": ["*"]},
    )
    kept = world.call("GetRelease", name=release)
    assert {target.target_id: target.require_approval for target in kept.target_snapshots} == {
        "staging": False,
        "prod": True,
    }
    assert [kind.name for kind in kept.custom_target_type_snapshots] == [f"{LOCATION}/customTargetTypes/run-service"]
    assert kept.delivery_pipeline_snapshot.name == PIPELINE
    # The snapshot of prod asks for approval still.
    assert world.state(world.rollout(release, "prod")) == "PENDING_APPROVAL"


def render_failures(world: World, **fields: Any) -> dict[str, tuple[str, str]]:
    release = world.call("GetRelease", name=world.release("bad", **fields))
    assert release.render_state == RENDERS.FAILED
    assert not release.condition.release_ready_condition.status
    causes = pb.Release.TargetRender.FailureCause
    return {
        target: (causes.Name(render.failure_cause), render.failure_message)
        for target, render in release.target_renders.items()
        if render.failure_cause
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        (b"", "not a tar archive"),
        (b"\x1f\x8b broken", "not a tar archive"),
        (archive({"other.yaml": "a: 1"}), 'unable to find configuration file "skaffold.yaml"'),
        (archive({"skaffold.yaml": "apiVersion:\n  - ]"}), "unable to parse YAML: yaml: line 2"),
        (archive({"skaffold.yaml": "a: 1"}), "missing apiVersion"),
        (archive({"skaffold.yaml": ""}), "missing apiVersion"),
    ],
)
def test_a_bad_source_fails_the_release_and_says_why(content: bytes | None, problem: str) -> None:
    world = World()
    if content is None:
        world.buckets.clear()
    else:
        world.buckets["source/source.tar.gz"] = content
    failures = render_failures(world)
    assert set(failures) == {"staging", "prod"}
    assert all(cause == "EXECUTION_FAILED" and problem in message for cause, message in failures.values())


def test_no_source_at_all() -> None:
    assert "no source" in render_failures(World(), skaffold_config_uri="")["prod"][1]


def test_a_truncated_archive_fails_the_release() -> None:
    world = World()
    world.buckets["source/source.tar.gz"] = archive({"a": "x" * 5000, "skaffold.yaml": SKAFFOLD})[:60]
    assert "not a tar archive" in render_failures(world)["prod"][1]


def test_an_archive_of_something_huge_is_given_up_in_time() -> None:
    world = World()
    buffer = io.BytesIO()
    member = tarfile.TarInfo("huge")
    member.size = 2**40
    buffer.write(member.tobuf())
    world.buckets["source/source.tar.gz"] = buffer.getvalue()
    assert "more than" in render_failures(world)["prod"][1]


def test_custom_actions_must_be_in_skaffold_yaml() -> None:
    world = World()
    config = SKAFFOLD.replace("name: deploy-it", "name: something-else")
    world.buckets["source/source.tar.gz"] = archive({"./skaffold.yaml": config})
    cause, message = render_failures(world)["staging"]
    assert (cause, "deploy-it" in message) == ("CUSTOM_ACTION_NOT_FOUND", True)


@pytest.mark.parametrize(
    ("stage", "cause"),
    [
        ({"profiles": ["slow"]}, "EXECUTION_FAILED"),
        ({"strategy": {"standard": {"predeploy": {"actions": ["nope"]}}}}, "CUSTOM_ACTION_NOT_FOUND"),
        ({"strategy": {"standard": {"verify": True}}}, "VERIFICATION_CONFIG_NOT_FOUND"),
    ],
)
def test_a_stage_asks_for_what_skaffold_yaml_has_not(stage: dict[str, Any], cause: str) -> None:
    world = World(stages=[pb.Stage(target_id="staging", **stage)])
    config = SKAFFOLD.replace("verify:\n  - {name: check, container: {name: check, image: check}}\n", "")
    world.buckets["source/source.tar.gz"] = archive({"skaffold.yaml": config})
    assert render_failures(world)["staging"][0] == cause


def test_a_fault_fails_one_targets_render() -> None:
    world = World()
    world.faults.add(Fault(method="execution/render/prod", code="INTERNAL", message="no disk"))
    assert render_failures(world) == {"prod": ("EXECUTION_FAILED", "no disk")}


def test_releases_that_can_not_be_created() -> None:
    world = World()
    release = pb.Release(skaffold_config_uri="gs://source/source.tar.gz")

    def refused(problem: str, **fields: Any) -> None:
        with pytest.raises(ApiError, match=problem):
            world.call("CreateRelease", **{"parent": PIPELINE, "release_id": "r1", "release": release, **fields})

    refused("NOT_FOUND", parent=f"{LOCATION}/deliveryPipelines/none")
    refused("INVALID_ARGUMENT: release_id", release_id="20261122")
    refused("INVALID_ARGUMENT: release.skaffold_version", release=pb.Release(skaffold_version="1.0"))
    refused("INVALID_ARGUMENT: release.deploy_parameters", release=pb.Release(deploy_parameters={"a b": "c"}))
    world.call("CreateRelease", parent=PIPELINE, release_id="r1", release=release)
    refused("ALREADY_EXISTS")
    pipeline = pb.DeliveryPipeline(name=PIPELINE, suspended=True)
    world.call("UpdateDeliveryPipeline", delivery_pipeline=pipeline, update_mask={"paths": ["suspended"]})
    refused("FAILED_PRECONDITION.*suspended", release_id="r2")
    pipeline.suspended = False
    world.call("UpdateDeliveryPipeline", delivery_pipeline=pipeline, update_mask={"paths": ["suspended"]})
    world.call("DeleteTarget", name=f"{LOCATION}/targets/prod")
    refused("FAILED_PRECONDITION.*targets/prod", release_id="r2")
    assert world.store.count("release") == 1


def test_abandoning_is_for_good() -> None:
    world = World()
    release = world.release("r1")
    world.call("AbandonRelease", name=release)
    world.call("AbandonRelease", name=release)
    assert world.call("GetRelease", name=release).abandoned
    with pytest.raises(ApiError, match=r"FAILED_PRECONDITION.*abandoned"):
        world.rollout(release, "staging")


def test_a_rollout_waits_for_its_release_and_fails_with_it() -> None:
    from datetime import timedelta

    world = World(Pace(render=timedelta(minutes=1)))
    for release_id, source in (
        ("good", "gs://source/source.tar.gz"),
        ("bad", "gs://source/none"),
        ("left", "gs://a/b"),
    ):
        world.release(release_id, skaffold_config_uri=source)
        world.rollout(f"{PIPELINE}/releases/{release_id}", "staging")
    names = [f"{PIPELINE}/releases/{each}/rollouts/{each}-to-staging" for each in ("good", "bad", "left")]
    assert [world.state(name) for name in names] == ["PENDING_RELEASE"] * 3
    world.call("AbandonRelease", name=f"{PIPELINE}/releases/left")
    world.advance(minutes=2)
    assert [world.state(name) for name in names] == ["SUCCEEDED", "FAILED", "FAILED"]
    causes = pb.Rollout.FailureCause
    found = [causes.Name(world.call("GetRollout", name=name).deploy_failure_cause) for name in names[1:]]
    assert found == ["RELEASE_FAILED", "RELEASE_ABANDONED"]
