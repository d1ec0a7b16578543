"""The real gcloud against the local cloud: the whole life of a delivery pipeline, as the seed system lived it."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from tests.localcloud.deploy.world import archive
from tests.localcloud.registry.client import Registry
from tests.peers.gcloud import PROJECT, REGION, Gcloud

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

PIPELINE = f"msp-example-{REGION}-rollout"
STAGING, PROD = f"staging-{REGION}", f"prod-{REGION}"
IMAGE = "us.gcr.io/sourcegraph-dev/msp-example"

MANIFEST = f"""\
apiVersion: deploy.cloud.google.com/v1
kind: DeliveryPipeline
metadata:
  name: {PIPELINE}
  labels: {{msp: "true"}}
  annotations: {{source.repository: github.com/sourcegraph/sourcegraph}}
serialPipeline:
  stages:
  - targetId: {STAGING}
  - targetId: {PROD}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {{name: {STAGING}}}
customTarget: {{customTargetType: cloud-run-service}}
deployParameters: {{customTarget/image: {IMAGE}, customTarget/serviceID: msp-example}}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {{name: {PROD}}}
requireApproval: true
customTarget: {{customTargetType: cloud-run-service}}
deployParameters: {{customTarget/image: {IMAGE}, customTarget/serviceID: msp-example}}
---
apiVersion: deploy.cloud.google.com/v1
kind: Automation
metadata: {{name: {PIPELINE}/promote}}
suspended: false
serviceAccount: clouddeploy-executor@{PROJECT}.iam.gserviceaccount.com
selector: {{targets: [{{id: {STAGING}}}]}}
rules:
- promoteReleaseRule: {{name: promote, wait: 60m}}
---
apiVersion: deploy.cloud.google.com/v1
kind: CustomTargetType
metadata: {{name: cloud-run-service, labels: {{msp: "true"}}}}
customActions:
  renderAction: cloud-run-image-deploy-render
  deployAction: cloud-run-image-deploy
---
apiVersion: deploy.cloud.google.com/v1
kind: DeployPolicy
metadata: {{name: freeze}}
suspended: true
selectors:
- target: {{id: {PROD}}}
rules:
- rolloutRestriction:
    id: always
    timeWindows:
      timeZone: UTC
      weeklyWindows: [{{daysOfWeek: [MONDAY], startTime: "00:00", endTime: "24:00"}}]
"""

CANARY = """\
apiVersion: deploy.cloud.google.com/v1
kind: DeliveryPipeline
metadata: {name: canary}
serialPipeline:
  stages:
  - targetId: run
    strategy:
      canary:
        runtimeConfig: {cloudRun: {automaticTrafficControl: true}}
        canaryDeployment: {percentages: [50]}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {name: run}
