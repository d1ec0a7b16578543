"""Fields that the REST API has and the installed client's messages lack."""

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import requests
from google.cloud import deploy_v1
from google.cloud.deploy_v1.services.cloud_deploy import transports
from tests.localcloud.deploy.world import DIGEST, IMAGE, LOCATION, PIPELINE, SKAFFOLD, Buckets, Images, archive

from msp.localcloud import LocalCloud, newer_fields
from msp.localcloud.clock import ManualClock
from msp.localcloud.deploy import messages as pb
from msp.localcloud.json_text import json_text
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.status import ApiError

TASK = {"container": {"image": "busybox", "command": ["sh"], "args": ["-c", "true"], "env": {"A": "ü"}}}
ANALYSIS = {
    "duration": "300s",
    "googleCloud": {"alertPolicyChecks": [{"id": "a", "alertPolicies": ["p"], "labels": {"x": "y"}}]},
    "customChecks": [{"id": "c", "frequency": "1.5s", "task": TASK}],
}
STANDARD = {"verify": True, "verifyConfig": {"tasks": [TASK]}, "analysis": ANALYSIS, "predeploy": {"tasks": [TASK]}}
STAGES = {"serialPipeline": {"stages": [{"targetId": "prod", "strategy": {"standard": STANDARD}}]}}
KIND = {"tasks": {"render": TASK, "deploy": TASK}}
TOOLS = {"helm": "3.19", "kubectl": "1.34"}


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    images, buckets = Images({f"{IMAGE}:v1": DIGEST}), Buckets({"s/s.tar.gz": archive({"skaffold.yaml": SKAFFOLD})})
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1, images=images, buckets=buckets)) as cloud:
        yield cloud


def send(cloud: CloudThread, verb: str, path: str, body: Any = None) -> Any:
    answer = requests.request(verb, f"{cloud.http_url}/v1/{path}", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_they_are_kept_and_shown_wherever_a_resource_goes(cloud: CloudThread) -> None:
    send(cloud, "POST", f"{LOCATION}/customTargetTypes?customTargetTypeId=run-service", KIND)
    target = {"customTarget": {"customTargetType": "run-service"}}
    send(cloud, "POST", f"{LOCATION}/targets?targetId=prod", target)
    made = send(cloud, "POST", f"{LOCATION}/deliveryPipelines?deliveryPipelineId=app", STAGES)
    assert made["response"]["serialPipeline"] == STAGES["serialPipeline"]
    assert send(cloud, "GET", PIPELINE)["serialPipeline"] == STAGES["serialPipeline"]
    (listed,) = send(cloud, "GET", f"{LOCATION}/customTargetTypes")["customTargetTypes"]
    assert listed["tasks"] == KIND["tasks"]
    release = {"skaffoldConfigUri": "gs://s/s.tar.gz", "toolVersions": TOOLS}
    send(cloud, "POST", f"{PIPELINE}/releases?releaseId=r1", release)
    cloud.settle()
    found = send(cloud, "GET", f"{PIPELINE}/releases/r1")
    assert found["toolVersions"] == TOOLS
    assert found["deliveryPipelineSnapshot"]["serialPipeline"] == STAGES["serialPipeline"]
    assert found["customTargetTypeSnapshots"][0]["tasks"] == KIND["tasks"]
    wanted = send(cloud, "GET", f"{PIPELINE}/releases/r1?fields=toolVersions,name")
    assert wanted == {"name": f"{PIPELINE}/releases/r1", "toolVersions": TOOLS}
    assert send(cloud, "GET", f"{PIPELINE}/releases/r1?fields=uid").keys() == {"uid"}


def test_updates_by_mask(cloud: CloudThread) -> None:
    kind = f"{LOCATION}/customTargetTypes/k"
    actions = {"customActions": {"deployAction": "deploy"}}
    send(cloud, "POST", f"{LOCATION}/customTargetTypes?customTargetTypeId=k", {**actions, **KIND})
    send(cloud, "PATCH", f"{kind}?updateMask=description", {"description": "new"})
    assert send(cloud, "GET", kind)["tasks"] == KIND["tasks"]
    send(cloud, "PATCH", f"{kind}?updateMask=tasks,description", {"tasks": {"deploy": TASK}})
    found = send(cloud, "GET", kind)
    assert (found["tasks"], "description" in found) == ({"deploy": TASK}, False)
    send(cloud, "PATCH", f"{kind}?updateMask=*", actions)
    assert "tasks" not in send(cloud, "GET", kind)
    for _ in range(3):
        send(cloud, "PATCH", f"{kind}?updateMask=tasks", KIND)
    stored = cloud.cloud.store.get("custom-target-type", kind)
    assert stored is not None
    assert stored.count(b"busybox") == 2, "an update leaves nothing of the last one behind"


def test_the_client_that_lacks_them_is_not_disturbed(cloud: CloudThread) -> None:
    body = {"customActions": {"deployAction": "d"}, **KIND}
    send(cloud, "POST", f"{LOCATION}/customTargetTypes?customTargetTypeId=k", body)
    client: Any
    channel = grpc.insecure_channel(cloud.grpc_address)
    with deploy_v1.CloudDeployClient(transport=transports.CloudDeployGrpcTransport(channel=channel)) as client:
        kind = client.get_custom_target_type(name=f"{LOCATION}/customTargetTypes/k")
        assert kind.custom_actions.deploy_action == "d"
        kind.description = "by a client that reads, changes and writes"
        client.update_custom_target_type(custom_target_type=kind, update_mask={"paths": ["*"]}).result()
    found = send(cloud, "GET", f"{LOCATION}/customTargetTypes/k")
    assert (found["tasks"], found["description"]) == (KIND["tasks"], kind.description)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"toolVersions": {"nope": "1"}}, "Unknown name \"nope\" at 'release.toolVersions': Cannot find field."),
        ({"toolVersions": {"helm": 3}}, "Invalid value at 'release.toolVersions.helm' (string), 3"),
        ({"toolVersions": "3"}, "Invalid value at 'release.toolVersions' (ToolVersions)"),
        ({"tasks": []}, "Unknown name \"tasks\" at 'release': Cannot find field."),
        ({"toolVersions": {}, "nope": 1}, "Unknown name \"nope\" at 'release': Cannot find field."),
    ],
)
def test_what_is_not_of_their_types_is_refused(cloud: CloudThread, body: Any, problem: str) -> None:
    answer = requests.post(f"{cloud.http_url}/v1/{PIPELINE}/releases?releaseId=r1", json=body, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert problem in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("tasks", "problem"),
    [
        ({}, "Invalid value at 'tasks' (a list)"),
        ([{"container": {"env": {"A": 1}}}], "Invalid value at 'tasks[0].container.env.A' (string), 1"),
        ([{"container": {"args": ["a", None]}}], "Invalid value at 'tasks[0].container.args[1]' (string), null"),
    ],
)
def test_where_the_mistake_is(tasks: Any, problem: str) -> None:
    with pytest.raises(ApiError) as refused:
        newer_fields.parse({"tasks": tasks}, pb.Predeploy())
    assert problem in refused.value.message


def test_both_spellings_and_nothing() -> None:
    release = pb.Release()
    newer_fields.parse({"tool_versions": {"helm": "1"}, "description": "d"}, release)
    assert json.loads(json_text(release)) == {"description": "d", "toolVersions": {"helm": "1"}}
    newer_fields.parse({"toolVersions": None}, release)
    newer_fields.put(release, {})
    assert release == pb.Release(description="d")
