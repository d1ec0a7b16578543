"""What users write: pipelines, targets, custom target types, automations, policies."""

from typing import Any

import pytest
from google.protobuf import field_mask_pb2
from tests.localcloud.deploy.world import LOCATION, PIPELINE, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.status import ApiError, Code

TARGET = f"{LOCATION}/targets/staging"
RUN = {"location": LOCATION}


@pytest.fixture
def world() -> World:
    return World()


def refused(world: World, code: Code, method: str, **fields: Any) -> str:
    with pytest.raises(ApiError) as error:
        world.call(method, **fields)
    assert error.value.code is code
    return error.value.message


def mask(*paths: str) -> field_mask_pb2.FieldMask:
    return field_mask_pb2.FieldMask(paths=paths)


def test_create_twice_get_and_delete(world: World) -> None:
    target = world.call("GetTarget", name=TARGET)
    assert (target.target_id, len(target.uid), target.HasField("create_time")) == ("staging", 32, True)
    refused(world, Code.ALREADY_EXISTS, "CreateTarget", parent=LOCATION, target_id="staging", target=target)
    refused(world, Code.ABORTED, "DeleteTarget", name=TARGET, etag="other")
    world.call("DeleteTarget", name=TARGET, etag=target.etag)
    refused(world, Code.NOT_FOUND, "GetTarget", name=TARGET)
    refused(world, Code.NOT_FOUND, "DeleteTarget", name=TARGET)
    world.call("DeleteTarget", name=TARGET, allow_missing=True)


def test_update_by_mask_as_gcloud_sends_it(world: World) -> None:
    before = world.call("GetTarget", name=TARGET)
    given = pb.Target(name=TARGET, require_approval=True, labels={"team": "core"})
    given.run.location = "projects/x/locations/y"
    after = world.call("UpdateTarget", target=given, update_mask=mask("*", "labels"))
    assert (after.uid, after.create_time, after.target_id) == (before.uid, before.create_time, "staging")
    assert (after.require_approval, dict(after.labels), after.HasField("run")) == (True, {"team": "core"}, True)
    assert after.etag != before.etag
    narrow = world.call("UpdateTarget", target=pb.Target(name=TARGET, description="d"), update_mask=mask("description"))
    assert (narrow.description, narrow.require_approval) == ("d", True)
    refused(world, Code.INVALID_ARGUMENT, "UpdateTarget", target=given, update_mask=mask("nope"))
    given.etag = before.etag
    refused(world, Code.ABORTED, "UpdateTarget", target=given, update_mask=mask("*"))


def test_update_creates_only_when_missing_is_allowed(world: World) -> None:
    given = pb.Target(name=f"{LOCATION}/targets/new")
    given.run.location = "projects/x/locations/y"
    refused(world, Code.NOT_FOUND, "UpdateTarget", target=given, update_mask=mask("*"))
    created = world.call("UpdateTarget", target=given, update_mask=mask("*"), allow_missing=True)
    assert created.target_id == "new"


def test_validate_only_changes_nothing(world: World) -> None:
    target = pb.Target()
    target.run.location = "projects/x/locations/y"
    fields = {"parent": LOCATION, "target_id": "tried", "target": target, "validate_only": True}
    assert world.call("CreateTarget", **fields).name == f"{LOCATION}/targets/tried"
    refused(world, Code.NOT_FOUND, "GetTarget", name=f"{LOCATION}/targets/tried")
    refused(world, Code.INVALID_ARGUMENT, "CreateTarget", **{**fields, "target": pb.Target()})


def test_a_pipeline_says_which_targets_are_missing(world: World) -> None:
    ready = world.call("GetDeliveryPipeline", name=PIPELINE).condition
    assert ready.pipeline_ready_condition.status
    world.call("DeleteTarget", name=TARGET)
    condition = world.call("GetDeliveryPipeline", name=PIPELINE).condition
    assert not condition.pipeline_ready_condition.status
    assert list(condition.targets_present_condition.missing_targets) == [TARGET]
    listed = world.call("ListDeliveryPipelines", parent=LOCATION).delivery_pipelines
    assert not listed[0].condition.pipeline_ready_condition.status


def test_a_pipeline_says_when_a_custom_target_type_is_missing(world: World) -> None:
    world.call("DeleteCustomTargetType", name=f"{LOCATION}/customTargetTypes/run-service")
    condition = world.call("GetDeliveryPipeline", name=PIPELINE).condition
    assert not condition.targets_type_condition.status
    assert "run-service does not exist" in condition.targets_type_condition.error_details


