"""Comparing and applying against the local cloud, through Google's own clients: also when things go wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import deploy_v1
from google.cloud.storage import Client as StorageClient
from google.protobuf import field_mask_pb2

from msp import names
from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import RemoteError
from msp.gcp.polling import Polling
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread, local_cloud
from msp.pipeline import archive
from msp.pipeline.live.changes import DeleteResource, PipelineChange
from msp.pipeline.live.comparison import Comparison
from msp.pipeline.live.pipeline import LivePipeline
from msp.pipeline.live.report import headline, listing
from msp.spec import Spec

__all__ = ["local_cloud"]

MakeSpec = Callable[..., Spec]
LOCATION = "projects/msp-example-prod-0000/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/msp-example-us-central1-rollout"
API = "google.cloud.deploy.v1.CloudDeploy"


class World:
    """A local cloud and clients of it."""

    def __init__(self, cloud: CloudThread) -> None:
        self.cloud = cloud
        self.endpoints = Endpoints.local(cloud.http_url)
        self.deploy = clients.cloud_deploy_client(self.endpoints)

    def storage(self) -> StorageClient:
        return clients.storage_client(self.endpoints, "msp-example-prod-0000")

    def pipeline(self, spec: Spec, timeout: float = 20) -> LivePipeline:
        return LivePipeline(spec, "us-central1", self.endpoints, timeout=timeout, polling=Polling(initial=0.005))

    def apply(self, spec: Spec, *, prune: bool = False) -> list[str]:
        pipeline = self.pipeline(spec)
        _, made = pipeline.compare().split(prune=prune)
        for change in made:
            pipeline.make(change)
        return [headline(change) for change in made]

    def edit(self, target: deploy_v1.Target, field: str) -> None:
        mask = field_mask_pb2.FieldMask(paths=[field])
        finish(self.deploy.update_target(target=target, update_mask=mask))

    def state(self) -> dict[str, str]:
        """Every resource's etag, and the archive's generation: equal where nothing changed."""
        found = [
            *self.deploy.list_custom_target_types(parent=LOCATION),
            *self.deploy.list_targets(parent=LOCATION),
            *self.deploy.list_delivery_pipelines(parent=LOCATION),
            *self.deploy.list_automations(parent=PIPELINE),
        ]
        state = {resource.name: f"{resource.etag} {resource.update_time}" for resource in found}
        for resource in found:
            if "/automations/" not in resource.name:
                state[f"policy of {resource.name}"] = str(self.deploy.get_iam_policy({"resource": resource.name}))
        blob = self.storage().bucket("msp-example-prod-0000-cloudrun-skaffold").get_blob("source.tar.gz")
        return state | {"archive": str(blob.generation) if blob else ""}


def finish(operation: Any) -> None:
    operation.result(timeout=20)


@pytest.fixture
def world(local_cloud: CloudThread) -> World:
    return World(local_cloud)


@pytest.fixture
def spec(make_spec: MakeSpec) -> Spec:
    return make_spec({"staging": 1, "prod": None}, rollout__serviceAccount="ci@ci-project.iam.gserviceaccount.com")


def test_it_makes_everything_once(world: World, spec: Spec) -> None:
    assert len(world.apply(spec)) == 10
    before = world.state()
    assert world.pipeline(spec).changes() == ()
    assert world.apply(spec) == []
    assert world.state() == before
    blob = world.storage().bucket("msp-example-prod-0000-cloudrun-skaffold").blob("source.tar.gz")
    assert blob.download_as_bytes() == archive.source_archive()
    pipeline = world.deploy.get_delivery_pipeline(name=PIPELINE)
    assert pipeline.condition.pipeline_ready_condition.status
    policy = world.deploy.get_iam_policy({"resource": PIPELINE})
    assert {(binding.role, member) for binding in policy.bindings for member in binding.members} == {
        ("roles/clouddeploy.releaser", "serviceAccount:ci@ci-project.iam.gserviceaccount.com"),
        (
            "roles/clouddeploy.releaser",
            "serviceAccount:clouddeploy-releaser@msp-example-prod-0000.iam.gserviceaccount.com",
        ),
    }


def test_drift_is_mended_and_nothing_else_touched(world: World, spec: Spec) -> None:
    world.apply(spec)
    before = world.state()
    target = world.deploy.get_target(name=f"{LOCATION}/targets/prod-us-central1")
    target.description = "mine"
    world.edit(target, "description")
    assert listing(world.pipeline(spec).changes()) == (
        "~ target prod-us-central1\n    description: mine -> msp-example: prod (internal)"
    )
    assert world.apply(spec) == ["~ target prod-us-central1"]
    after = world.state()
    assert {name for name in after if after[name] != before[name]} == {target.name}


def suspend(world: World) -> None:
    pipeline = world.deploy.get_delivery_pipeline(name=PIPELINE)
    automation = world.deploy.get_automation(name=f"{PIPELINE}/automations/promote-staging-us-central1")
    pipeline.suspended = automation.suspended = True
    mask = field_mask_pb2.FieldMask(paths=["suspended"])
    finish(world.deploy.update_delivery_pipeline(delivery_pipeline=pipeline, update_mask=mask))
    finish(world.deploy.update_automation(automation=automation, update_mask=mask))


def suspended(world: World) -> tuple[bool, bool]:
    automation = world.deploy.get_automation(name=f"{PIPELINE}/automations/promote-staging-us-central1")
    return world.deploy.get_delivery_pipeline(name=PIPELINE).suspended, automation.suspended


def test_what_somebody_suspended_stays_so_until_the_specification_says_otherwise(
    world: World, spec: Spec, make_spec: MakeSpec
) -> None:
    world.apply(spec)
    suspend(world)
    longer = make_spec({"staging": 90, "prod": None}, rollout__serviceAccount="ci@ci-project.iam.gserviceaccount.com")
    assert world.apply(longer) == ["~ automation promote-staging-us-central1"]
    assert suspended(world) == (True, True)
    assert world.pipeline(longer).changes() == ()


HARMS = {
    "unavailable": {"code": "UNAVAILABLE"},
    "internal": {"code": "INTERNAL"},
    "dropped connection": {"drop_connection": True},
    "lost response": {"lose_response": True},
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_suspension_is_lifted_last_and_also_when_something_fails_on_the_way(
    world: World, make_spec: MakeSpec, harm: str
) -> None:
    world.apply(make_spec({"staging": 1, "prod": None}))
    suspend(world)
    for method in ("UpdateDeliveryPipeline", "UpdateAutomation"):
        world.cloud.faults.add(Fault(method=f"{API}/{method}", nth=2, **HARMS[harm]))  # type: ignore[arg-type]
    said = make_spec({"staging": 90, "prod": None}, rollout__suspended=False, build__source__repo="github.com/a/b")
    assert world.apply(said) == [
        "~ delivery pipeline msp-example-us-central1-rollout",
        "~ automation promote-staging-us-central1",
        "- suspension of automation promote-staging-us-central1",
        "- suspension of delivery pipeline msp-example-us-central1-rollout",
    ]
    assert world.cloud.faults.list() == []
    assert suspended(world) == (False, False)
    assert world.pipeline(said).changes() == ()


def test_what_the_specification_no_longer_has_goes_only_with_prune_and_only_ours(
    world: World, make_spec: MakeSpec
) -> None:
    world.apply(make_spec({"dev": 1, "staging": 60, "prod": None}))
    for name, labels in {
        "foreign": {},
        "unmarked": {"msp-service": "msp-example"},
        "neighbour": {"msp": "true", "msp-service": "msp-another"},
    }.items():
        foreign = deploy_v1.Target(run=deploy_v1.CloudRunLocation(location=LOCATION), labels=labels)
        finish(world.deploy.create_target(parent=LOCATION, target=foreign, target_id=name))
    automation = deploy_v1.Automation(
        service_account="a@msp-example-prod-0000.iam.gserviceaccount.com",
        selector={"targets": [{"id": "*"}]},
        rules=[{"repair_rollout_rule": {"id": "repair", "repair_phases": [{"retry": {"attempts": 1}}]}}],
    )
    finish(world.deploy.create_automation(parent=PIPELINE, automation=automation, automation_id="foreign"))

    smaller = make_spec({"staging": None, "prod": None})
    world.apply(smaller)
    kept = [headline(change) for change in world.pipeline(smaller).changes()]
    assert kept == [
        "- automation promote-dev-us-central1",
        "- automation promote-staging-us-central1",
        "- target dev-us-central1",
    ]
    assert world.apply(smaller, prune=True) == kept
    assert world.pipeline(smaller).changes() == ()
    targets = {target.name.rpartition("/")[2] for target in world.deploy.list_targets(parent=LOCATION)}
    assert targets == {"staging-us-central1", "prod-us-central1", "foreign", "unmarked", "neighbour"}
    automations = [found.name.rpartition("/")[2] for found in world.deploy.list_automations(parent=PIPELINE)]
    assert automations == ["foreign"]


METHODS = [
    f"{API}/UpdateCustomTargetType",
    f"{API}/UpdateTarget",
    f"{API}/UpdateDeliveryPipeline",
    f"{API}/UpdateAutomation",
    f"{API}/GetTarget",
    f"{API}/ListTargets",
    "*/SetIamPolicy",
    "*/GetIamPolicy",
    "storage/*",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("harm", HARMS)
def test_a_fault_on_the_way_ends_as_if_there_had_been_none(world: World, spec: Spec, method: str, harm: str) -> None:
    fault = world.cloud.faults.add(Fault(method=method, nth=1, **HARMS[harm]))  # type: ignore[arg-type]
    world.apply(spec)
    assert fault not in world.cloud.faults.list()
    assert world.pipeline(spec).changes() == ()


@pytest.mark.parametrize("harm", HARMS)
def test_a_fault_on_an_update_or_a_deletion_does_nothing_twice(world: World, make_spec: MakeSpec, harm: str) -> None:
    world.apply(make_spec({"dev": 1, "staging": 60, "prod": None}))
    for method in ("UpdateDeliveryPipeline", "DeleteAutomation", "DeleteTarget"):
        world.cloud.faults.add(Fault(method=f"{API}/{method}", nth=1, **HARMS[harm]))  # type: ignore[arg-type]
    # An answer that is lost leaves a new etag behind: only the request id tells the repeated call from a second one.
    smaller = make_spec({"staging": None, "prod": None})
    world.apply(smaller, prune=True)
    assert world.cloud.faults.list() == []
    assert world.pipeline(smaller).changes() == ()


def test_a_binding_under_a_condition_is_not_taken_for_ours(world: World, spec: Spec) -> None:
    world.apply(spec)
    name = f"{LOCATION}/targets/prod-us-central1"
    policy = world.deploy.get_iam_policy({"resource": name})
    policy.version = 3
    for binding in policy.bindings:
        binding.condition.title, binding.condition.expression = "office hours", "request.time.getHours() > 8"
    world.deploy.set_iam_policy({"resource": name, "policy": policy})
    assert world.apply(spec) == ["+ access to target prod-us-central1"]
    policy = world.deploy.get_iam_policy({"resource": name, "options": {"requested_policy_version": 3}})
    assert sorted(binding.condition.title for binding in policy.bindings) == ["", "office hours"]
    assert all(len(binding.members) == 2 for binding in policy.bindings)


def test_a_policy_that_someone_else_sets_meanwhile_keeps_theirs_and_ours(world: World, spec: Spec) -> None:
    world.apply(spec)
    name = f"{LOCATION}/targets/prod-us-central1"
    policy = world.deploy.get_iam_policy({"resource": name})
    del policy.bindings[:]
    policy.bindings.add(role="roles/clouddeploy.approver", members=["user:a@example.com"])
    policy.bindings.add(role="roles/clouddeploy.viewer", members=["user:b@example.com"])
    world.deploy.set_iam_policy({"resource": name, "policy": policy})
    world.cloud.faults.add(Fault(method="*/SetIamPolicy", nth=1, code="ABORTED"))
    assert world.apply(spec) == ["+ access to target prod-us-central1"]
    policy = world.deploy.get_iam_policy({"resource": name})
    members = {(binding.role, member) for binding in policy.bindings for member in binding.members}
    assert {
        ("roles/clouddeploy.approver", "user:a@example.com"),
        ("roles/clouddeploy.viewer", "user:b@example.com"),
        ("roles/clouddeploy.viewer", "serviceAccount:ci@ci-project.iam.gserviceaccount.com"),
    } < members


def test_a_change_made_by_someone_else_meanwhile_is_not_overwritten(world: World, spec: Spec) -> None:
    world.apply(spec)
    target = world.deploy.get_target(name=f"{LOCATION}/targets/prod-us-central1")
    target.description = "first"
    world.edit(target, "description")
    pipeline = world.pipeline(spec)
    (change,) = pipeline.changes()
    target.description = "second"
    target.etag = ""
    world.edit(target, "description")
    with pytest.raises(RemoteError, match="target prod-us-central1") as caught:
        pipeline.make(change)
    assert "run this again" in caught.value.hint
    assert world.apply(spec) == ["~ target prod-us-central1"]


def test_a_run_that_was_cut_short_is_completed_by_the_next(world: World, spec: Spec) -> None:
    changes: tuple[PipelineChange, ...] = world.pipeline(spec).changes()
    for done in range(len(changes)):
        pipeline = world.pipeline(spec)
        found = pipeline.changes()
        assert len(found) == len(changes) - done
        pipeline.make(found[0])  # and then killed
    assert world.pipeline(spec).changes() == ()


def test_two_runs_at_once_end_in_one_pipeline(world: World, spec: Spec) -> None:
    one, other = world.pipeline(spec), world.pipeline(spec)
    for mine, theirs in zip(one.changes(), other.changes(), strict=True):  # both found everything missing
        one.make(mine)
        other.make(theirs)
    assert world.pipeline(spec).changes() == ()


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        (
            Fault(method=f"{API}/GetTarget", code="PERMISSION_DENIED", message="no"),
            "target staging-us-central1",
            "ask for",
        ),
        (Fault(method=f"{API}/UpdateTarget", code="PERMISSION_DENIED", message="no"), "target staging", "ask for"),
        (Fault(method="*/SetIamPolicy", code="PERMISSION_DENIED", message="no"), "policy of custom target", "ask for"),
        (Fault(method="storage/*", http_status=403, message="no"), "source.tar.gz", "ask for"),
        (
            Fault(method="*/SetIamPolicy", code="ABORTED", message="no"),
            "policy of custom target type",
            "run this again",
        ),
    ],
)
def test_a_refusal_is_told_and_leaves_a_state_that_can_be_completed(
    world: World, spec: Spec, fault: Fault, message: str, hint: str
) -> None:
    world.cloud.faults.add(fault)
    with pytest.raises(RemoteError, match=message) as caught:
        world.apply(spec)
    assert hint in caught.value.hint
    world.cloud.faults.clear()
    world.apply(spec)
    assert world.pipeline(spec).changes() == ()


def test_a_bucket_of_somebody_else_is_not_trusted(world: World, spec: Spec) -> None:
    other = clients.storage_client(world.endpoints, "someone-else")
    other.create_bucket(names.source_bucket("msp-example-prod-0000"), project="someone-else")
    with pytest.raises(RemoteError, match="exists in another project"):
        world.apply(spec)


def test_an_archive_that_was_tampered_with_is_replaced(world: World, spec: Spec) -> None:
    world.apply(spec)
    bucket = world.storage().bucket("msp-example-prod-0000-cloudrun-skaffold")
    bucket.blob("source.tar.gz").upload_from_string(b"x" * (2 << 20))
    (headed,) = world.apply(spec)
    assert headed.startswith("~ source archive")
    assert bucket.blob("source.tar.gz").download_as_bytes() == archive.source_archive()


def test_deletions_are_the_only_changes_that_wait_for_prune(world: World, spec: Spec) -> None:
    gone = DeleteResource(deploy_v1.Target(name=f"{LOCATION}/targets/gone"))
    changes = (*world.pipeline(spec).changes(), gone)
    comparison = Comparison(changes, (), ())
    assert comparison.split(prune=False) == ((gone,), changes[:-1])
    assert comparison.split(prune=True) == ((), changes)


def test_a_pipeline_of_another_region_is_another_pipeline(world: World, spec: Spec) -> None:
    world.apply(spec)
    before = world.state()
    other = LivePipeline(spec, "europe-west1", world.endpoints, timeout=20)
    for change in other.changes():
        other.make(change)
    assert world.state() == before
