"""Facts read with Google's own client from the local cloud: what is in them, and how many calls they take."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeAlias

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import deploy_v1
from google.cloud.deploy_v1.services.cloud_deploy.transports import CloudDeployRestTransport
from tests.localcloud.deploy.world import DIGEST, IMAGE, LOCATION, PIPELINE, SKAFFOLD, Buckets, Images, archive

from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.conversion import to_policy
from msp.gcp.errors import NotFoundError, PermissionDeniedError
from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread
from msp.rollouts.facts import Facts, RolloutKey
from msp.rollouts.freezes import freeze
from msp.rollouts.last_good import way_back
from msp.rollouts.reading import Bounds, Reader
from msp.rollouts.rolled_back import rolled_back
from msp.rollouts.running import running
from msp.rollouts.states import ApprovalState, RolloutState
from msp.rollouts.stops import holds

Client: TypeAlias = Any
"""A `deploy_v1.CloudDeployClient`; what its operations return has no types."""

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Asking:
    """Google's client, asked without retries, and counted."""

    client: Client
    calls: list[str] = field(default_factory=list)

    def read(self, method: Callable[..., Any], **fields: Any) -> Any:
        self.calls.append(method.__name__)
        try:
            return method(request=fields)
        except exceptions.NotFound as error:
            raise NotFoundError(str(error)) from error
        except exceptions.Forbidden as error:
            raise PermissionDeniedError(str(error)) from error

    def pages(self, method: Callable[..., Any], *, most: int | None = None, **fields: Any) -> Iterator[Any]:
        yield from islice(self.read(method, page_size=most or 1000, **fields), most)


@dataclass
class World:
    cloud: CloudThread
    client: Client
    asking: Asking

    def make(self, pipeline: str = "app") -> None:
        for stage in ("staging", "prod"):
            target = deploy_v1.Target(
                custom_target={"custom_target_type": "run-service"},
                deploy_parameters={"customTarget/image": IMAGE},
                labels={"msp-category": "external" if stage == "prod" else "test"},
            )
            self.client.create_target(parent=LOCATION, target_id=f"{pipeline}-{stage}", target=target).result()
        stages = [{"target_id": f"{pipeline}-{stage}"} for stage in ("staging", "prod")]
        made = deploy_v1.DeliveryPipeline(serial_pipeline={"stages": stages}, labels={"msp-service": pipeline})
        self.client.create_delivery_pipeline(
            parent=LOCATION, delivery_pipeline_id=pipeline, delivery_pipeline=made
        ).result()

    def release(self, name: str, tag: str = "v1", pipeline: str = "app", **fields: Any) -> None:
        release = deploy_v1.Release(
            skaffold_config_uri="gs://s/s.tar.gz", deploy_parameters={"customTarget/tag": tag}, **fields
        )
        parent = f"{LOCATION}/deliveryPipelines/{pipeline}"
        self.client.create_release(parent=parent, release_id=name, release=release).result()
        self.cloud.settle()

    def rollout(self, release: str, stage: str = "prod", number: int = 1, pipeline: str = "app", **fields: Any) -> None:
        self.cloud.advance(timedelta(minutes=1))
        parent = f"{LOCATION}/deliveryPipelines/{pipeline}/releases/{release}"
        rollout = deploy_v1.Rollout(target_id=f"{pipeline}-{stage}", **fields)
        self.client.create_rollout(parent=parent, rollout_id=f"{release}-{stage}-{number}", rollout=rollout).result()
        self.cloud.settle()

    def now(self) -> datetime:
        return self.cloud.cloud.clock.now()

    def facts(self, bounds: Bounds | None = None) -> Facts:
        self.asking.calls.clear()
        return Reader(self.asking, bounds or Bounds()).pipeline(PIPELINE, self.now())