def test_a_pipeline_with_releases_is_deleted_by_force_only(world: World) -> None:
    release = world.release("r1")
    world.rollout(release, "staging")
    refused(world, Code.FAILED_PRECONDITION, "DeleteDeliveryPipeline", name=PIPELINE)
    world.call("DeleteDeliveryPipeline", name=PIPELINE, force=True)
    refused(world, Code.NOT_FOUND, "GetRelease", name=release)
    assert world.store.count("rollout") == world.store.count("job-run") == world.store.count("running") == 0


def automation(**rule: Any) -> Any:
    made = pb.Automation(service_account="a@b", rules=[pb.AutomationRule(**rule)])
    made.selector.targets.add(id="*")
    return made


def policy(**window: Any) -> Any:
    made = pb.DeployPolicy(selectors=[pb.DeployPolicyResourceSelector(delivery_pipeline={"id": "*"})])
    made.rules.add().rollout_restriction.id = "r"
    windows = made.rules[0].rollout_restriction.time_windows
    windows.time_zone = "Europe/Berlin"
    windows.weekly_windows.add(**window)
    return made


def executing(seconds: int, *usages: str) -> Any:
    return pb.Target(run=RUN, execution_configs=[{"usages": usages, "execution_timeout": {"seconds": seconds}}])


LONG = 15 * 24 * 3600


@pytest.mark.parametrize(
    ("method", "field", "resource", "problem"),
    [
        ("CreateTarget", "target", pb.Target(), "needs one of"),
        ("CreateTarget", "target", pb.Target(run=RUN, labels={"A": "b"}), "lower case"),
        ("CreateTarget", "target", pb.Target(run=RUN, labels={"1": "b"}), "begin with a letter"),
        ("CreateTarget", "target", pb.Target(run=RUN, labels={f"k{n}": "" for n in range(65)}), "more than 64"),
        ("CreateTarget", "target", pb.Target(run=RUN, description="x" * 256), "255"),
        ("CreateTarget", "target", pb.Target(run=RUN, annotations={"k": "x" * 262144}), "262144"),
        ("CreateTarget", "target", pb.Target(run=RUN, annotations={"a b": ""}), "the name in the key 'a b'"),
        ("CreateTarget", "target", pb.Target(run=RUN, annotations={"-": ""}), "the name in the key '-'"),
        ("CreateTarget", "target", pb.Target(run=RUN, annotations={"a" * 64: ""}), "1 to 63"),
        ("CreateTarget", "target", pb.Target(run=RUN, annotations={"a_b/c": ""}), "must be a domain"),
        ("CreateTarget", "target", pb.Target(run=RUN, annotations={"a/b/c": ""}), "must be a domain"),
        ("CreateTarget", "target", pb.Target(run={}), "target.run.location: '' is not of the form"),
        ("CreateTarget", "target", pb.Target(run={"location": "us-central1"}), "target.run.location"),
        (
            "CreateTarget",
            "target",
            pb.Target(gke={"cluster": "c"}),
            "{location}/clusters/{cluster}",
        ),
        (
            "CreateTarget",
            "target",
            pb.Target(gke={"cluster": f"{LOCATION}/clusters/c", "internal_ip": True, "dns_endpoint": True}),
            "can't both be set",
        ),
        ("CreateTarget", "target", pb.Target(anthos_cluster={"membership": "m"}), "/memberships/{membership}"),
        ("CreateTarget", "target", pb.Target(custom_target={}), "custom_target_type: is required"),
        ("CreateTarget", "target", pb.Target(custom_target={"custom_target_type": "a/b"}), "customTargetTypes/{type}"),
        ("CreateTarget", "target", pb.Target(custom_target={"custom_target_type": "A"}), "lower case"),
        ("CreateTarget", "target", executing(60, "RENDER", "DEPLOY"), "10 minutes to 24 hours"),
        ("CreateTarget", "target", executing(24 * 3600 + 1, "RENDER", "DEPLOY"), "10 minutes to 24 hours"),
        ("CreateTarget", "target", executing(600, "RENDER"), "DEPLOY is in none"),
        ("CreateTarget", "target", pb.Target(run=RUN, deploy_parameters={"a b": ""}), "not a parameter's name"),
        ("CreateTarget", "target", pb.Target(run=RUN, deploy_parameters={"CLOUD_DEPLOY_x": ""}), "keeps to itself"),
        ("CreateTarget", "target", pb.Target(run=RUN, deploy_parameters={"k": "x" * 513}), "512"),
        ("CreateTarget", "target", pb.Target(run=RUN, deploy_parameters={"k" * 64: ""}), "63"),
        ("CreateTarget", "target", pb.Target(run=RUN, deploy_parameters={f"k{n}": "" for n in range(51)}), "50"),
        ("CreateTarget", "target", pb.Target(multi_target={"target_ids": ["a", "a"]}), "twice"),
        ("CreateTarget", "target", pb.Target(multi_target={}), "at least one"),
        ("CreateTarget", "target", pb.Target(run=RUN, execution_configs=[{}]), "at least one"),
        ("CreateCustomTargetType", "custom_target_type", pb.CustomTargetType(), "deploy_action: is required"),
        (
            "CreateDeliveryPipeline",
            "delivery_pipeline",
            {"serial_pipeline": {"stages": [{}]}},
            "target_id: is required",
        ),
        (
            "CreateDeliveryPipeline",
            "delivery_pipeline",
            {"serial_pipeline": {"stages": [{"target_id": "a"}, {"target_id": "a"}]}},
            "already another stage",
        ),
        ("CreateAutomation", "automation", pb.Automation(), "service_account: is required"),
        ("CreateAutomation", "automation", automation(), "needs a rule"),
        ("CreateAutomation", "automation", automation(promote_release_rule={"id": "A"}), "lower case"),
        (
            "CreateAutomation",
            "automation",
            automation(promote_release_rule={"id": "a", "wait": {"seconds": LONG}}),
            "from 0 to 14 days",
        ),
        (
            "CreateAutomation",
            "automation",
            automation(repair_rollout_rule={"id": "a", "repair_phases": [{"retry": {"attempts": 11}}]}),
            "from 1 to 10",
        ),
        ("CreateDeployPolicy", "deploy_policy", pb.DeployPolicy(), "selectors: at least one"),
        ("CreateDeployPolicy", "deploy_policy", policy(start_time={"hours": 9}), "both start_time and end_time"),
        (
            "CreateDeployPolicy",
            "deploy_policy",
            policy(start_time={"hours": 9}, end_time={"hours": 9}),
            "ends before it begins",
        ),
    ],
)
def test_what_is_invalid_is_refused_with_its_field(
    world: World, method: str, field: str, resource: Any, problem: str
) -> None:
    parent = PIPELINE if field == "automation" else LOCATION
    fields = {"parent": parent, f"{field}_id": "new", field: resource}
    assert problem in refused(world, Code.INVALID_ARGUMENT, method, **fields)