run: {location: projects/p/locations/us-central1}
"""

TIMED = """\
apiVersion: deploy.cloud.google.com/v1
kind: DeliveryPipeline
metadata: {name: timed}
serialPipeline: {stages: [{targetId: run}, {targetId: live}]}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {name: live}
run: {location: projects/p/locations/us-central1}
---
apiVersion: deploy.cloud.google.com/v1
kind: Automation
metadata: {name: timed/nightly}
serviceAccount: robot@p.iam.gserviceaccount.com
selector: {targets: [{id: run}]}
rules:
- timedPromoteReleaseRule: {name: nightly, schedule: "0 22 * * *", timeZone: Europe/Berlin}
"""

SKAFFOLD = """\
apiVersion: skaffold/v4beta7
kind: Config
customActions:
- {name: cloud-run-image-deploy-render, containers: [{name: render, image: cloud-sdk}]}
- {name: cloud-run-image-deploy, containers: [{name: deploy, image: cloud-sdk}]}
"""


class Pipeline(Gcloud):
    """gcloud with the pipeline of the tests."""

    def release(self, release: str, tag: str) -> None:
        self(
            *("releases", "create", release, f"--project={PROJECT}", f"--region={REGION}"),
            *(f"--delivery-pipeline={PIPELINE}", f"--source=gs://{PROJECT}-cloudrun-skaffold/source.tar.gz"),
            *("--labels=commit=0123456789abcdef", f"--deploy-parameters=customTarget/tag={tag}"),
            "--annotations=commit=0123456789abcdef,author=Jane Doe,commit_message_base64=Zml4",
        )

    def rollout(self, release: str, target: str, number: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = self("rollouts", "describe", f"{release}-to-{target}-{number:04d}", *below(release))
        return found


def below(release: str) -> list[str]:
    return [f"--release={release}", *PIPE]


PIPE = [f"--delivery-pipeline={PIPELINE}"]


@pytest.fixture(scope="module")
def gcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        home = tmp_path_factory.mktemp("home")
        (home / "pipeline.yaml").write_text(MANIFEST)
        bucket = f"{PROJECT}-cloudrun-skaffold"
        url = cloud.http_url
        requests.post(f"{url}/storage/v1/b?project={PROJECT}", json={"name": bucket}, timeout=10).raise_for_status()
        requests.post(
            f"{url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name=source.tar.gz",
            data=archive({"skaffold.yaml": SKAFFOLD}),
            timeout=10,
        ).raise_for_status()
        with Registry(url, IMAGE) as registry:
            for tag in ("v1", "v2"):
                registry.push_image(tag)
        yield Pipeline(cloud, home)


def test_1_apply_twice(gcloud: Pipeline) -> None:
    for _ in range(2):
        done = gcloud.run("apply", f"--file={gcloud.home / 'pipeline.yaml'}")
        assert (done.returncode, done.stderr.count("Created Cloud Deploy resource")) == (0, 6), done.stderr


def test_2_describe_and_list_what_was_applied(gcloud: Pipeline) -> None:
    pipeline = gcloud("delivery-pipelines", "describe", PIPELINE)["Delivery Pipeline"]
    assert pipeline["condition"]["pipelineReadyCondition"]["status"] is True
    # gcloud rewrites keys of annotations in snake case, not in this one.
    assert pipeline["annotations"] == {"source.repository": "github.com/sourcegraph/sourcegraph"}
    assert gcloud("targets", "describe", PROD)["Target"]["requireApproval"] is True
    described = gcloud("custom-target-types", "describe", "cloud-run-service")
    assert described["customActions"]["deployAction"] == "cloud-run-image-deploy"
    assert gcloud("automations", "describe", "promote", *PIPE)["rules"][0]["promoteReleaseRule"]["wait"] == "3600s"
    assert gcloud("deploy-policies", "describe", "freeze")["suspended"] is True
    for collection in ("delivery-pipelines", "custom-target-types", "deploy-policies"):
        assert len(gcloud(collection, "list")) == 1
    assert len(gcloud("targets", "list")["targets"]) == 2
    assert len(gcloud("automations", "list", *PIPE)) == 1
    assert gcloud("get-config")["defaultSkaffoldVersion"]


def test_3_release_as_the_seed_system_does(gcloud: Pipeline) -> None:
    gcloud.release("deploy-0123456789ab-1", "v1")
    release = gcloud("releases", "describe", "deploy-0123456789ab-1", *PIPE)
    assert release["renderState"] == "SUCCEEDED"
    assert release["deployParameters"] == {"customTarget/tag": "v1"}
    assert release["annotations"]["commit_message_base64"] == "Zml4"
    assert release["skaffoldConfigUri"].startswith(f"gs://{release['deliveryPipelineSnapshot']['uid']}_clouddeploy/")
    rollout = gcloud.rollout("deploy-0123456789ab-1", STAGING)
    assert rollout["state"] == "SUCCEEDED"
    assert "already exists" in gcloud.refused(
        "releases",
        "create",
        "deploy-0123456789ab-1",
        *PIPE,
        f"--source=gs://{PROJECT}-cloudrun-skaffold/source.tar.gz",
    )


def test_4_promote_reject_promote_approve(gcloud: Pipeline) -> None:
    release = "deploy-0123456789ab-1"
    gcloud("releases", "promote", *below(release))
    assert gcloud.rollout(release, PROD)["state"] == "PENDING_APPROVAL"
    pending = gcloud("targets", "describe", PROD, *PIPE)
    assert pending["Pending Approvals"], pending
    gcloud("rollouts", "reject", f"{release}-to-{PROD}-0001", *below(release))
    assert gcloud.rollout(release, PROD)["state"] == "APPROVAL_REJECTED"
    gcloud("releases", "promote", *below(release), f"--to-target={PROD}")
    gcloud("rollouts", "approve", f"{release}-to-{PROD}-0002", *below(release))
    assert gcloud.rollout(release, PROD, 2)["state"] == "SUCCEEDED"
    deployed = gcloud("delivery-pipelines", "describe", PIPELINE)["Targets"]
    assert json.dumps(deployed).count(f"releases/{release}") >= 2


def test_5_a_second_release_fails_is_retried_and_ignored(gcloud: Pipeline) -> None:
    release = "deploy-0123456789ab-2"
    gcloud.cloud.cloud.faults.add(Fault(method=f"execution/deploy/{STAGING}", times=2, code="INTERNAL", message="full"))
    gcloud.release(release, "v2")
    failed = gcloud.rollout(release, STAGING)
    assert (failed["state"], failed["failureReason"]) == ("FAILED", "full")
    job = [f"{release}-to-{STAGING}-0001", *below(release), "--phase-id=stable", "--job-id=deploy"]
    gcloud("rollouts", "retry-job", *job)
    assert gcloud.rollout(release, STAGING)["state"] == "FAILED"
    gcloud("rollouts", "retry-job", *job)
    assert gcloud.rollout(release, STAGING)["state"] == "SUCCEEDED"
    runs = gcloud("job-runs", "list", *below(release), f"--rollout={release}-to-{STAGING}-0001")
    assert sorted(run["state"] for run in runs) == ["FAILED", "FAILED", "SUCCEEDED"]
    run_id = runs[0]["name"].rpartition("/")[2]
    rollout = f"--rollout={release}-to-{STAGING}-0001"
    assert gcloud("job-runs", "describe", run_id, *below(release), rollout)["jobId"] == "deploy"


def test_6_the_automation_promotes_after_an_hour(gcloud: Pipeline) -> None:
    release = "deploy-0123456789ab-2"
    gcloud.cloud.advance(timedelta(minutes=61))
    rollouts = gcloud("rollouts", "list", *below(release))
    assert {each["targetId"]: each["state"] for each in rollouts} == {STAGING: "SUCCEEDED", PROD: "PENDING_APPROVAL"}
    runs = gcloud("automation-runs", "list", *PIPE)
    assert {run["state"] for run in runs} <= {"SUCCEEDED", "ABORTED"}
    described = gcloud("automation-runs", "describe", runs[0]["name"].rpartition("/")[2], *PIPE)
    assert described["automationId"] == "promote"
    gcloud("rollouts", "cancel", f"{release}-to-{PROD}-0001", *below(release))
    assert gcloud.rollout(release, PROD)["state"] == "CANCELLED"


def test_7_roll_back_and_abandon(gcloud: Pipeline) -> None:
    gcloud("targets", "rollback", STAGING, *PIPE)
    releases = gcloud("releases", "list", *PIPE)
    assert [each["name"].rpartition("/")[2] for each in releases] == ["deploy-0123456789ab-2", "deploy-0123456789ab-1"]
    rolled_back = gcloud.rollout("deploy-0123456789ab-1", STAGING, 2)
    assert rolled_back["state"] == "SUCCEEDED"
    assert gcloud.run("releases", "abandon", "deploy-0123456789ab-2", *PIPE).returncode == 0
    assert "abandon" in gcloud.refused("releases", "promote", *below("deploy-0123456789ab-2"))


def test_8_a_suspended_pipeline_and_a_freeze(gcloud: Pipeline) -> None:
    manifest = gcloud.home / "frozen.yaml"
    manifest.write_text(MANIFEST.replace("suspended: true\nselectors", "selectors"))
    assert gcloud.run("apply", f"--file={manifest}").returncode == 0
    release = "deploy-0123456789ab-1"
    assert "freeze" in gcloud.refused("releases", "promote", *below(release), f"--to-target={PROD}")
    gcloud("releases", "promote", *below(release), f"--to-target={PROD}", "--override-deploy-policies=freeze")
    manifest.write_text(MANIFEST.replace("serialPipeline:", "suspended: true\nserialPipeline:"))
    assert gcloud.run("apply", f"--file={manifest}").returncode == 0
    assert "suspended" in gcloud.refused("releases", "promote", *below(release), f"--to-target={STAGING}")


def test_9_a_canary_is_advanced_and_its_job_ignored(gcloud: Pipeline) -> None:
    manifest = gcloud.home / "canary.yaml"
    manifest.write_text(CANARY)
    assert gcloud.run("apply", f"--file={manifest}").returncode == 0
    source = f"--source=gs://{PROJECT}-cloudrun-skaffold/source.tar.gz"
    pipe = "--delivery-pipeline=canary"
    for release in ("c1", "c2"):
        gcloud("releases", "create", release, pipe, source)
    gcloud.cloud.cloud.faults.add(Fault(method="execution/deploy/run", times=1, code="INTERNAL"))
    rollout = ["c2-to-run-0001", "--release=c2", pipe]
    gcloud("rollouts", "advance", *rollout, "--phase-id=stable")
    gcloud("rollouts", "ignore-job", *rollout, "--phase-id=stable", "--job-id=deploy")
    found = gcloud("rollouts", "describe", *rollout)
    assert (found["state"], [phase["state"] for phase in found["phases"]]) == ("SUCCEEDED", ["SUCCEEDED"] * 2)


def test_10_an_automation_promotes_by_a_schedule(gcloud: Pipeline) -> None:
    (gcloud.home / "timed.yaml").write_text(TIMED)
    assert gcloud.run("apply", f"--file={gcloud.home / 'timed.yaml'}").returncode == 0
    described = gcloud("automations", "describe", "nightly", "--delivery-pipeline=timed")
    rule = described["rules"][0]["timedPromoteReleaseRule"]
    assert (rule["id"], rule["schedule"], rule["timeZone"]) == ("nightly", "0 22 * * *", "Europe/Berlin")
    condition = rule["condition"]["timedPromoteReleaseCondition"]
    assert condition["targetsList"] == [{"destinationTargetId": "live", "sourceTargetId": "run"}]
    gcloud(
        "releases",
        "create",
        "t1",
        "--delivery-pipeline=timed",
        f"--source=gs://{PROJECT}-cloudrun-skaffold/source.tar.gz",
    )
    gcloud.cloud.advance(timedelta(days=1))
    (run,) = gcloud("automation-runs", "list", "--delivery-pipeline=timed")
    assert run["createTime"] == condition["nextPromotionTime"]
    assert (run["state"], run["timedPromoteReleaseOperation"]["targetId"]) == ("SUCCEEDED", "live")
    rollouts = gcloud("rollouts", "list", "--release=t1", "--delivery-pipeline=timed")
    assert {each["targetId"]: each["state"] for each in rollouts} == {"run": "SUCCEEDED", "live": "SUCCEEDED"}
    assert gcloud.run("delete", f"--file={gcloud.home / 'timed.yaml'}", "--force").returncode == 0


def test_last_delete_all_of_it(gcloud: Pipeline) -> None:
    done = gcloud.run("delete", f"--file={gcloud.home / 'pipeline.yaml'}", "--force")
    assert done.returncode == 0, done.stderr
    assert gcloud.run("delete", f"--file={gcloud.home / 'canary.yaml'}", "--force").returncode == 0
    assert gcloud("delivery-pipelines", "list") == []
    assert gcloud("targets", "list") == {}