@pytest.fixture
def world() -> Iterator[World]:
    images = Images({f"{IMAGE}:v1": DIGEST, f"{IMAGE}@{DIGEST}": DIGEST})
    buckets = Buckets({"s/s.tar.gz": archive({"skaffold.yaml": SKAFFOLD})})
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1, images=images, buckets=buckets)) as cloud:
        host = cloud.http_url.removeprefix("http://")
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        transport = CloudDeployRestTransport(host=host, url_scheme="http", credentials=credentials)
        client: Client
        with deploy_v1.CloudDeployClient(transport=transport) as client:
            kind = deploy_v1.CustomTargetType(
                custom_actions={"render_action": "render-it", "deploy_action": "deploy-it"}
            )
            client.create_custom_target_type(
                parent=LOCATION, custom_target_type_id="run-service", custom_target_type=kind
            ).result()
            made = World(cloud, client, Asking(client))
            made.make()
            yield made


ONE_SERVICE = [
    "get_delivery_pipeline",
    "list_targets",
    "list_deploy_policies",
    "list_releases",
    "list_rollouts",
    "list_automations",
]


def test_one_service_takes_six_calls(world: World) -> None:
    world.release("r1")
    world.rollout("r1", "staging")
    world.facts()
    assert world.asking.calls == ONE_SERVICE


def test_each_further_service_of_a_location_takes_three(world: World) -> None:
    for number in range(4):
        world.make(f"svc{number}")
    world.release("r1", pipeline="svc2")
    world.rollout("r1", "staging", pipeline="svc2")
    facts = Reader(world.asking).location(LOCATION, world.now())
    assert len(world.asking.calls) == 3 + 3 * 5
    assert [each.pipeline.id for each in facts] == ["app", "svc0", "svc1", "svc2", "svc3"]
    assert [running(each, f"{each.pipeline.id}-staging").release for each in facts] == ["", "", "", "r1", ""]


def test_only_what_is_wanted_is_read(world: World) -> None:
    world.make("other")
    facts = Reader(world.asking).location(LOCATION, world.now(), lambda each: each.labels["msp-service"] == "other")
    assert [each.pipeline.id for each in facts] == ["other"]


def test_a_pipeline_with_its_stages(world: World) -> None:
    update = deploy_v1.Target(
        name=f"{LOCATION}/targets/app-prod", require_approval=True, annotations={"approval.not-author": "true"}
    )
    world.client.update_target(target=update, update_mask={"paths": ["require_approval", "annotations"]}).result()
    pipeline = deploy_v1.DeliveryPipeline(name=PIPELINE, suspended=True, annotations={"reason": "INC-7"})
    world.client.update_delivery_pipeline(
        delivery_pipeline=pipeline, update_mask={"paths": ["suspended", "annotations"]}
    ).result()
    world.client.delete_target(name=f"{LOCATION}/targets/app-staging").result()
    found = world.facts().pipeline
    assert (found.id, found.suspended, found.reason, found.labels) == ("app", True, "INC-7", {"msp-service": "app"})
    staging, prod = found.stages
    assert (staging.target, staging.exists) == ("app-staging", False)
    assert (prod.category, prod.require_approval, prod.not_author, prod.exists) == ("external", True, True, True)


def test_a_release(world: World) -> None:
    notes = {
        "commit": COMMIT,
        "author": "Ada",
        "released_by": "Grace",
        "build_url": "https://ci/deploy/42",
        "commit_message_base64": "Q291bnQgZmFzdGVy",
        "digest": DIGEST,
    }
    world.release("r1", tag=f"{COMMIT[:12]}_42", annotations=notes)
    (found,) = world.facts().releases
    assert (found.id, found.created, found.abandoned) == ("r1", world.now(), False)
    assert (found.commit, found.author, found.released_by, found.subject) == (COMMIT, "Ada", "Grace", "Count faster")
    assert (found.digest, found.build_number, found.build_url) == (DIGEST, "42", "https://ci/deploy/42")
    assert (found.render_state, found.approvals) == ("SUCCEEDED", frozenset())


@pytest.mark.parametrize(
    ("tag", "notes", "number"),
    [
        ("v2", {"build_number": "42"}, "42"),
        ("0123456789ab_7", {"build_number": "42"}, "42"),
        ("0123456789ab_7", {}, "7"),
        ("0123456789ab_7-dirty", {}, "7-dirty"),
        ("release_7", {}, ""),
        ("v2", {}, ""),
    ],
)
def test_the_number_of_a_build(world: World, tag: str, notes: dict[str, str], number: str) -> None:
    world.release("r1", tag=tag, annotations=notes)
    (found,) = world.facts().releases
    assert found.build_number == number


