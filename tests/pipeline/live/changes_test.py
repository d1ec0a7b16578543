"""What has to change, computed from what is there: nothing where all is well, and each thing in its turn."""

import dataclasses
from collections.abc import Callable

import proto
import pytest
from google.cloud import deploy_v1
from google.protobuf import duration_pb2, timestamp_pb2

from msp import names
from msp.pipeline.iam import Binding, bindings
from msp.pipeline.live.changes import Grant, PipelineChange, pipeline_changes, wanted_resources
from msp.pipeline.live.compare import Difference, differences
from msp.pipeline.live.report import details, headline, listing
from msp.pipeline.live.state import Live, LiveArchive
from msp.pipeline.resources import PipelineResources, resources
from msp.spec import Spec

MakeSpec = Callable[..., Spec]
ARCHIVE = b"archive"


@pytest.fixture
def spec(make_spec: MakeSpec) -> Spec:
    return make_spec({"staging": 60, "prod": None})


@pytest.fixture
def made(spec: Spec) -> PipelineResources:
    return resources(spec, "us-central1")


@pytest.fixture
def rows(spec: Spec, made: PipelineResources) -> tuple[Binding, ...]:
    return bindings(spec, made)


@pytest.fixture
def live(made: PipelineResources, rows: tuple[Binding, ...]) -> Live:
    """Everything as it should be, as a server would say it."""
    members = {row.resource: set[tuple[str, str]]() for row in rows if row.scope.in_cloud_deploy}
    for row in rows:
        if row.scope.in_cloud_deploy:
            members[row.resource].add((row.role, row.member))
    return Live(
        resources={message.name: as_served(message) for message in wanted_resources(made)},
        members={resource: frozenset(granted) for resource, granted in members.items()},
        archive=LiveArchive(bucket_exists=True, content=ARCHIVE, generation=7),
    )


def as_served(message: proto.Message) -> proto.Message:
    served = type(message)(message)
    served.uid, served.etag = "1234", "abcd"
    served.update_time = timestamp_pb2.Timestamp(seconds=1)
    served.labels["goog-terraform-provisioned"] = "true"
    if isinstance(served, deploy_v1.Target):
        (config,) = served.execution_configs
        config.default_pool = deploy_v1.DefaultPool(service_account=config.service_account)
        config.execution_timeout = duration_pb2.Duration(seconds=3600)
        config.usages = list(reversed(config.usages))
        kind = served.custom_target.custom_target_type
        served.custom_target.custom_target_type = "projects/123456/" + kind.split("/", 2)[2]
    if isinstance(served, deploy_v1.DeliveryPipeline):
        served.serial_pipeline.stages[0].strategy = deploy_v1.Strategy(standard=deploy_v1.Standard(verify=False))
    if isinstance(served, deploy_v1.Automation):
        served.rules[0].promote_release_rule.condition = deploy_v1.AutomationRuleCondition()
    return served


def headlines(found: tuple[PipelineChange, ...]) -> list[str]:
    return [headline(change) for change in found]


def test_what_a_server_fills_in_is_no_difference(
    made: PipelineResources, rows: tuple[Binding, ...], live: Live
) -> None:
    assert pipeline_changes(made, rows, ARCHIVE, live) == ()


def test_everything_is_made_in_the_order_of_dependency(made: PipelineResources, rows: tuple[Binding, ...]) -> None:
    assert headlines(pipeline_changes(made, rows, ARCHIVE, Live())) == [
        "+ source archive gs://msp-example-prod-0000-cloudrun-skaffold/source.tar.gz, and its bucket",
        "+ custom target type cloud-run-service",
        "+ target staging-us-central1",
        "+ target prod-us-central1",
        "+ delivery pipeline msp-example-us-central1-rollout",
        "+ automation promote-staging-us-central1",
        "+ access to custom target type cloud-run-service",
        "+ access to delivery pipeline msp-example-us-central1-rollout",
        "+ access to target prod-us-central1",
        "+ access to target staging-us-central1",
    ]


def change_target(target: deploy_v1.Target) -> None:
    target.deploy_parameters["customTarget/image"] = "elsewhere"


def require_approval(target: deploy_v1.Target) -> None:
    target.require_approval = True


