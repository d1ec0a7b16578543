"""Google's own Python client against the local cloud, over gRPC and over REST, unchanged but for the endpoint."""

import concurrent.futures
import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeAlias

import grpc
import pytest
from google.api_core import exceptions, retry
from google.auth.credentials import AnonymousCredentials
from google.cloud import deploy_v1
from google.cloud.deploy_v1 import types
from google.cloud.deploy_v1.services.cloud_deploy import transports
from tests.localcloud.deploy.world import DIGEST, IMAGE, SKAFFOLD, Buckets, Images, archive

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.quotas import Quota

Client: TypeAlias = Any
"""A `deploy_v1.CloudDeployClient`; what its operations return has no types."""

LOCATION = "projects/demo/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/app"
CREATE = "google.cloud.deploy.v1.CloudDeploy/CreateRelease"


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    images, buckets = Images({f"{IMAGE}:v1": DIGEST}), Buckets({"s/s.tar.gz": archive({"skaffold.yaml": SKAFFOLD})})
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1, images=images, buckets=buckets)) as cloud:
        yield cloud


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, cloud: CloudThread) -> Iterator[Client]:
    transport: Any
    if request.param == "grpc":
        transport = transports.CloudDeployGrpcTransport(channel=grpc.insecure_channel(cloud.grpc_address))
    else:
        host = cloud.http_url.removeprefix("http://")
        transport = transports.CloudDeployRestTransport(
            host=host,
            url_scheme="http",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
    client: Client
    with deploy_v1.CloudDeployClient(transport=transport) as client:
        kind = deploy_v1.CustomTargetType(custom_actions={"render_action": "render-it", "deploy_action": "deploy-it"})
        client.create_custom_target_type(
            parent=LOCATION, custom_target_type_id="run-service", custom_target_type=kind
        ).result()
        for target_id in ("staging", "prod"):
            target = deploy_v1.Target(
                custom_target={"custom_target_type": "run-service"},
                deploy_parameters={"customTarget/image": IMAGE},
                require_approval=target_id == "prod",
            )
            client.create_target(parent=LOCATION, target_id=target_id, target=target).result()
        pipeline = deploy_v1.DeliveryPipeline(
            serial_pipeline={"stages": [{"target_id": "staging"}, {"target_id": "prod"}]}
        )
        client.create_delivery_pipeline(
            parent=LOCATION, delivery_pipeline_id="app", delivery_pipeline=pipeline
        ).result()
        yield client


RELEASE = deploy_v1.Release(
    skaffold_config_uri="gs://s/s.tar.gz",
    deploy_parameters={"customTarget/tag": "v1"},
    labels={"commit": "abc"},
)


def required_fields(request_type: Any) -> set[str]:
    """The fields that the client's own documentation of a request calls required."""
    found = re.findall(r"^    (\w+) \([^)]*\):\n\s+Required\.", inspect.getdoc(request_type) or "", re.MULTILINE)
    return {name for name in found if name in request_type.pb().DESCRIPTOR.fields_by_name}


def test_a_request_without_what_it_needs_is_an_invalid_argument(client: Client) -> None:
    if "Grpc" not in type(client.transport).__name__:
        pytest.skip("a REST client has no path to send it to")
    checked = 0
    for method in dir(types):
        if not method.endswith("Request"):
            continue
        call = getattr(client, re.sub(r"(?<!^)([A-Z])", r"_\1", method.removesuffix("Request")).lower())
        # What an update leaves out of its mask is all of it, and `approved` is false where it is not sent.
        for field in required_fields(getattr(types, method)) - {"update_mask", "approved"}:
            whole = {name: "x" for name in required_fields(getattr(types, method)) if name != field}
            known = getattr(types, method).pb().DESCRIPTOR.fields_by_name
            strings = {name: value for name, value in whole.items() if known[name].type == known[name].TYPE_STRING}
            with pytest.raises(exceptions.InvalidArgument):
                call(request=getattr(types, method)(**strings))
            checked += 1
    assert checked > 60


def test_malformed_parents_are_invalid_arguments(client: Client) -> None:
    if "Grpc" not in type(client.transport).__name__:
        pytest.skip("a REST client has no path to send it to")
    for parent in (
        "",
        "projects/p",
        "locations/us-central1",
        f"{LOCATION}/targets/t",
        f"{LOCATION}/",
        "projects//locations/x",
    ):
        with pytest.raises(exceptions.InvalidArgument, match="parent"):
            client.create_target(parent=parent, target_id="t", target=deploy_v1.Target(run={"location": LOCATION}))
    with pytest.raises(exceptions.InvalidArgument, match="name"):
        client.get_release(name=PIPELINE)
    with pytest.raises(exceptions.InvalidArgument, match="resource"):
        client.get_iam_policy(request={"resource": LOCATION})


def test_a_release_all_the_way(cloud: CloudThread, client: Client) -> None:
    operation = client.create_release(parent=PIPELINE, release_id="r1", release=RELEASE)
    release = operation.result()
    assert (operation.metadata.target, operation.metadata.verb) == (f"{PIPELINE}/releases/r1", "create")
    cloud.settle()
    assert client.get_release(name=release.name).render_state == deploy_v1.Release.RenderState.SUCCEEDED
    rollout = client.create_rollout(
        parent=release.name, rollout_id="r1-to-staging", rollout=deploy_v1.Rollout(target_id="staging")
    ).result()
    cloud.settle()
    assert client.get_rollout(name=rollout.name).state == deploy_v1.Rollout.State.SUCCEEDED
    (run,) = client.list_job_runs(parent=rollout.name)
    assert client.get_job_run(name=run.name).state == deploy_v1.JobRun.State.SUCCEEDED
    promoted = client.create_rollout(
        parent=release.name, rollout_id="r1-to-prod", rollout=deploy_v1.Rollout(target_id="prod")
    ).result()
    client.approve_rollout(request={"name": promoted.name, "approved": True})
    cloud.settle()
    found = client.list_rollouts(
        request={"parent": f"{PIPELINE}/releases/-", "filter": 'state="SUCCEEDED"', "order_by": "name", "page_size": 1}
    )
    assert [each.target_id for each in found] == ["prod", "staging"]
    client.abandon_release(name=release.name)
    with pytest.raises(exceptions.FailedPrecondition if is_grpc(client) else exceptions.BadRequest, match="abandoned"):
        client.create_rollout(parent=release.name, rollout_id="x", rollout=deploy_v1.Rollout(target_id="prod"))


def is_grpc(client: Client) -> bool:
    return bool(client.transport.kind == "grpc")


def test_errors_carry_their_details(client: Client) -> None:
    invalid = exceptions.InvalidArgument if is_grpc(client) else exceptions.BadRequest
    with pytest.raises(invalid) as error:
        client.create_release(parent=PIPELINE, release_id="Bad", release=RELEASE)
    assert "release_id" in str(error.value.details[0])
    with pytest.raises(exceptions.NotFound):
        client.get_release(name=f"{PIPELINE}/releases/none")
    client.create_release(parent=PIPELINE, release_id="r1", release=RELEASE).result()
    with pytest.raises(exceptions.AlreadyExists if is_grpc(client) else exceptions.Conflict):
        client.create_release(parent=PIPELINE, release_id="r1", release=RELEASE)


def test_update_delete_iam_locations_operations(client: Client) -> None:
    pipeline = deploy_v1.DeliveryPipeline(name=PIPELINE, suspended=True, labels={"a": "b"})
    updated = client.update_delivery_pipeline(
        delivery_pipeline=pipeline, update_mask={"paths": ["suspended", "labels"]}
    ).result()
    assert (updated.suspended, len(updated.serial_pipeline.stages)) == (True, 2)
    policy = client.get_iam_policy(request={"resource": PIPELINE})
    policy.bindings.add(role="roles/viewer", members=["user:a@b.c"])
    assert client.set_iam_policy(request={"resource": PIPELINE, "policy": policy}).bindings
    asked = {"resource": PIPELINE, "permissions": ["clouddeploy.releases.create"]}
    assert client.test_iam_permissions(request=asked).permissions == ["clouddeploy.releases.create"]
    assert client.get_location(request={"name": LOCATION}).location_id == "us-central1"
    operations = client.list_operations(request={"name": LOCATION}).operations
    assert client.get_operation(request={"name": operations[0].name}).done
    client.delete_operation(request={"name": operations[0].name})
    assert client.get_config(name=f"{LOCATION}/config").default_skaffold_version
    client.delete_delivery_pipeline(request={"name": PIPELINE, "force": True}).result()
    assert list(client.list_delivery_pipelines(parent=LOCATION)) == []


@pytest.mark.parametrize("fault", [{"lose_response": True}, {"drop_connection": True}, {"code": "UNAVAILABLE"}])
def test_a_request_id_makes_a_repeat_safe(cloud: CloudThread, client: Client, fault: dict[str, Any]) -> None:
    cloud.faults.add(Fault(method=CREATE, times=1, **fault))
    request = {
        "parent": PIPELINE,
        "release_id": "r1",
        "release": RELEASE,
        "request_id": "1d0f0b0e-0000-4000-8000-1" + "0" * 11,
    }
    with pytest.raises(Exception) as error:  # noqa: PT011 (each transport has its own)
        client.create_release(request=request)
    assert "injected" in str(error.value) or isinstance(error.value, (exceptions.ServiceUnavailable, OSError))
    assert client.create_release(request=request).result().name == f"{PIPELINE}/releases/r1"
    assert len(list(client.list_releases(parent=PIPELINE))) == 1


def test_an_operation_that_takes_time(cloud: CloudThread, client: Client) -> None:
    cloud.cloud.deploy.operations._delay = timedelta(minutes=1)
    operation = client.create_release(parent=PIPELINE, release_id="r1", release=RELEASE)
    assert not operation.done()
    cloud.advance(timedelta(minutes=1))
    assert operation.result().name == f"{PIPELINE}/releases/r1"
    cancelled = client.create_release(parent=PIPELINE, release_id="r2", release=RELEASE)
    assert cancelled.cancel()
    with pytest.raises(exceptions.Cancelled if is_grpc(client) else exceptions.GoogleAPICallError):
        cancelled.result()


def test_50_clients_at_once_make_one_release_or_have_one_clear_error(cloud: CloudThread, client: Client) -> None:
    def create(number: int) -> str:
        try:
            release = client.create_release(parent=PIPELINE, release_id=f"r{number % 25}", release=RELEASE).result()
        except exceptions.Conflict:  # AlreadyExists over gRPC
            return "conflict"
        return str(release.name.rpartition("/")[2])

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        outcomes = sorted(pool.map(create, range(50)))
    assert outcomes == sorted(["conflict"] * 25 + [f"r{number}" for number in range(25)])
    cloud.settle()
    assert len(list(client.list_releases(parent=PIPELINE))) == 25


def test_a_quota_is_read_as_the_client_reads_googles(cloud: CloudThread, client: Client) -> None:
    cloud.quotas.add(Quota(method="google.cloud.deploy.*", requests_per_minute=6))
    for _ in range(6):
        client.get_target(name=f"{LOCATION}/targets/prod")
    with pytest.raises(exceptions.TooManyRequests) as refused:
        client.get_target(name=f"{LOCATION}/targets/prod")
    assert (refused.value.reason, refused.value.domain) == ("RATE_LIMIT_EXCEEDED", "googleapis.com")
    assert refused.value.metadata["quota_location"] == "us-central1"
    # The library's own retry: the clock moves while it waits.
    waits = retry.Retry(
        predicate=retry.if_exception_type(exceptions.TooManyRequests),
        initial=0.01,
        maximum=0.01,
        timeout=10,
        on_error=lambda _: cloud.advance(timedelta(seconds=5)),
    )
    assert client.get_target(name=f"{LOCATION}/targets/prod", retry=waits).require_approval
    assert cloud.traffic.refused("*/GetTarget", "demo") == 3