def test_a_release_keeps_the_approvals_it_was_made_with(world: World) -> None:
    world.release("before")
    update = deploy_v1.Target(name=f"{LOCATION}/targets/app-prod", require_approval=True)
    world.client.update_target(target=update, update_mask={"paths": ["require_approval"]}).result()
    world.cloud.advance(timedelta(minutes=1))
    world.release("after")
    found = {release.id: release.approvals for release in world.facts().releases}
    assert found == {"before": frozenset(), "after": frozenset({"app-prod"})}


def test_why_a_release_could_not_be_rendered(world: World) -> None:
    world.cloud.faults.add(Fault(method="execution/render/app-prod", code="INTERNAL", message="no disk"))
    world.release("r1")
    (found,) = world.facts().releases
    assert (found.render_state, found.render_failure) == ("FAILED", "no disk")


def test_a_rollout_that_failed(world: World) -> None:
    world.release("r1", tag="missing")
    world.rollout("r1", "staging", annotations={"reason": "INC-7", "by": "Ada"})
    (found,) = world.facts().rollouts
    assert (found.key, found.target) == (RolloutKey("r1", "r1-staging-1"), "app-staging")
    assert (found.state, found.approval) == (RolloutState.FAILED, ApprovalState.DOES_NOT_NEED_APPROVAL)
    assert found.started is not None
    assert "missing does not exist" in found.failure
    assert (found.phase, found.job, found.failure_cause) == ("stable", "deploy", "EXECUTION_FAILED")
    assert (found.reason, found.by, found.automation) == ("INC-7", "Ada", False)


def test_the_last_good_one_is_the_one_that_cloud_deploy_picks(world: World) -> None:
    for name, tag in (("r1", "v1"), ("r2", "missing"), ("r3", "v1"), ("r4", "missing")):
        world.release(name, tag=tag)
        world.rollout(name)
    back = way_back(world.facts(), "app-prod")
    assert back is not None
    assert back.to is not None
    request = {
        "name": PIPELINE,
        "target_id": "app-prod",
        "rollout_id": "back",
        "rollout_to_roll_back": f"{PIPELINE}/releases/{back.off.release}/rollouts/{back.off.id}",
    }
    world.client.rollback_target(request=request)
    world.cloud.settle()
    facts = world.facts()
    assert back.to.release == running(facts, "app-prod").release == "r3"
    newest = facts.rollouts[0]
    assert newest.rollback_of == back.off.key
    (held,) = rolled_back(facts, "r4")
    assert (held.rollout.key, held.by) == (back.off.key, newest)


def test_gcloud_s_rollback_is_read_from_what_it_says(world: World) -> None:
    for name in ("r1", "r2"):
        world.release(name)
        world.rollout(name)
    world.rollout("r1", number=2, description="Rollback from r2")
    assert [each.target for each in rolled_back(world.facts(), "r2")] == ["app-prod"]


def test_what_runs_is_found_beyond_the_bounds(world: World) -> None:
    for name in ("r1", "r2"):
        world.release(name)
        world.rollout(name)
        world.cloud.advance(timedelta(minutes=1))
    for number in range(5):
        world.release(f"s{number}")
        world.rollout(f"s{number}", "staging")
    facts = world.facts(Bounds(releases=3, rollouts=3, of_stage=5))
    assert world.asking.calls == [*ONE_SERVICE, "list_rollouts", "get_release", "get_release"]
    assert running(facts, "app-prod").release == "r2"
    back = way_back(facts, "app-prod")
    assert back is not None
    assert back.to is not None
    assert back.to.release == "r1"
    assert facts.release("r1") is not None
    assert facts.cut == {"app-staging"}


def test_what_is_beyond_all_bounds_is_not_known(world: World) -> None:
    world.release("r1")
    world.rollout("r1")
    world.release("bad", tag="missing")
    for number in range(3):
        world.rollout("bad", number=number)
    found = running(world.facts(Bounds(rollouts=1, of_stage=2)), "app-prod")
    assert (found.rollout, found.known) == (None, False)


