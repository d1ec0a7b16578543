"""The audit log: what is logged of whom, together with what was done."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.cloud.deploy_v1 import CloudDeployClient
from google.cloud.deploy_v1.services.cloud_deploy import transports
from tests.localcloud.deploy.world import LOCATION, PIPELINE, World

from msp.localcloud import LocalCloud
from msp.localcloud.caller import CALLER, Caller, service_agent
from msp.localcloud.clock import ManualClock
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.faults import Fault
from msp.localcloud.logging import AuditLog, Entries
from msp.localcloud.logging.activities import ACTIVITIES
from msp.localcloud.thread import CloudThread

ALICE = {
    "authorization": "Bearer alice@example.com/ci@p.iam.gserviceaccount.com",
    "x-goog-request-reason": "INC-7",
    "user-agent": "me/1",
}
TARGET = {"run": {"location": "projects/p/locations/us-central1"}}
DATA_ACCESS = {"DeletePackage", "DeleteVersion", "BatchDeleteVersions"}
"""What changes something, and is data access to Google: logged only where that was switched on."""
RETRIED = "5d4e5d8e-3e2d-4c2f-9f0e-0f2d5e6a7b8c"


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(seed=1, clock=ManualClock())) as made:
        yield made


def create_target(cloud: CloudThread, target_id: str = "a", **query: str) -> requests.Response:
    url = f"{cloud.http_url}/v1/projects/p/locations/us-central1/targets"
    return requests.post(url, params={"targetId": target_id, **query}, json=TARGET, headers=ALICE, timeout=10)


def logged(cloud: CloudThread, text: str = "", project: str = "p") -> list[Any]:
    body = {"resourceNames": [f"projects/{project}"], "filter": text, "pageSize": 1000}
    answer = requests.post(f"{cloud.http_url}/v2/entries:list", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return list(answer.json().get("entries", []))


def test_each_method_that_changes_something_is_an_activity() -> None:
    with CloudThread(LocalCloud()) as cloud:
        services = {name.partition("/")[0] for name in ACTIVITIES}
        changing = {
            method.full_name
            for method in cloud.cloud.methods
            if method.service in services and method.handler is not None
            if method.bindings[0].verb != "GET" and method.name not in DATA_ACCESS
        }
    assert changing - {name for name in changing if name.endswith("IamPermissions")} <= {
        *ACTIVITIES,
        *(name for name in changing if name.endswith("/SetIamPolicy")),
    }
    assert set(ACTIVITIES) - changing == set()


def test_a_call_over_rest_is_logged_with_who_and_why(cloud: CloudThread) -> None:
    assert create_target(cloud).status_code == 200
    first, last = logged(cloud)
    payload = first["protoPayload"]
    assert payload["@type"] == "type.googleapis.com/google.cloud.audit.AuditLog"
    assert payload["serviceName"] == "clouddeploy.googleapis.com"
    assert payload["methodName"] == "google.cloud.deploy.v1.CloudDeploy.CreateTarget"
    assert payload["resourceName"] == "projects/p/locations/us-central1/targets/a"
    assert payload["authenticationInfo"] == {
        "principalEmail": "ci@p.iam.gserviceaccount.com",
        "principalSubject": "serviceAccount:ci@p.iam.gserviceaccount.com",
        "serviceAccountDelegationInfo": [
            {
                "principalSubject": "user:alice@example.com",
                "firstPartyPrincipal": {"principalEmail": "alice@example.com"},
            }
        ],
    }
    metadata = payload["requestMetadata"]
    assert (metadata["callerIp"], metadata["callerSuppliedUserAgent"]) == ("127.0.0.1", "me/1")
    assert metadata["requestAttributes"]["reason"] == "INC-7"
    assert payload["authorizationInfo"][0] | {"resourceAttributes": {}} == {
        "resource": "projects/p/locations/us-central1/targets/a",
        "permission": "clouddeploy.targets.create",
        "granted": True,
        "permissionType": "ADMIN_WRITE",
        "resourceAttributes": {},
    }
    assert payload["request"]["target"] == TARGET
    assert (payload["status"], payload["resourceLocation"]) == ({}, {"currentLocations": ["us-central1"]})
    assert first["logName"] == "projects/p/logs/cloudaudit.googleapis.com%2Factivity"
    assert first["resource"]["type"] == "audited_resource"
    assert (first["severity"], first["operation"]["first"]) == ("NOTICE", True)
    assert first["operation"]["id"] == last["operation"]["id"]
    assert last["operation"]["last"] is True
    assert last["protoPayload"]["response"]["targetId"] == "a"
    assert "request" not in last["protoPayload"]


def test_a_call_over_grpc_is_logged_with_who_and_why(cloud: CloudThread) -> None:
    channel = grpc.insecure_channel(cloud.grpc_address)
    client: Any = CloudDeployClient(transport=transports.CloudDeployGrpcTransport(channel=channel))
    with client:
        metadata = [(name, value) for name, value in ALICE.items() if name != "user-agent"]
        request = {"parent": LOCATION, "target_id": "a", "target": TARGET}
        client.create_target(request=request, metadata=metadata).result(timeout=30)
    payload = logged(cloud, "operation.first=true", "demo")[0]["protoPayload"]
    assert payload["authenticationInfo"]["principalEmail"] == "ci@p.iam.gserviceaccount.com"
    assert payload["requestMetadata"]["requestAttributes"]["reason"] == "INC-7"
    assert payload["requestMetadata"]["callerIp"] == "127.0.0.1"
    assert "grpc-python" in payload["requestMetadata"]["callerSuppliedUserAgent"]


def test_a_refused_call_is_logged_and_changes_nothing(cloud: CloudThread) -> None:
    create_target(cloud)
    assert create_target(cloud).status_code == 409
    (entry,) = logged(cloud, "severity>=ERROR")
    assert entry["protoPayload"]["status"]["code"] == 6
    assert "already exists" in entry["protoPayload"]["status"]["message"]
    assert len(logged(cloud)) == 3


def test_what_changes_nothing_is_not_logged(cloud: CloudThread) -> None:
    create_target(cloud, validateOnly="true")
    assert logged(cloud) == []
    for _ in range(2):
        create_target(cloud, requestId=RETRIED)
    assert len(logged(cloud)) == 2
    requests.get(f"{cloud.http_url}/v1/projects/p/locations/us-central1/targets", timeout=10)
    assert len(logged(cloud)) == 2


def test_the_end_of_an_operation_is_logged_when_it_ends() -> None:
    pace = Pace(operation=timedelta(minutes=1))
    with CloudThread(LocalCloud(seed=1, clock=ManualClock(), pace=pace)) as cloud:
        create_target(cloud)
        assert [entry["operation"].get("last") for entry in logged(cloud)] == [None]
        cloud.advance(timedelta(minutes=1))
        first, last = logged(cloud)
        assert (first["timestamp"][14:19], last["timestamp"][14:19]) == ("00:00", "01:00")
        assert last["protoPayload"]["authenticationInfo"] == first["protoPayload"]["authenticationInfo"]
        assert last["protoPayload"]["response"]["targetId"] == "a"
        fault = Fault(method="google.cloud.deploy.v1.CloudDeploy/CreateTarget:operation", code="INTERNAL", message="no")
        cloud.faults.add(fault)
        create_target(cloud, "b")
        cloud.advance(timedelta(minutes=1))
        (failed,) = logged(cloud, "severity=ERROR")
        assert failed["protoPayload"]["status"] == {"code": 13, "message": "no"}
        operation = requests.get(f"{cloud.http_url}/v1/{create_target(cloud, 'c').json()['name']}", timeout=10).json()
        requests.post(f"{cloud.http_url}/v1/{operation['name']}:cancel", json={}, timeout=10)
        assert logged(cloud, f'operation.id="{operation["name"]}" operation.last=true')[0]["severity"] == "ERROR"


@pytest.mark.parametrize("collection", ["deliveryPipelines", "targets"])
def test_a_policy_of_access_is_logged_under_its_service(cloud: CloudThread, collection: str) -> None:
    create_target(cloud)
    url = f"{cloud.http_url}/v1/projects/p/locations/us-central1"
    requests.post(f"{url}/deliveryPipelines?deliveryPipelineId=a", json={"serialPipeline": {}}, timeout=10)
    answer = requests.post(f"{url}/{collection}/a:setIamPolicy", json={"policy": {}}, headers=ALICE, timeout=10)
    assert answer.status_code == 200, answer.text
    (entry,) = logged(cloud, "protoPayload.methodName:SetIamPolicy")
    assert entry["protoPayload"]["methodName"] == "google.iam.v1.IAMPolicy.SetIamPolicy"
    assert entry["protoPayload"]["authorizationInfo"][0]["permission"] == f"clouddeploy.{collection}.setIamPolicy"


class Audited(World):
    """A Cloud Deploy whose automations and methods are logged."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Entries(self.store, self.clock)
        self.audit = AuditLog(self.log, self.store, self.clock, self.deploy.operations)
        self.deploy.automatic.audit = self.audit
        self.methods = {name: self.audit.recorded(method) for name, method in self.methods.items()}

    def payloads(self, text: str = "") -> list[Any]:
        from google.cloud.audit import audit_log_pb2

        from msp.localcloud.logging import messages

        found, _ = self.log.list(messages.ListLogEntriesRequest(resource_names=["projects/demo"], filter=text))
        unpacked = []
        for entry in found:
            payload = audit_log_pb2.AuditLog()
            entry.proto_payload.Unpack(payload)
            unpacked.append(payload)
        return unpacked


