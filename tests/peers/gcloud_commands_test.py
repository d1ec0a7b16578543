"""Every command of `gcloud deploy`, and every route that gcloud's own clients know, against the local cloud."""

import re
import shutil
from collections.abc import Iterator, Set
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from tests.peers.gcloud import PROJECT, REGION, Gcloud

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.faults import Fault
from msp.localcloud.methods import Router
from msp.localcloud.pytest_plugin import CloudThread

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

LOCATION = f"projects/{PROJECT}/locations/{REGION}"
PIPE = "--delivery-pipeline=app"
MANIFEST = f"""\
apiVersion: deploy.cloud.google.com/v1
kind: DeliveryPipeline
metadata: {{name: app}}
serialPipeline:
  stages:
  - targetId: run
    strategy:
      canary:
        runtimeConfig: {{cloudRun: {{automaticTrafficControl: true}}}}
        canaryDeployment: {{percentages: [50]}}
  - targetId: prod
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {{name: run}}
run: {{location: {LOCATION}}}
---
apiVersion: deploy.cloud.google.com/v1
kind: Target
metadata: {{name: prod}}
requireApproval: true
run: {{location: {LOCATION}}}
---
apiVersion: deploy.cloud.google.com/v1
kind: Automation
metadata: {{name: app/promote}}
serviceAccount: executor@{PROJECT}.iam.gserviceaccount.com
selector: {{targets: [{{id: run}}]}}
rules:
- promoteReleaseRule: {{name: promote, wait: 60m}}
---
apiVersion: deploy.cloud.google.com/v1
kind: CustomTargetType
metadata: {{name: kind}}
customActions: {{renderAction: render, deployAction: deploy}}
---
apiVersion: deploy.cloud.google.com/v1
kind: DeployPolicy
metadata: {{name: freeze}}
suspended: true
selectors:
- target: {{id: prod}}
rules:
- rolloutRestriction:
    id: always
    timeWindows:
      timeZone: UTC
      weeklyWindows: [{{daysOfWeek: [MONDAY], startTime: "00:00", endTime: "24:00"}}]
"""
FILES = {
    "all.yaml": MANIFEST,
    "policy.json": '{"bindings": [{"role": "roles/clouddeploy.viewer", "members": ["user:dev@example.com"]}]}',
    "source/skaffold.yaml": "apiVersion: skaffold/v4beta7\nkind: Config\n"
    "manifests: {rawYaml: [run.yaml]}\ndeploy: {cloudrun: {}}\n",
    "source/run.yaml": "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: app}\n",
}
# gcloud's client of Artifact Registry has these besides the API that Google publishes.
NOT_PUBLISHED = re.compile(r"\.(upload|reindex|(get|update)PlatformLogsConfig|googetArtifacts\.import)$")


class Commands(Gcloud):
    """gcloud, with the commands of `gcloud deploy` that it ran successfully."""

    def __init__(self, cloud: CloudThread, home: Path) -> None:
        super().__init__(cloud, home)
        self.ran: set[str] = set()

    def script(self, text: str) -> None:
        """Runs commands, one a line, each of which must succeed."""
        for command in text.splitlines():
            words = command.split()
            done = self.run(*words)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            self.ran.add(" ".join(word for word in words[:2] if not word.startswith("-")))

    def later(self) -> None:
        """Has what is under way end."""
        self.cloud.advance(timedelta(minutes=2))

    def newest(self, collection: str) -> str:
        """The id of the newest resource below the pipeline."""
        url = f"{self.cloud.http_url}/v1/{LOCATION}/deliveryPipelines/app/{collection}"
        found = next(value for value in requests.get(url, timeout=10).json().values() if isinstance(value, list))
        return str(found[0]["name"].rpartition("/")[2])


def commands_of_gcloud() -> Set[str]:
    """All that `gcloud deploy` has, `releases create`: a file each below its own folder."""
    surface = library() / "surface" / "deploy"
    files = [file.relative_to(surface) for file in surface.rglob("*") if file.suffix in {".py", ".yaml"}]
    return {str(file.with_suffix("")).replace("/", " ").replace("_", "-") for file in files if file.stem != "__init__"}


def library() -> Path:
    gcloud = shutil.which("gcloud")
    assert gcloud is not None
    return Path(gcloud).resolve().parents[1] / "lib"


@pytest.fixture
def gcloud(tmp_path: Path) -> Iterator[Commands]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    pace = Pace(job=timedelta(minutes=1))
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1, pace=pace)) as cloud:
        yield Commands(cloud, tmp_path)


