"""Standing freezes in a local cloud: made once, kept as they are meant, and no policy of anybody else's touched."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud import deploy_v1
from google.protobuf import field_mask_pb2

from msp import names
from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import FailedPreconditionError
from msp.gcp.polling import Polling
from msp.localcloud.clock import ManualClock
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread, local_cloud
from msp.pipeline.live.cloud import ForeignPolicyError
from msp.pipeline.live.pipeline import LivePipeline
from msp.pipeline.live.report import headline
from msp.spec import Spec, parse

__all__ = ["local_cloud"]

LOCATION = "projects/msp-example-prod-0000/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/msp-example-us-central1-rollout"
POLICY = f"{LOCATION}/deployPolicies/freeze-msp-example-nights"
SPEC = """\
service:
  id: msp-example
  owners: [core-services]
  description: An example.
build:
  image: us.gcr.io/sourcegraph-dev/msp-example
  source: {repo: github.com/sourcegraph/sourcegraph, dir: cmd/msp-example}
rollout:
  stages:
    - environment: staging
    - environment: prod
environments:
  - {id: staging, projectID: msp-example-staging-0000, category: test, deploy: {type: rollout}}
  - {id: prod, projectID: msp-example-prod-0000, category: external, deploy: {type: rollout}}
"""
NIGHTS = {"name": "nights", "reason": "Sleep.", "weekly": [{"from": "22:00", "until": "06:00"}]}
EVENINGS = NIGHTS | {"weekly": [{"from": "22:00", "until": "24:00"}]}


def text(*freezes: dict[str, Any]) -> str:
    tree = yaml.safe_load(SPEC)
    tree["rollout"]["freezes"] = list(freezes)
    return yaml.safe_dump(tree)


def make(*freezes: dict[str, Any]) -> Spec:
    return parse(text(*freezes).encode(), "service.yaml")


class World:
    """A local cloud and its clients."""

    def __init__(self, cloud: CloudThread) -> None:
        self.endpoints = Endpoints.local(cloud.http_url)
        self.deploy = clients.cloud_deploy_client(self.endpoints)

    def pipeline(self, spec: Spec) -> LivePipeline:
        return LivePipeline(spec, "us-central1", self.endpoints, timeout=20, polling=Polling(initial=0.005))

    def apply(self, spec: Spec, *, prune: bool = False) -> list[str]:
        pipeline = self.pipeline(spec)
        _, made = pipeline.compare().split(prune=prune)
        for change in made:
            pipeline.make(change)
        return [headline(change) for change in made]

    def policies(self) -> dict[str, str]:
        return {
            policy.name.rpartition("/")[2]: policy.etag for policy in self.deploy.list_deploy_policies(parent=LOCATION)
        }

    def edit(self, **fields: Any) -> None:
        policy = self.deploy.get_deploy_policy(name=POLICY)
        for name, value in fields.items():
            setattr(policy, name, value)
        mask = field_mask_pb2.FieldMask(paths=["*"])
        finish(self.deploy.update_deploy_policy(deploy_policy=policy, update_mask=mask))

    def make_policy(self, policy_id: str, **labels: str) -> None:
        rule = self.deploy.get_deploy_policy(name=POLICY).rules
        target = deploy_v1.TargetAttribute(id="*")
        policy = deploy_v1.DeployPolicy(
            labels=labels, rules=rule, selectors=[deploy_v1.DeployPolicyResourceSelector(target=target)]
        )
        made = self.deploy.create_deploy_policy(parent=LOCATION, deploy_policy=policy, deploy_policy_id=policy_id)
        finish(made)


def finish(operation: Any) -> None:
    operation.result(timeout=20)


@pytest.fixture
def world(local_cloud: CloudThread) -> World:
    return World(local_cloud)


def test_freezes_are_made_once_with_the_pipeline(world: World) -> None:
    made = world.apply(make(NIGHTS))
    assert made.count("+ deploy policy freeze-msp-example-nights") == 1
    before = world.policies()
    assert world.apply(make(NIGHTS)) == []
    assert world.policies() == before
    assert world.pipeline(make(NIGHTS)).compare().changes == ()


@pytest.mark.parametrize(
    "edit",
    [
        {"suspended": True},
        {"selectors": [deploy_v1.DeployPolicyResourceSelector(target=deploy_v1.TargetAttribute(id="elsewhere"))]},
        {"description": "?"},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_what_somebody_did_to_a_standing_freeze_is_mended(world: World, edit: dict[str, Any]) -> None:
    world.apply(make(NIGHTS))
    meant = world.deploy.get_deploy_policy(name=POLICY)
    world.edit(**edit)
    comparison = world.pipeline(make(NIGHTS)).compare()
    assert (len(comparison.changes), comparison.less_guarded) == (1, ())
    assert world.apply(make(NIGHTS)) == ["~ deploy policy freeze-msp-example-nights"]
    policy = world.deploy.get_deploy_policy(name=POLICY)
    assert (policy.suspended, policy.selectors, policy.description) == (
        False,
        meant.selectors,
        meant.description,
    )


def test_two_that_swap_their_times_are_written_twice_and_then_as_asked(world: World) -> None:
    def spec(first: tuple[str, str], second: tuple[str, str]) -> Spec:
        times = zip("ab", (first, second), strict=True)
        return make(*({"name": n, "reason": "Rest.", "from": start, "until": end} for n, (start, end) in times))

    early, late = ("2126-11-30", "2126-12-02"), ("2126-12-05", "2126-12-07")
    world.apply(spec(early, late))
    policies = [f"~ deploy policy freeze-msp-example-{name}" for name in "ab"]
    assert world.apply(spec(late, early)) == policies * 2
    assert world.apply(spec(late, early)) == []


def test_policies_of_others_are_never_touched(world: World) -> None:
    world.apply(make(NIGHTS))
    service = {names.OWNER_LABEL: "true", names.SERVICE_LABEL: "msp-example"}
    world.make_policy("by-somebody")
    world.make_policy("freeze-msp-example-old", **service)
    world.make_policy("freeze-now", **service, **{names.FREEZE_LABEL: names.FREEZE_BY_HAND})
    world.make_policy(
        "freeze-other-nights", **service | {names.SERVICE_LABEL: "other"}, **{names.FREEZE_LABEL: names.STANDING_FREEZE}
    )
    others = {name: etag for name, etag in world.policies().items() if name != "freeze-msp-example-nights"}
    assert len(others) == 4
    assert world.pipeline(make(NIGHTS)).compare().changes == ()
    assert world.apply(make(), prune=True) == ["- deploy policy freeze-msp-example-nights"]
    assert world.policies() == others


def test_a_name_that_is_another_policys_is_refused_before_anything_is_changed(world: World) -> None:
    world.apply(make(NIGHTS))
    world.make_policy("freeze-msp-example-holidays", **{names.FREEZE_LABEL: names.FREEZE_BY_HAND})
    before = world.policies()
    with pytest.raises(ForeignPolicyError, match="freeze-msp-example-holidays is not of this") as raised:
        world.pipeline(make(EVENINGS, NIGHTS | {"name": "holidays"})).compare()
    assert (
        "gcloud deploy deploy-policies delete freeze-msp-example-holidays --region=us-central1 "
        "--project=msp-example-prod-0000" in raised.value.hint
    )
    assert world.policies() == before


def test_a_freeze_forbids_to_go_forward_until_it_ends_and_never_to_go_back() -> None:
    clock = ManualClock()
    start = clock.now().astimezone(UTC).replace(second=0, microsecond=0) + timedelta(hours=2)
    freeze = {
        "name": "once",
        "reason": "The books are closed.",
        "from": f"{start:%Y-%m-%dT%H:%M}",
        "until": f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }
    with CloudThread(LocalCloud(clock=clock, seed=1)) as cloud:
        world = World(cloud)
        world.apply(make(freeze))
        for release in ("one", "two"):
            release_to_prod(world, cloud, release)
        cloud.advance(start + timedelta(minutes=5) - clock.now())
        with pytest.raises(FailedPreconditionError, match="freeze-msp-example-once"):
            roll_out(world, "one", "prod-us-central1", "forward")
        roll_out(world, "one", "staging-us-central1", "not-frozen")
        request = {
            "name": PIPELINE,
            "target_id": "prod-us-central1",
            "rollout_id": "back",
            "rollout_to_roll_back": "first-prod-us-central1",
            "release_id": "one",
        }
        world.deploy.rollback_target(deploy_v1.RollbackTargetRequest(request))
        cloud.advance(timedelta(minutes=5))
        back = world.deploy.get_rollout(name=f"{PIPELINE}/releases/one/rollouts/back")
        assert back.state == deploy_v1.Rollout.State.SUCCEEDED
        cloud.advance(timedelta(hours=1))
        roll_out(world, "two", "prod-us-central1", "forward")


def release_to_prod(world: World, cloud: CloudThread, release_id: str) -> None:
    release = deploy_v1.Release(
        skaffold_config_uri=names.source_uri("msp-example-prod-0000"), deploy_parameters={"customTarget/tag": "one"}
    )
    world.deploy.create_release(parent=PIPELINE, release=release, release_id=release_id)
    cloud.advance(timedelta(minutes=1))
    for target in ("staging-us-central1", "prod-us-central1"):
        roll_out(world, release_id, target, f"first-{target}")
        cloud.advance(timedelta(minutes=5))


def roll_out(world: World, release: str, target: str, rollout_id: str) -> None:
    rollout = deploy_v1.Rollout(target_id=target)
    world.deploy.create_rollout(parent=f"{PIPELINE}/releases/{release}", rollout=rollout, rollout_id=rollout_id)


class Shell:
    """`diff` and `apply` in a directory with a `service.yaml`."""

    def __init__(self, cloud: CloudThread, directory: Path) -> None:
        self.directory = directory
        self.address = cloud.http_url.removeprefix("http://")

    def __call__(self, command: str, *flags: str) -> tuple[int, str, str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": ":".join(sys.path),
            "BUILD_WORKING_DIRECTORY": str(self.directory),
            "MSP_LOCAL_CLOUD": self.address,
        }
        done = subprocess.run(
            [sys.executable, "-m", f"msp.cli.{command}", "--spec=service.yaml", *flags],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.directory,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def write(self, *freezes: dict[str, Any]) -> None:
        (self.directory / "service.yaml").write_text(text(*freezes))


def test_a_freeze_shrinks_or_goes_only_in_so_many_words(local_cloud: CloudThread, world: World, tmp_path: Path) -> None:
    shell = Shell(local_cloud, tmp_path)
    shell.write(NIGHTS)
    assert shell("apply")[0] == 0
    made = world.policies()
    free = "which is free every Monday from 00:00 to 06:00 (Etc/UTC)"
    thaws = f"deploy policy freeze-msp-example-nights no longer freezes target prod-us-central1, {free}"

    shell.write(EVENINGS)
    code, output, _ = shell("diff")
    assert (code, f"less guarded:\n    {thaws}\n" in output) == (1, True)
    code, _, errors = shell("apply")
    assert (code, thaws in errors, "--allow_less_guarded" in errors) == (1, True, True)
    assert world.policies() == made
    assert shell("apply", "--allow_less_guarded")[0] == 0
    assert world.policies() != made

    shell.write()
    code, output, _ = shell("apply")  # it stays
    assert code == 0
    assert "- deploy policy freeze-msp-example-nights\n    no longer in the specification; --prune deletes it" in output
    code, _, errors = shell("apply", "--prune")
    assert (code, "freeze-msp-example-nights is removed: target prod-us-central1 is free" in errors) == (1, True)
    assert len(world.policies()) == 1
    assert shell("apply", "--prune", "--allow_less_guarded")[0] == 0
    assert world.policies() == {}


def test_a_suspended_freeze_is_said_in_words_and_needs_no_flag(
    local_cloud: CloudThread, world: World, tmp_path: Path
) -> None:
    shell = Shell(local_cloud, tmp_path)
    shell.write(NIGHTS)
    assert shell("apply")[0] == 0
    shell.write(NIGHTS | {"suspended": True})
    code, output, _ = shell("apply")
    assert code == 0
    assert "deploy policy freeze-msp-example-nights is suspended (the specification says so)" in output
    assert world.deploy.get_deploy_policy(name=POLICY).suspended


def test_a_freeze_that_is_over_goes_without_a_flag(local_cloud: CloudThread, world: World, tmp_path: Path) -> None:
    shell = Shell(local_cloud, tmp_path)
    yesterday = datetime.now(UTC) - timedelta(days=2)
    shell.write({"name": "over", "reason": "It was.", "from": "2020-01-01", "until": f"{yesterday:%Y-%m-%d}"})
    assert shell("apply")[0] == 0
    assert len(world.policies()) == 1
    shell.write()
    assert shell("apply", "--prune")[0] == 0
    assert world.policies() == {}