def test_an_automation_acts_as_its_service_account() -> None:
    world = Audited()
    rule = pb.AutomationRule(promote_release_rule=pb.PromoteReleaseRule(id="promote"))
    world.automation("promote", rule, "staging")
    token = CALLER.set(Caller("alice@example.com"))
    world.rollout(world.release("r1"), "staging")
    CALLER.reset(token)
    by = {
        payload.resource_name.rpartition("/")[2]: payload.authentication_info
        for payload in world.payloads('protoPayload.methodName:"CreateRollout"')
    }
    (promoted,) = by.keys() - {"r1-to-staging"}
    assert by["r1-to-staging"].principal_email == "alice@example.com"
    assert by[promoted].principal_email == "robot@demo.iam.gserviceaccount.com"
    (delegate,) = by[promoted].service_account_delegation_info
    assert delegate.first_party_principal.principal_email == service_agent("demo")


def test_an_automatic_repair_is_logged_step_by_step() -> None:
    world = Audited()
    rule = pb.AutomationRule(repair_rollout_rule=pb.RepairRolloutRule(id="repair"))
    rule.repair_rollout_rule.repair_phases.add().retry.attempts = 1
    rule.repair_rollout_rule.repair_phases.add().rollback.SetInParent()
    world.automation("repair", rule, "staging")
    world.rollout(world.release("r1"), "staging")
    world.faults.add(Fault(method="execution/deploy/staging", times=2, code="INTERNAL", message="no"))
    world.rollout(world.release("r2"), "staging")
    world.settle()
    repairs = world.payloads('protoPayload.authenticationInfo.principalEmail:"robot@"')
    steps = [payload.method_name.rpartition(".")[2] for payload in repairs]
    assert steps == ["RetryJob", "RollbackTarget"]
    assert repairs[0].resource_name.endswith("/rollouts/r2-to-staging")


