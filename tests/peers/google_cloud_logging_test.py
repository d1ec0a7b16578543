"""google-cloud-logging, over gRPC and REST, unchanged but for its endpoint."""

from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import logging
from google.cloud.audit import audit_log_pb2
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client, transports

from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

AT = "projects/demo/locations/us-central1"


@pytest.fixture
def changed(local_cloud: CloudThread) -> CloudThread:
    """A cloud in which five targets were made."""
    for number in range(5):
        url = f"{local_cloud.http_url}/v1/{AT}/targets?targetId=t{number}"
        headers = {"authorization": "Bearer alice@example.com", "x-goog-request-reason": "INC-7"}
        requests.post(url, json={"run": {"location": AT}}, headers=headers, timeout=10).raise_for_status()
    return local_cloud


def test_entries_over_grpc(changed: CloudThread) -> None:
    channel = grpc.insecure_channel(changed.grpc_address)
    client: Any = LoggingServiceV2Client(transport=transports.LoggingServiceV2GrpcTransport(channel=channel))
    with client:
        request = {
            "resource_names": ["projects/demo"],
            "filter": 'protoPayload.methodName="google.cloud.deploy.v1.CloudDeploy.CreateTarget" operation.first=true',
            "order_by": "timestamp desc",
            "page_size": 2,
        }
        payloads = []
        for entry in client.list_log_entries(request=request):
            payload = audit_log_pb2.AuditLog()
            entry._pb.proto_payload.Unpack(payload)
            payloads.append(payload)
        names = [payload.resource_name for payload in payloads]
        assert names == [f"{AT}/targets/t{number}" for number in (4, 3, 2, 1, 0)]
        assert {payload.authentication_info.principal_email for payload in payloads} == {"alice@example.com"}
        assert {payload.request_metadata.request_attributes.reason for payload in payloads} == {"INC-7"}
        logs = list(client.list_logs(parent="projects/demo"))
        assert logs == ["projects/demo/logs/cloudaudit.googleapis.com%2Factivity"]
        with pytest.raises(exceptions.InvalidArgument, match="Unparseable filter"):
            list(client.list_log_entries(request={"resource_names": ["projects/demo"], "filter": "thud=1"}))


def test_entries_over_rest_as_the_library_is_used(changed: CloudThread) -> None:
    client: Any = logging.Client(
        project="demo",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        _use_grpc=False,
        client_options={"api_endpoint": changed.http_url},
    )
    text = 'protoPayload.authenticationInfo.principalEmail="alice@example.com" AND operation.last=true'
    entries = list(client.list_entries(filter_=text, order_by=logging.DESCENDING, page_size=2))
    names = [entry.payload["resourceName"].rpartition("/")[2] for entry in entries]
    assert names == ["t4", "t3", "t2", "t1", "t0"]
    assert entries[0].payload["response"]["targetId"] == "t4"
    logger = client.logger("deploys")
    logger.log_struct({"stage": "prod", "count": 3}, severity="WARNING")
    (own,) = logger.list_entries(filter_="jsonPayload.stage=prod jsonPayload.count>2")
    assert (own.payload, own.severity) == ({"stage": "prod", "count": 3}, "WARNING")
