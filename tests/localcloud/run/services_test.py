"""Cloud Run's services: revisions, digests, traffic and who changed them, over v1 and v2, and by rollouts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from tests.localcloud.deploy.world import IMAGE, archive
from tests.localcloud.registry.client import Registry

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.thread import CloudThread

LOCATION = "projects/p/locations/us-central1"
SERVICES = f"/v2/{LOCATION}/services"
V1 = "/apis/serving.knative.dev/v1/namespaces/p"
FOREIGN = "gcr.io/google-containers/nginx:1"
SKAFFOLD = """\
apiVersion: skaffold/v4beta7
kind: Config
metadata: {name: app}
customActions:
  - {name: render-it, containers: [{name: render, image: render}]}
  - {name: deploy-it, containers: [{name: deploy, image: deploy}]}
"""


class Cloud:
    """A local cloud, spoken to over HTTP as somebody."""

    def __init__(self, thread: CloudThread) -> None:
        self.thread = thread

    def call(self, verb: str, path: str, body: Any = None, *, to: int = 200, by: str = "alice@example.com") -> Any:
        headers = {"authorization": f"Bearer {by}"}
        if path.startswith("/apis/"):
            headers["host"] = "us-central1-run.localhost"
        answer = requests.request(verb, self.thread.http_url + path, json=body, headers=headers, timeout=10)
        assert answer.status_code == to, answer.text
        return answer.json()

    def create(self, service: str = "s", image: str = FOREIGN, **fields: Any) -> Any:
        template = {"containers": [{"image": image}], **fields.pop("template", {})}
        body = {"template": template, **fields}
        return self.call("POST", f"{SERVICES}?serviceId={service}", body)["response"]

    def revisions(self, service: str = "s") -> list[Any]:
        return list(self.call("GET", f"{SERVICES}/{service}/revisions").get("revisions", []))

    def logged(self, text: str, project: str = "p") -> list[Any]:
        body = {"resourceNames": [f"projects/{project}"], "filter": text}
        return [entry["protoPayload"] for entry in self.call("POST", "/v2/entries:list", body).get("entries", [])]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with CloudThread(LocalCloud(seed=1, clock=ManualClock())) as thread:
        yield Cloud(thread)


def knative(image: str = FOREIGN, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "p"},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}, **spec},
    }


def test_a_service_serves_its_latest_revision_with_the_digest_of_its_image(cloud: Cloud) -> None:
    with Registry(cloud.thread.http_url, "us.gcr.io/p/app") as registry:
        digest = registry.push_image("v1")
    made = cloud.create(image="us.gcr.io/p/app:v1")
    assert (made["creator"], made["lastModifier"]) == ("alice@example.com", "alice@example.com")
    assert made["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"
    (revision,) = cloud.revisions()
    assert revision["containers"][0]["image"] == f"us.gcr.io/p/app@{digest}"
    assert made["latestReadyRevision"] == made["latestCreatedRevision"] == revision["name"]
    assert revision["name"].startswith(f"{LOCATION}/services/s/revisions/s-00001-")
    (status,) = made["trafficStatuses"]
    assert (status["percent"], status["revision"]) == (100, revision["name"].rpartition("/")[2])
    assert revision["creator"] == "alice@example.com"
    # The service has what was asked for, the tag.
    assert made["template"]["containers"][0]["image"] == "us.gcr.io/p/app:v1"


def test_a_changed_template_makes_a_revision_and_nothing_else_does(cloud: Cloud) -> None:
    cloud.create()
    path = f"{SERVICES}/s"
    cloud.call("PATCH", f"{path}?updateMask=labels", {"labels": {"a": "b"}}, by="bob@example.com")
    assert len(cloud.revisions()) == 1
    service = cloud.call("GET", path)
    assert (service["creator"], service["lastModifier"]) == ("alice@example.com", "bob@example.com")
    service["template"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]
    cloud.call("PATCH", path, service)
    assert [revision["name"][-10:-4] for revision in cloud.revisions()] == ["-00002", "-00001"]
    cloud.call("PATCH", path, {**service, "etag": "another"}, to=409)


def test_traffic_is_split_as_asked_and_revisions_that_serve_stay(cloud: Cloud) -> None:
    cloud.create(template={"revision": "s-one"})
    split = [
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "s-one", "percent": 90, "tag": "old"},
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 10},
    ]
    body = {"template": {"containers": [{"image": FOREIGN}], "revision": "s-two"}, "traffic": split}
    service = cloud.call("PATCH", f"{SERVICES}/s", body)["response"]
    told = [(status["revision"], status["percent"]) for status in service["trafficStatuses"]]
    assert told == [("s-one", 90), ("s-two", 10)]
    assert service["trafficStatuses"][0]["uri"].startswith("https://old---s-")
    cloud.call("DELETE", f"{SERVICES}/s/revisions/s-one", to=400)
    cloud.call("PATCH", f"{SERVICES}/s?updateMask=traffic", {"traffic": split[:1]}, to=400)
    wrong = [{**split[0], "revision": "none", "percent": 100}]
    cloud.call("PATCH", f"{SERVICES}/s?updateMask=traffic", {"traffic": wrong}, to=400)
    cloud.call("PATCH", f"{SERVICES}/s?updateMask=traffic", {"traffic": [{**split[1], "percent": 100}]})
    cloud.call("DELETE", f"{SERVICES}/s/revisions/s-one")
    assert len(cloud.revisions()) == 1
    cloud.call("DELETE", f"{SERVICES}/s")
    cloud.call("GET", f"{SERVICES}/s", to=404)
    assert cloud.revisions() == []


def test_what_is_refused_leaves_nothing_behind(cloud: Cloud) -> None:
    with Registry(cloud.thread.http_url, "us.gcr.io/p/app") as registry:
        registry.push_image("v1")
    missing = {"template": {"containers": [{"image": "us.gcr.io/p/app:v2"}]}}
    cloud.call("POST", f"{SERVICES}?serviceId=s", missing, to=404)
    cloud.call("POST", f"{SERVICES}?serviceId=s", {"template": {}}, to=400)
    cloud.call("POST", f"{SERVICES}?serviceId=S", {"template": {"containers": [{"image": FOREIGN}]}}, to=400)
    google = {"template": {"containers": [{"image": FOREIGN}]}, "annotations": {"run.googleapis.com/ingress": "all"}}
    cloud.call("POST", f"{SERVICES}?serviceId=s", google, to=400)
    assert cloud.call("GET", SERVICES).get("services", []) == []
    assert {entry["status"]["code"] for entry in cloud.logged("severity=ERROR")} == {3, 5}


def test_v1_and_v2_show_the_same_service(cloud: Cloud) -> None:
    value = knative()
    spec = value["spec"]["template"]["spec"]
    spec |= {"containerConcurrency": 8, "timeoutSeconds": 60, "serviceAccountName": "run@p.iam.gserviceaccount.com"}
    spec["containers"][0] |= {
        "env": [{"name": "A", "value": "b"}, {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "1"}}}],
        "ports": [{"name": "h2c", "containerPort": 9000}],
        "resources": {"limits": {"cpu": "1"}},
        "command": ["run"],
        "args": ["-v"],
    }
    value["metadata"]["annotations"] = {"run.googleapis.com/ingress": "internal", "team": "core"}
    value["spec"]["template"]["metadata"] = {"annotations": {"autoscaling.knative.dev/maxScale": "5"}}
    made = cloud.call("POST", f"{V1}/services", value)
    assert made["spec"]["template"]["spec"] == spec
    assert made["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    annotations = made["metadata"]["annotations"]
    assert annotations["serving.knative.dev/creator"] == "alice@example.com"
    assert annotations["run.googleapis.com/ingress-status"] == "internal"
    assert {condition["status"] for condition in made["status"]["conditions"]} == {"True"}
    v2 = cloud.call("GET", f"{SERVICES}/s")
    assert (v2["ingress"], v2["annotations"]) == ("INGRESS_TRAFFIC_INTERNAL_ONLY", {"team": "core"})
    assert v2["template"]["scaling"]["maxInstanceCount"] == 5
    assert v2["template"]["containers"][0]["env"][1]["valueSource"]["secretKeyRef"] == {"secret": "s", "version": "1"}
    # What was read can be written again, and changes nothing but what was changed.
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "gcr.io/google-containers/nginx:2"
    replaced = cloud.call("PUT", f"{V1}/services/s", made, by="bob@example.com")
    assert replaced["metadata"]["generation"] == 2
    assert replaced["metadata"]["annotations"]["serving.knative.dev/lastModifier"] == "bob@example.com"
    cloud.call("PUT", f"{V1}/services/s", made, to=409)  # of another resourceVersion
    listed = cloud.call("GET", f"{V1}/revisions?labelSelector=serving.knative.dev/service=s")["items"]
    assert [item["metadata"]["name"] for item in listed] == [
        revision["name"].rpartition("/")[2] for revision in cloud.revisions()
    ]
    assert listed[0]["status"]["imageDigest"] == "gcr.io/google-containers/nginx:2"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"spec": {}}, "template"),
        ({"kind": "Job"}, "kind"),
        ({"spec": {"template": {"spec": {"containers": [{"image": FOREIGN, "tty": True}]}}}}, "tty"),
        ({"spec": {"template": {"spec": {"containers": [{"image": FOREIGN}], "volumes": [1]}}}}, "volumes"),
        ({"spec": {"template": {"spec": {"containers": 1}}}}, "service"),
        ({"metadata": {"name": "s", "namespace": "q"}}, "namespace"),
        ({"metadata": {}}, "metadata.name"),
    ],
)
def test_v1_refuses_what_it_would_lose(cloud: Cloud, change: dict[str, Any], problem: str) -> None:
    answer = cloud.call("POST", f"{V1}/services", {**knative(), **change}, to=400)
    assert problem in answer["error"]["message"]
    assert cloud.call("GET", f"{V1}/services")["items"] == []


def test_changes_of_either_version_are_logged_in_its_words(cloud: Cloud) -> None:
    cloud.call("POST", f"{V1}/services", knative(), by="alice@example.com")
    cloud.call("PUT", f"{V1}/services/s", knative("gcr.io/google-containers/nginx:2"), by="bob@example.com")
    cloud.call("PATCH", f"{SERVICES}/s?updateMask=labels", {"labels": {"a": "b"}}, by="carol@example.com")
    cloud.call("DELETE", f"{V1}/services/s")
    text = 'resource.type="cloud_run_revision" resource.labels.service_name=s -operation.last=true'
    told = [
        (entry["methodName"], entry["resourceName"], entry["authenticationInfo"]["principalEmail"].partition("@")[0])
        for entry in cloud.logged(text)
    ]
    assert told == [
        ("google.cloud.run.v1.Services.CreateService", "namespaces/p/services/s", "alice"),
        ("google.cloud.run.v1.Services.ReplaceService", "namespaces/p/services/s", "bob"),
        ("google.cloud.run.v2.Services.UpdateService", f"{LOCATION}/services/s", "carol"),
        ("google.cloud.run.v1.Services.DeleteService", "namespaces/p/services/s", "alice"),
    ]
    (created,) = cloud.logged("protoPayload.methodName:v1.Services.CreateService")
    assert created["request"]["service"]["metadata"]["name"] == "s"
    assert created["authorizationInfo"][0]["permission"] == "run.services.create"
    assert created["resourceLocation"]["currentLocations"] == ["us-central1"]


def test_a_delayed_operation_is_its_callers_still() -> None:
    pace = Pace(operation=timedelta(minutes=1))
    with CloudThread(LocalCloud(seed=1, clock=ManualClock(), pace=pace)) as thread:
        cloud = Cloud(thread)
        body = {"template": {"containers": [{"image": FOREIGN}]}}
        operation = cloud.call("POST", f"{SERVICES}?serviceId=s", body)
        assert not operation.get("done")
        thread.advance(timedelta(minutes=1))
        assert cloud.call("GET", f"/v2/{operation['name']}")["response"]["creator"] == "alice@example.com"


def test_a_rollout_deploys_its_service_as_its_executor(cloud: Cloud) -> None:
    with Registry(cloud.thread.http_url, IMAGE) as registry:
        digest = registry.push_image("v1")
    executor = "executor@demo.iam.gserviceaccount.com"
    deploy(cloud, "r1", executor)
    name = "projects/demo-staging/locations/us-central1/services/svc-staging"
    service = cloud.call("GET", f"/v2/{name}")
    assert (service["creator"], service["lastModifier"]) == (executor, executor)
    (revision,) = cloud.call("GET", f"/v2/{name}/revisions")["revisions"]
    assert revision["containers"][0]["image"] == f"{IMAGE}@{digest}"
    # The same image again is a new revision again, as gcloud has it.
    deploy(cloud, "r2", executor)
    deploy(cloud, "r3", executor)
    assert len(cloud.call("GET", f"/v2/{name}/revisions")["revisions"]) == 3
    told = [
        (entry["methodName"].rpartition(".")[2], entry["authenticationInfo"]["principalEmail"])
        for entry in cloud.logged('protoPayload.serviceName="run.googleapis.com"', "demo-staging")
    ]
    assert told == [("CreateService", executor), ("ReplaceService", executor), ("ReplaceService", executor)]


def deploy(cloud: Cloud, release: str, executor: str) -> None:
    """Releases to a pipeline of one stage, and deploys; the first time, makes the pipeline too."""
    at = "/v1/projects/demo/locations/us-central1"
    if release == "r1":
        actions = {"customActions": {"renderAction": "render-it", "deployAction": "deploy-it"}}
        cloud.call("POST", f"{at}/customTargetTypes?customTargetTypeId=run", actions)
        target = {
            "customTarget": {"customTargetType": f"{at[4:]}/customTargetTypes/run"},
            "deployParameters": {
                "customTarget/image": IMAGE,
                "customTarget/serviceID": "svc",
                "customTarget/projectID": "demo-staging",
            },
            "executionConfigs": [{"usages": ["RENDER", "DEPLOY"], "serviceAccount": executor}],
        }
        cloud.call("POST", f"{at}/targets?targetId=staging", target)
        stages = {"serialPipeline": {"stages": [{"targetId": "staging"}]}}
        cloud.call("POST", f"{at}/deliveryPipelines?deliveryPipelineId=app", stages)
        buckets = cloud.thread.cloud.storage
        put_source(cloud, archive({"skaffold.yaml": SKAFFOLD}))
        assert buckets.read("source", "source.tar.gz") is not None
    body = {"skaffoldConfigUri": "gs://source/source.tar.gz", "deployParameters": {"customTarget/tag": "v1"}}
    cloud.call("POST", f"{at}/deliveryPipelines/app/releases?releaseId={release}", body)
    cloud.thread.settle()
    path = f"{at}/deliveryPipelines/app/releases/{release}/rollouts"
    cloud.call("POST", f"{path}?rolloutId=o", {"targetId": "staging"})
    cloud.thread.settle()
    rollout = cloud.call("GET", f"{path}/o")
    assert rollout["state"] == "SUCCEEDED", rollout


def put_source(cloud: Cloud, content: bytes) -> None:
    url = cloud.thread.http_url
    requests.post(f"{url}/storage/v1/b?project=demo", json={"name": "source"}, timeout=10).raise_for_status()
    upload = f"{url}/upload/storage/v1/b/source/o?uploadType=media&name=source.tar.gz"
    requests.post(upload, data=content, timeout=10).raise_for_status()