def test_a_freeze_ends_when_cloud_deploy_lets_through_again(world: World) -> None:
    # The clock begins on Monday at 9:00 in UTC, which is 4:00 in New York.
    windows = {
        "time_zone": "America/New_York",
        "one_time_windows": [
            {
                "start_date": {"year": 2026, "month": 1, "day": 1},
                "start_time": {},
                "end_date": {"year": 2026, "month": 1, "day": 5},
                "end_time": {"hours": 8},
            }
        ],
        "weekly_windows": [{"days_of_week": [1], "start_time": {"hours": 8}, "end_time": {"hours": 9, "minutes": 30}}],
    }
    policy = deploy_v1.DeployPolicy(
        description="Holidays",
        annotations={"reason": "nobody is there", "by": "Ada"},
        selectors=[{"target": {"labels": {"msp-category": "external"}}}],
        rules=[{"rollout_restriction": {"id": "r", "actions": ["CREATE"], "time_windows": windows}}],
    )
    world.client.create_deploy_policy(parent=LOCATION, deploy_policy_id="holidays", deploy_policy=policy).result()
    world.release("r1")
    facts = world.facts()
    found = freeze(facts, "app-prod", Action.CREATE)
    assert found is not None
    assert found.until == datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    assert [(each.id, each.description, each.reason, each.by) for each in found.policies] == [
        ("holidays", "Holidays", "nobody is there", "Ada")
    ]
    assert freeze(facts, "app-prod", Action.ROLLBACK) is None
    assert freeze(facts, "app-staging", Action.CREATE) is None
    # `rollout` asks a minute later.
    world.cloud.advance(found.until - world.now() - timedelta(minutes=1, microseconds=1))
    with pytest.raises(exceptions.BadRequest, match="holidays"):
        world.rollout("r1")
    world.rollout("r1")
    assert freeze(world.facts(), "app-prod", Action.CREATE) is None


def test_words_younger_than_the_library_forbid_nothing_else() -> None:
    policy = deploy_v1.DeployPolicy(rules=[{"rollout_restriction": {"id": "r"}}])
    restriction = deploy_v1.DeployPolicy.pb(policy).rules[0].rollout_restriction
    restriction.actions.append(99)
    restriction.invokers.append(99)
    (read,) = to_policy(policy).restrictions
    assert not any(read.forbids(action, invoker) for action in list(Action)[1:] for invoker in list(Invoker)[1:])


def test_a_hold_with_its_reason(world: World) -> None:
    automation = deploy_v1.Automation(
        suspended=True,
        service_account="releaser@demo.iam.gserviceaccount.com",
        selector={"targets": [{"id": "app-staging"}]},
        rules=[{"promote_release_rule": {"id": "p", "wait": "600s", "destination_target_id": "@next"}}],
        annotations={"reason": "INC-7", "by": "Ada", "since": "2026-01-05T08:00:00Z"},
    )
    world.client.create_automation(parent=PIPELINE, automation_id="promote", automation=automation).result()
    (hold,) = holds(world.facts())
    assert (hold.target, hold.reason, hold.by) == ("app-prod", "INC-7", "Ada")
    assert hold.since == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert hold.automation.promotions[0].wait == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("method", "part"),
    [("ListDeployPolicies", "policies"), ("ListTargets", "targets"), ("ListAutomations", "automations")],
)
def test_what_may_not_be_looked_at_is_said(world: World, method: str, part: str) -> None:
    world.cloud.faults.add(Fault(method=f"google.cloud.deploy.v1.CloudDeploy/{method}", code="PERMISSION_DENIED"))
    facts = world.facts()
    assert facts.unread == {part}
    assert all(stage.exists for stage in facts.pipeline.stages)


def test_a_pipeline_that_is_not_there_is_an_error(world: World) -> None:
    with pytest.raises(NotFoundError):
        Reader(world.asking).pipeline(f"{LOCATION}/deliveryPipelines/none", world.now())
