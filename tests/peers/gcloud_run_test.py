"""The real gcloud against the local cloud's Cloud Run and its logs, as people with names of their own."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.localcloud.registry.client import Registry

from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")


class Gcloud:
    """gcloud as somebody. Its requests to a region's server, whose name resolves nowhere, go by way of a proxy."""

    def __init__(self, cloud: CloudThread, home: Path, who: str) -> None:
        (home / "token").write_text(who)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CLOUDSDK_CONFIG": str(home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "http://run.localhost/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": f"{cloud.http_url}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": f"{cloud.http_url}/",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(home / "token"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_PROJECT": "demo",
            "CLOUDSDK_CORE_REQUEST_REASON": "INC-7",
            "CLOUDSDK_RUN_REGION": "us-central1",
            "http_proxy": cloud.http_url,
        }

    def __call__(self, *arguments: str) -> Any:
        command = ["gcloud", *arguments, "--format=json"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def refused(self, *arguments: str) -> str:
        done = subprocess.run(
            ["gcloud", *arguments], env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode != 0, done.stdout
        return done.stderr


def test_a_service_is_deployed_by_hand_and_its_change_is_read_from_the_log(
    local_cloud: CloudThread, tmp_path: Path
) -> None:
    alice = Gcloud(local_cloud, tmp_path, "alice@example.com")
    with Registry(local_cloud.http_url, "us.gcr.io/demo/app") as registry:
        first, second = registry.push_image("v1"), registry.push_image("v2", layers=(b"another",))
    alice("run", "deploy", "app", "--image=us.gcr.io/demo/app:v1")
    alice("run", "deploy", "app", "--image=us.gcr.io/demo/app:v2", "--set-env-vars=A=b", "--no-traffic")

    (service,) = alice("run", "services", "list")
    assert service["metadata"]["annotations"]["serving.knative.dev/creator"] == "alice@example.com"
    revisions = alice("run", "revisions", "list", "--service=app")
    digests = {revision["status"]["imageDigest"] for revision in revisions}
    assert digests == {f"us.gcr.io/demo/app@{first}", f"us.gcr.io/demo/app@{second}"}
    described = alice("run", "services", "describe", "app")
    traffic = [(each["revisionName"], each["percent"]) for each in described["status"]["traffic"]]
    assert traffic == [(revision["metadata"]["name"], 100) for revision in revisions if "00001" in str(revision)][:1]
    alice("run", "services", "update-traffic", "app", "--to-latest")
    latest = alice("run", "services", "describe", "app")["status"]
    assert latest["traffic"][0]["revisionName"] == latest["latestReadyRevisionName"] != traffic[0][0]

    entries = alice("logging", "read", 'protoPayload.serviceName="run.googleapis.com"', "--order=asc")
    payloads = [entry["protoPayload"] for entry in entries]
    assert [payload["methodName"].rpartition(".")[2] for payload in payloads] == [
        "CreateService",
        "ReplaceService",
        "ReplaceService",
    ]
    assert {payload["authenticationInfo"]["principalEmail"] for payload in payloads} == {"alice@example.com"}
    assert {payload["requestMetadata"]["requestAttributes"]["reason"] for payload in payloads} == {"INC-7"}
    assert "gcloud/" in payloads[0]["requestMetadata"]["callerSuppliedUserAgent"]
    assert alice("logging", "read", "protoPayload.methodName:Replace", "--limit=1") == entries[-1:]
    assert alice("logging", "logs", "list") == ["projects/demo/logs/cloudaudit.googleapis.com%2Factivity"]
    assert "Unparseable filter" in alice.refused("logging", "read", "severity=")
    assert "not found" in alice.refused("run", "deploy", "app", "--image=us.gcr.io/demo/app:v3")
    alice("run", "services", "delete", "app")
    assert alice("run", "services", "list") == []


def test_an_entry_of_ones_own_is_written_and_read(local_cloud: CloudThread, tmp_path: Path) -> None:
    alice = Gcloud(local_cloud, tmp_path, "alice@example.com")
    alice("logging", "write", "deploys", "hello", "--severity=WARNING")
    (entry,) = alice("logging", "read", 'log_id("deploys") severity>=WARNING')
    assert (entry["textPayload"], entry["logName"]) == ("hello", "projects/demo/logs/deploys")