def test_every_command(gcloud: Commands) -> None:
    gcloud.script(f"apply --file={gcloud.home}/all.yaml\nget-config")
    gcloud.script(f"automations list {PIPE}\nautomations describe promote {PIPE}\nautomations export promote {PIPE}")
    for group, name in (
        *(("delivery-pipelines", "app"), ("targets", "run")),
        *(("custom-target-types", "kind"), ("deploy-policies", "freeze")),
    ):
        binding = f"{name} --role=roles/clouddeploy.viewer --member=user:dev@example.com"
        gcloud.script(
            f"{group} list\n{group} describe {name}\n{group} export {name}\n"
            f"{group} set-iam-policy {name} {gcloud.home}/policy.json\n{group} get-iam-policy {name}\n"
            f"{group} remove-iam-policy-binding {binding}\n{group} add-iam-policy-binding {binding}"
        )
    _releases(gcloud)
    gcloud.script(
        f"automations delete promote {PIPE}\ndeploy-policies delete freeze\ndelivery-pipelines delete app --force\n"
        f"targets delete prod\ncustom-target-types delete kind\napply --file={gcloud.home}/all.yaml\n"
        f"delete --file={gcloud.home}/all.yaml --force"
    )
    assert len(commands_of_gcloud()) >= 60
    assert gcloud.ran == commands_of_gcloud()


def _releases(gcloud: Commands) -> None:
    source, one, two = f"--source={gcloud.home}/source", f"--release=r1 {PIPE}", f"--release=r2 {PIPE}"
    job = "--phase-id=stable --job-id=deploy"
    gcloud.script(f"releases create r1 {PIPE} {source}")
    run = gcloud.newest("releases/r1/rollouts/r1-to-run-0001/jobRuns")
    gcloud.script(
        f"job-runs list --rollout=r1-to-run-0001 {one}\njob-runs describe {run} --rollout=r1-to-run-0001 {one}\n"
        f"job-runs terminate {run} --rollout=r1-to-run-0001 {one}\nrollouts retry-job r1-to-run-0001 {one} {job}"
    )
    gcloud.later()
    gcloud.script(f"releases create r2 {PIPE} {source}")
    gcloud.later()
    gcloud.cloud.faults.add(Fault(method="execution/deploy/run", times=1, code="INTERNAL"))
    gcloud.script(f"rollouts advance r2-to-run-0001 {two} --phase-id=stable")
    gcloud.later()
    gcloud.script(f"rollouts ignore-job r2-to-run-0001 {two} {job}")
    waiting = gcloud.newest("automationRuns")
    gcloud.script(
        f"automation-runs list {PIPE}\nautomation-runs describe {waiting} {PIPE}\n"
        f"automation-runs cancel {waiting} {PIPE}\nreleases promote {two}\nrollouts reject r2-to-prod-0001 {two}\n"
        f"releases promote {two} --to-target=prod\nrollouts approve r2-to-prod-0002 {two}"
    )
    gcloud.later()
    gcloud.script(
        f"targets redeploy run {PIPE}\ntargets rollback run {PIPE}\nreleases promote {one} --to-target=prod\n"
        f"rollouts cancel r1-to-prod-0001 {one}\nrollouts list {two}\nrollouts describe r2-to-prod-0002 {two}\n"
        f"releases list {PIPE}\nreleases describe r1 {PIPE}\nreleases abandon r1 {PIPE}"
    )


@pytest.mark.parametrize(("api", "count"), [("clouddeploy", 61), ("artifactregistry", 66)])
def test_every_route_of_gclouds_client_is_here(api: str, count: int) -> None:
    client = library() / "googlecloudsdk" / "generated_clients" / "apis" / api / "v1" / f"{api}_v1_client.py"
    found = re.findall(
        r"ApiMethodInfo\(\s*(?:flat_path='([^']+)',\s*)?http_method='(\w+)',\s*method_id='([^']+)'"
        r".*?relative_path='([^']+)'",
        client.read_text(),
        re.DOTALL,
    )
    assert len(found) >= count
    with CloudThread(LocalCloud()) as cloud:
        router = Router(cloud.cloud.methods)
    missing = []
    for flat, verb, method, relative in found:
        path = re.sub(r"\{[^}]+\}", "x", flat or relative)
        if router.find(verb, f"/{path}") is None:
            missing.append(method)
    assert [method for method in missing if not NOT_PUBLISHED.search(method)] == []
