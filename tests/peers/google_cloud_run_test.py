"""google-cloud-run over gRPC and REST, unchanged but for its endpoint."""

from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions import transports as revisions_transports
from google.cloud.run_v2.services.services import transports as services_transports
from tests.localcloud.registry.client import Registry
from tests.localcloud.registry.shared import local_cloud, module_cloud

from msp.localcloud.pytest_plugin import CloudThread

__all__ = ["local_cloud", "module_cloud"]

LOCATION = "projects/demo/locations/us-central1"
ALICE = [("authorization", "Bearer alice@example.com")]


@pytest.fixture(params=["grpc", "rest"])
def clients(request: pytest.FixtureRequest, local_cloud: CloudThread) -> tuple[Any, Any]:
    """A client of services, and one of revisions."""
    if request.param == "grpc":
        channel = grpc.insecure_channel(local_cloud.grpc_address)
        return (
            run_v2.ServicesClient(transport=services_transports.ServicesGrpcTransport(channel=channel)),
            run_v2.RevisionsClient(transport=revisions_transports.RevisionsGrpcTransport(channel=channel)),
        )
    options: dict[str, Any] = {
        "host": local_cloud.http_url.removeprefix("http://"),
        "url_scheme": "http",
        "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
    }
    return (
        run_v2.ServicesClient(transport=services_transports.ServicesRestTransport(**options)),
        run_v2.RevisionsClient(transport=revisions_transports.RevisionsRestTransport(**options)),
    )


def test_services_and_revisions(clients: tuple[Any, Any], local_cloud: CloudThread) -> None:
    services, revisions = clients
    with Registry(local_cloud.http_url, "us.gcr.io/demo/app") as registry:
        digest = registry.push_image("v1")
    service = run_v2.Service(template={"containers": [{"image": "us.gcr.io/demo/app:v1"}]})
    request = {"parent": LOCATION, "service": service, "service_id": "app"}
    made = services.create_service(request=request, metadata=ALICE).result(timeout=30)
    assert (made.name, made.creator) == (f"{LOCATION}/services/app", "alice@example.com")
    assert services.get_service(name=made.name) == made
    assert [each.name for each in services.list_services(parent="projects/demo/locations/-")] == [made.name]
    (revision,) = revisions.list_revisions(parent=made.name)
    assert revision.containers[0].image == f"us.gcr.io/demo/app@{digest}"
    assert revisions.get_revision(name=made.latest_ready_revision) == revision
    made.template.labels["stage"] = "prod"
    changed = services.update_service(service=made).result(timeout=30)
    assert changed.last_modifier == "local-user@local-cloud.test"
    assert [each.name for each in revisions.list_revisions(parent=f"{LOCATION}/services/-")] == [
        changed.latest_created_revision,
        made.latest_created_revision,
    ]
    revisions.delete_revision(name=made.latest_created_revision).result(timeout=30)
    with pytest.raises(exceptions.NotFound):
        revisions.get_revision(name=made.latest_created_revision)
    services.delete_service(name=made.name).result(timeout=30)
    assert list(services.list_services(parent=LOCATION)) == []