def test_an_overridden_policy_is_among_what_was_authorized() -> None:
    world = Audited()
    policy = pb.DeployPolicy(selectors=[pb.DeployPolicyResourceSelector()])
    policy.selectors[0].delivery_pipeline.id = "*"
    window = policy.rules.add().rollout_restriction
    window.id = "frozen"
    window.time_windows.time_zone = "UTC"
    window.time_windows.weekly_windows.add()
    world.call("CreateDeployPolicy", parent=LOCATION, deploy_policy_id="freeze", deploy_policy=policy)
    world.rollout(world.release("r1"), "staging", override_deploy_policy=["freeze"])
    (first, _) = world.payloads('protoPayload.methodName:"CreateRollout"')
    assert [(info.permission, info.resource) for info in first.authorization_info] == [
        ("clouddeploy.rollouts.create", f"{PIPELINE}/releases/r1/rollouts/r1-to-staging"),
        ("clouddeploy.deployPolicies.override", f"{LOCATION}/deployPolicies/freeze"),
    ]


def test_what_was_done_was_logged_whenever_the_process_is_killed(tmp_path: Path) -> None:
    script = """
import asyncio, itertools, pathlib, sys, requests
from msp.localcloud import LocalCloud
from msp.localcloud.thread import CloudThread
with CloudThread(LocalCloud(state_dir=pathlib.Path(sys.argv[1]))) as cloud:
    for number in itertools.count():
        url = f"{cloud.http_url}/v1/projects/p/locations/us-central1/targets?targetId=t{number}"
        requests.post(url, json={"run": {"location": "projects/p/locations/us-central1"}}, timeout=10)
        print(number, flush=True)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 20:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud:
        url = f"{cloud.http_url}/v1/projects/p/locations/us-central1/targets?pageSize=1000"
        there = {target["name"] for target in requests.get(url, timeout=10).json()["targets"]}
        entries = logged(cloud)
    assert len(there) > 20
    assert {entry["protoPayload"]["resourceName"] for entry in entries} == there
    assert len(entries) == 2 * len(there)
