"""What Cloud Deploy refuses of what the real gcloud sends, and how repairs wait and suspended pipelines stand still."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.peers.gcloud import PROJECT, REGION, Gcloud

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

LOCATION = f"projects/{PROJECT}/locations/{REGION}"
RUN = f"run: {{location: {LOCATION}}}"

PIPELINE = f"""\
apiVersion: deploy.cloud.google.com/v1
kind: DeliveryPipeline
metadata: {{name: app}}
suspended: SUSPENDED
serialPipeline: {{stages: [{{targetId: staging}}, {{targetId: prod}}]}}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {{name: staging}}
{RUN}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {{name: prod}}
requireApproval: true
{RUN}
---
apiVersion: deploy.cloud.google.com/v1
kind: Automation
metadata: {{name: app/repair}}
serviceAccount: robot@{PROJECT}.iam.gserviceaccount.com
selector: {{targets: [{{id: staging}}]}}
rules:
- repairRolloutRule: {{name: repair, repairPhases: [{{retry: {{attempts: 3, wait: 1m, backoffMode: MODE}}}}]}}
"""

SKAFFOLD = """\
apiVersion: skaffold/v4beta7
kind: Config
manifests: {rawYaml: [run.yaml]}
deploy: {cloudrun: {}}
"""


@pytest.fixture(scope="module")
def gcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcloud]:
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        home = tmp_path_factory.mktemp("home")
        source = home / "source"
        source.mkdir()
        (source / "skaffold.yaml").write_text(SKAFFOLD)
        (source / "run.yaml").write_text("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: app}\n")
        yield Gcloud(cloud, home)


def apply(gcloud: Gcloud, text: str) -> tuple[int, str]:
    manifest = gcloud.home / "applied.yaml"
    manifest.write_text(text)
    done = gcloud.run("apply", f"--file={manifest}")
    return done.returncode, done.stderr


def pipeline(gcloud: Gcloud, *, suspended: bool = False, mode: str = "BACKOFF_MODE_LINEAR") -> None:
    code, said = apply(gcloud, PIPELINE.replace("SUSPENDED", str(suspended).lower()).replace("MODE", mode))
    assert code == 0, said


def timeout(text: str) -> str:
    usages = "[RENDER, DEPLOY, VERIFY, PREDEPLOY, POSTDEPLOY]"
    return f"{RUN}\nexecutionConfigs: [{{usages: {usages}, executionTimeout: {text}}}]"


@pytest.mark.parametrize(
    ("metadata", "fields", "problem"),
    [
        ("", "gke: {cluster: clusters/c}", "target.gke.cluster"),
        ("", "run: {location: us-central1}", "target.run.location"),
        ("", "anthosCluster: {membership: m}", "target.anthos_cluster.membership"),
        ("", "customTarget: {customTargetType: a/b}", "target.custom_target.custom_target_type"),
        ("", timeout("599s"), "target.execution_configs[0].execution_timeout"),
        ("", timeout("86401s"), "target.execution_configs[0].execution_timeout"),
        (", annotations: {'a/b/c': d}", RUN, "target.annotations"),
        (", labels: {lower: Upper}", RUN, "target.labels"),
    ],
)
def test_forms(gcloud: Gcloud, metadata: str, fields: str, problem: str) -> None:
    head = f"apiVersion: deploy.cloud.google.com/v1\nkind: Target\nmetadata: {{name: formed{metadata}}}\n"
    # gcloud's `apply` prints what an operation or a call was refused for.
    _, said = apply(gcloud, head + fields)
    assert problem in said
    assert gcloud.refused("targets", "describe", "formed")


@pytest.mark.parametrize("text", ["600s", "86400s"])
def test_the_shortest_and_the_longest_execution(gcloud: Gcloud, text: str) -> None:
    head = "apiVersion: deploy.cloud.google.com/v1\nkind: Target\nmetadata: {name: timed}\n"
    assert apply(gcloud, head + timeout(text))[0] == 0
    described: Mapping[str, Any] = gcloud("targets", "describe", "timed")["Target"]
    assert described["executionConfigs"][0]["executionTimeout"] == text


def test_regions_are_googles(gcloud: Gcloud) -> None:
    assert gcloud("targets", "list", "--region=europe-west1") == {}
    assert "us-moon1" in gcloud.refused("targets", "list", "--region=us-moon1")


@pytest.mark.parametrize(
    ("mode", "waits"),
    [("BACKOFF_MODE_LINEAR", ["60s", "60s", "60s"]), ("BACKOFF_MODE_EXPONENTIAL", ["60s", "120s", "240s"])],
)
def test_repairs_wait(gcloud: Gcloud, mode: str, waits: list[str]) -> None:
    pipeline(gcloud, mode=mode)
    gcloud.cloud.faults.add(Fault(method="execution/deploy/staging", code="INTERNAL"))
    release = f"r-{mode[13:].lower()}"
    gcloud("releases", "create", release, "--delivery-pipeline=app", f"--source={gcloud.home / 'source'}")
    gcloud.cloud.advance(timedelta(minutes=10))
    gcloud.cloud.faults.clear()
    runs = gcloud("automation-runs", "list", "--delivery-pipeline=app")
    (run,) = (each for each in runs if f"/{release}/" in each["repairRolloutOperation"]["rollout"])
    attempts = run["repairRolloutOperation"]["repairPhases"][0]["retry"]["attempts"]
    assert ([each["wait"] for each in attempts], run["state"]) == (waits, "FAILED")


def test_a_suspended_pipeline_refuses_approvals(gcloud: Gcloud) -> None:
    pipeline(gcloud)
    release = ["--release=approved", "--delivery-pipeline=app"]
    gcloud("releases", "create", "approved", "--delivery-pipeline=app", f"--source={gcloud.home / 'source'}")
    gcloud("releases", "promote", *release)
    rollout = ["approved-to-prod-0001", *release]
    pipeline(gcloud, suspended=True)
    for decision in ("approve", "reject"):
        assert "suspended" in gcloud.refused("rollouts", decision, *rollout)
    assert gcloud("rollouts", "describe", *rollout)["approvalState"] == "NEEDS_APPROVAL"
    pipeline(gcloud)
    gcloud("rollouts", "approve", *rollout)
    assert gcloud("rollouts", "describe", *rollout)["state"] == "SUCCEEDED"