def test_what_is_just_allowed(world: World) -> None:
    worlds_end = 24 * 3600
    for number, target in enumerate(
        [
            executing(600, "RENDER", "DEPLOY"),
            executing(worlds_end, "RENDER", "DEPLOY", "VERIFY"),
            pb.Target(run=RUN, annotations={"a" * 63: "", "example.com/a.b_c-d": "", "commitSha": ""}),
            pb.Target(run=RUN, deploy_parameters={f"p/k{n}": "x" * 512 for n in range(50)}),
            pb.Target(gke={"cluster": f"{LOCATION}/clusters/c", "dns_endpoint": True}),
            pb.Target(anthos_cluster={"membership": "projects/p/locations/global/memberships/m"}),
        ]
    ):
        world.call("CreateTarget", parent=LOCATION, target_id=f"t{number}", target=target)


@pytest.mark.parametrize("bad", ["", "A", "a_b", "1a", "a-", "a" * 64])
def test_bad_ids(world: World, bad: str) -> None:
    refused(world, Code.INVALID_ARGUMENT, "CreateTarget", parent=LOCATION, target_id=bad, target=pb.Target(run=RUN))


def test_iam_policies_are_kept_with_their_etag(world: World) -> None:
    first = world.call("GetIamPolicy", resource=PIPELINE)
    first.bindings.add(role="roles/clouddeploy.releaser", members=["user:a@b.c"])
    second = world.call("SetIamPolicy", resource=PIPELINE, policy=first)
    assert world.call("GetIamPolicy", resource=PIPELINE) == second
    refused(world, Code.ABORTED, "SetIamPolicy", resource=PIPELINE, policy=first)
    refused(world, Code.NOT_FOUND, "GetIamPolicy", resource=f"{LOCATION}/targets/none")
    answer = world.call("TestIamPermissions", resource=TARGET, permissions=["clouddeploy.targets.get"])
    assert list(answer.permissions) == ["clouddeploy.targets.get"]


def test_config() -> None:
    config = World().call("GetConfig", name=f"{LOCATION}/config")
    assert config.default_skaffold_version in {version.version for version in config.supported_versions}
