"""The real gcloud takes every generated clouddeploy.yaml, and leaves the same as our own apply does."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud import deploy_v1

from msp import names
from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.gcp.polling import Polling
from msp.localcloud.clock import ManualClock
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread
from msp.pipeline.live.changes import Grant, UploadArchive
from msp.pipeline.live.pipeline import LivePipeline
from msp.pipeline.manifest import fields
from msp.pipeline.resources import PipelineResources, resources
from msp.spec import load

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

TESTS = Path(__file__).parent.parent
# One of each that says the same: the first line, a comment, names the specification.
GOLDEN = {
    path.read_text(encoding="utf-8").partition("\n")[2]: path.parent
    for path in sorted((TESTS / "pipeline/golden").glob("*/clouddeploy.yaml"))
}
REGION = "us-central1"
DIFFERS_BY_TIME = {"createTime", "updateTime", "uid", "etag"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gcloud")


def gcloud(
    cloud: CloudThread, home: Path, project: str, *arguments: str, refused: bool = False
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CLOUDSDK_CONFIG": str(home / "config"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDDEPLOY": f"{cloud.http_url}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": project,
    }
    command = ["gcloud", "deploy", *arguments, f"--region={REGION}", "--format=json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode != 0) == refused, done.stderr
    return done


@pytest.fixture
def clouds() -> Iterator[tuple[CloudThread, CloudThread]]:
    """Two local clouds that differ in nothing."""
    with CloudThread(LocalCloud(seed=1)) as one, CloudThread(LocalCloud(seed=1)) as other:
        yield one, other


def state(cloud: CloudThread, made: PipelineResources) -> dict[str, Any]:
    """Every field of every resource, but those that differ between two runs of the same."""
    client = clients.cloud_deploy_client(Endpoints.local(cloud.http_url))
    location = f"projects/{made.project}/locations/{made.region}"
    found = [
        *client.list_custom_target_types(parent=location),
        *client.list_targets(parent=location),
        *client.list_delivery_pipelines(parent=location),
        *client.list_automations(parent=made.delivery_pipeline.name),
        *client.list_deploy_policies(parent=location),
    ]
    return {resource.name: timeless(fields(resource)) for resource in found}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in DIFFERS_BY_TIME}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=lambda golden: golden.name)
def test_gcloud_takes_every_golden_file_and_leaves_what_apply_leaves(
    clouds: tuple[CloudThread, CloudThread], golden: Path, home: Path
) -> None:
    by_gcloud, by_apply = clouds
    spec = load(spec_of(golden.name))
    made = resources(spec, REGION)

    applied = gcloud(by_gcloud, home, made.project, "apply", f"--file={golden / 'clouddeploy.yaml'}")
    # gcloud swallows an operation's error and says so only here.
    several = (*made.targets, *made.automations, *made.deploy_policies)
    assert applied.stderr.count("Created Cloud Deploy resource") == 2 + len(several)

    pipeline = LivePipeline(
        spec, REGION, Endpoints.local(by_apply.http_url), timeout=20, polling=Polling(initial=0.005)
    )
    for change in pipeline.changes():
        pipeline.make(change)
    assert state(by_gcloud, made) == state(by_apply, made)

    # What gcloud does not make remains: the archive and the access.
    left = LivePipeline(spec, REGION, Endpoints.local(by_gcloud.http_url), timeout=20).changes()
    assert [type(change) for change in left if not isinstance(change, Grant)] == [UploadArchive]


@pytest.mark.parametrize("name", ["automatic_after_seconds", "suspended"])
def test_gcloud_shows_what_was_meant(clouds: tuple[CloudThread, CloudThread], name: str, home: Path) -> None:
    cloud, _ = clouds
    made = resources(load(spec_of(name)), REGION)
    gcloud(cloud, home, made.project, "apply", f"--file={TESTS / 'pipeline/golden' / name / 'clouddeploy.yaml'}")

    def shown(*arguments: str) -> Any:
        return json.loads(gcloud(cloud, home, made.project, *arguments).stdout)

    pipeline = made.delivery_pipeline.name.rpartition("/")[2]
    described = shown("delivery-pipelines", "describe", pipeline)["Delivery Pipeline"]
    assert_has(described, fields(made.delivery_pipeline))
    assert described["condition"]["pipelineReadyCondition"]["status"] is True
    for target in made.targets:
        assert_has(shown("targets", "describe", target.name.rpartition("/")[2])["Target"], fields(target))
    listed = shown("automations", "list", f"--delivery-pipeline={pipeline}")
    assert len(listed) == len(made.automations)
    for automation, found in zip(
        made.automations, sorted(listed, key=lambda found: order(made, found["name"])), strict=True
    ):
        assert_has(found, fields(automation))


RELEASES = ("deploy-0123456789ab-20261122213005-dirty", "deploy-ba9876543210-20261122223005-dirty")  # a laptop's


def test_every_command_of_the_page_runs_as_printed(home: Path) -> None:
    spec = load(spec_of("approvals"))
    made = resources(spec, REGION)
    page = (TESTS / "pipeline/golden/approvals/pipeline.md").read_text(encoding="utf-8")
    commands = [line for line in page.splitlines() if line.startswith("gcloud deploy ")]
    promote, waiting, approve, listing, *back = commands
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        live = LivePipeline(spec, REGION, Endpoints.local(cloud.http_url), timeout=20, polling=Polling(initial=0.005))
        for change in live.changes():
            live.make(change)
        client = clients.cloud_deploy_client(Endpoints.local(cloud.http_url))

        def printed(command: str, release: str, rollout: str = "") -> Any:
            words = command.replace("ROLLOUT", rollout).replace("RELEASE", release).split()
            own = [word for word in words[2:] if not word.startswith(("--region=", "--project="))]
            found = json.loads(gcloud(cloud, home, made.project, *own).stdout or "null")
            cloud.advance(timedelta(minutes=1))
            return found

        parent = made.delivery_pipeline.name
        for release in RELEASES:
            parent, request = (
                made.delivery_pipeline.name,
                deploy_v1.Release(
                    skaffold_config_uri=names.source_uri(made.project), deploy_parameters={"customTarget/tag": "one"}
                ),
            )
            client.create_release(parent=parent, release=request, release_id=release)
            cloud.advance(timedelta(minutes=1))
            rollout = deploy_v1.Rollout(target_id=made.delivery_pipeline.serial_pipeline.stages[0].target_id)
            client.create_rollout(parent=f"{parent}/releases/{release}", rollout=rollout, rollout_id="first")
            cloud.advance(timedelta(minutes=1))
            printed(promote, release)
            (found,) = printed(waiting, release)
            rollout_id = found["name"].rpartition("/")[2]
            assert rollout_id == f"{release}-to-prod-1"
            printed(approve, release, rollout_id)
        assert [each["name"].rpartition("/")[2] for each in printed(listing, "")] == [*reversed(RELEASES)]
        for command in back:
            printed(command, RELEASES[0])
        made_back = client.list_rollouts(parent=f"{parent}/releases/{RELEASES[0]}")
        assert {f"{RELEASES[0]}-back-to-{name}-1" for name in ("staging", "prod")} <= {
            each.name.rpartition("/")[2] for each in made_back
        }


def test_a_freeze_stops_gcloud_as_the_page_says(home: Path) -> None:
    spec = load(spec_of("freezes"))
    made = resources(spec, REGION)
    pipeline = made.delivery_pipeline.name
    where = (f"--delivery-pipeline={pipeline.rpartition('/')[2]}",)
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:  # it is 4 o'clock in New York
        live = LivePipeline(spec, REGION, Endpoints.local(cloud.http_url), timeout=20, polling=Polling(initial=0.005))
        for change in live.changes():
            live.make(change)
        client = clients.cloud_deploy_client(Endpoints.local(cloud.http_url))
        for name in ("one", "two"):
            release = deploy_v1.Release(
                skaffold_config_uri=names.source_uri(made.project), deploy_parameters={"customTarget/tag": "one"}
            )
            client.create_release(parent=pipeline, release=release, release_id=name)
            cloud.advance(timedelta(minutes=1))
            rollout = deploy_v1.Rollout(target_id="prod-us-central1")
            client.create_rollout(parent=f"{pipeline}/releases/{name}", rollout=rollout, rollout_id="first")
            cloud.advance(timedelta(minutes=1))
        cloud.advance(timedelta(hours=17, minutes=10))
        back = ("targets", "rollback", "prod-us-central1", "--release=one", "--rollout-id=back", *where)
        stopped = gcloud(cloud, home, made.project, *back, refused=True)
        policies = ["freeze-msp-example-backup", "freeze-msp-example-nights-and-weekends"]
        assert all(policy in stopped.stderr for policy in policies)
        gcloud(cloud, home, made.project, *back, f"--override-deploy-policies={','.join(policies)}")
        assert client.get_rollout(name=f"{pipeline}/releases/one/rollouts/back").target_id == "prod-us-central1"


def spec_of(golden: str) -> Path:
    (found,) = [path for path in TESTS.glob(f"*/*/{golden}.yaml") if path.parent.name in {"valid", "specs"}]
    return found


def order(made: PipelineResources, name: str) -> int:
    return [automation.name for automation in made.automations].index(name)


def assert_has(shown: Any, meant: Any) -> None:
    """Everything that was meant is shown; what the server adds is left aside."""
    if isinstance(meant, dict):
        for key, value in meant.items():
            assert_has(shown[key], value)
    elif isinstance(meant, list):
        assert len(shown) == len(meant)
        for one, other in zip(shown, meant, strict=True):
            assert_has(one, other)
    else:
        assert shown == meant