def lengthen(target: deploy_v1.Target) -> None:
    target.execution_configs[0].execution_timeout = duration_pb2.Duration(seconds=7200)


def relabel(target: deploy_v1.Target) -> None:
    del target.labels["msp"]


@pytest.mark.parametrize(
    ("drift", "difference"),
    [
        (
            change_target,
            Difference("deployParameters.customTarget/image", "elsewhere", "us.gcr.io/sourcegraph-dev/msp-example"),
        ),
        (require_approval, Difference("requireApproval", "True", None)),
        (lengthen, Difference("executionConfigs[0].executionTimeout", "7200s", None)),
        (relabel, Difference("labels.msp", None, "true")),
    ],
)
def test_drift_is_found(
    made: PipelineResources, live: Live, drift: Callable[[deploy_v1.Target], None], difference: Difference
) -> None:
    target = live.resources[made.targets[0].name]
    drift(target)
    assert differences(target, made.targets[0]) == (difference,)


def test_the_report_says_what_is_and_what_should_be(
    made: PipelineResources, rows: tuple[Binding, ...], live: Live
) -> None:
    pipeline = live.resources[made.delivery_pipeline.name]
    pipeline.description = "mine"
    pipeline.serial_pipeline.stages[1].target_id = "prod-a"
    assert listing(pipeline_changes(made, rows, ARCHIVE, live)) == (
        "~ delivery pipeline msp-example-us-central1-rollout\n"
        "    description: mine -> Delivers msp-example\n"
        "    serialPipeline.stages[1].targetId: prod-a -> prod-us-central1"
    )


def test_another_archive_is_replaced(made: PipelineResources, rows: tuple[Binding, ...], live: Live) -> None:
    (change,) = pipeline_changes(made, rows, b"newer", live)
    assert headline(change).startswith("~ source archive gs://")
    assert list(details(change)) == ["its content differs"]


def test_a_missing_binding_is_added_and_a_foreign_one_left_alone(
    made: PipelineResources, rows: tuple[Binding, ...], live: Live
) -> None:
    name = made.targets[0].name
    (kept, *_), foreign = sorted(live.members[name]), ("roles/clouddeploy.approver", "user:a@example.com")
    assert kept[0] == "roles/clouddeploy.viewer"
    live = dataclasses.replace(live, members={**live.members, name: frozenset({foreign})})
    (change,) = pipeline_changes(made, rows, ARCHIVE, live)
    assert headline(change) == "+ access to target staging-us-central1"
    assert list(details(change)) == [
        "roles/clouddeploy.viewer for serviceAccount:clouddeploy-releaser@msp-example-prod-0000.iam.gserviceaccount.com"
    ]


def test_whoever_may_release_is_granted_it_together_on_each_resource(make_spec: MakeSpec, live: Live) -> None:
    spec = make_spec({"staging": 60, "prod": None}, rollout__serviceAccount="ci@ci.iam.gserviceaccount.com")
    assert spec.rollout is not None
    made = resources(spec, "us-central1")
    changes = pipeline_changes(made, bindings(spec, made), ARCHIVE, dataclasses.replace(live, members={}))
    accounts = {
        "serviceAccount:ci@ci.iam.gserviceaccount.com",
        f"serviceAccount:{names.releaser_account(made.project)}",
    }
    assert all(isinstance(change, Grant) for change in changes)
    granted = {
        change.resource: {row.member for row in change.bindings} for change in changes if isinstance(change, Grant)
    }
    assert granted == dict.fromkeys((message.name for message in wanted_resources(made)[:4]), accounts)


def test_leftover_automations_go_first_and_leftover_targets_after_the_pipeline(
    made: PipelineResources, rows: tuple[Binding, ...], live: Live
) -> None:
    live.resources[made.delivery_pipeline.name].description = "older"
    leftovers = (
        deploy_v1.Target(name="projects/p/locations/us-central1/targets/dev-us-central1"),
        deploy_v1.Automation(name="projects/p/locations/us-central1/deliveryPipelines/x/automations/promote-dev"),
    )
    assert headlines(pipeline_changes(made, rows, ARCHIVE, dataclasses.replace(live, leftovers=leftovers))) == [
        "- automation promote-dev",
        "~ delivery pipeline msp-example-us-central1-rollout",
        "- target dev-us-central1",
    ]
