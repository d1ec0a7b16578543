"""So many requests a minute, for each project and region."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
import requests
from google.cloud.deploy_v1.types import cloud_deploy
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.quotas import Quota, Quotas, retry_delay
from msp.localcloud.request_context import RequestContext
from msp.localcloud.status import ApiError, Code

SERVICE = "google.cloud.deploy.v1.CloudDeploy"
HERE = RequestContext(method=f"{SERVICE}/ListReleases", project="p", location="us-central1")


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(clock=ManualClock(), seed=1)) as cloud:
        yield cloud


def admitted(quotas: Quotas, context: RequestContext = HERE, attempts: int = 20) -> int:
    return sum(refusal(quotas, context) is None for _ in range(attempts))


def refusal(quotas: Quotas, context: RequestContext = HERE) -> ApiError | None:
    try:
        quotas.take(context)
    except ApiError as error:
        return error
    return None


def test_nothing_is_refused_unless_a_quota_was_added() -> None:
    assert admitted(Quotas(ManualClock()), attempts=1000) == 1000


def test_each_project_and_region_has_its_own() -> None:
    quotas = Quotas(ManualClock())
    quotas.add(Quota(method="google.*", requests_per_minute=3))
    for project, location in [("p", "us-central1"), ("q", "us-central1"), ("p", "us-east1"), ("p", "")]:
        assert admitted(quotas, RequestContext(method=f"{SERVICE}/X", project=project, location=location)) == 3
    assert admitted(quotas, RequestContext(method="registry/PutManifest", project="p", location="us-central1")) == 20


def test_methods_share_a_quota_and_a_request_is_charged_to_all_or_none() -> None:
    quotas = Quotas(ManualClock())
    quotas.add(Quota(method="*/List*", requests_per_minute=2))
    quotas.add(Quota(method="*", requests_per_minute=5))
    assert admitted(quotas) == 2
    assert admitted(quotas, RequestContext(method="a/Get", project="p", location="us-central1")) == 3


def test_it_refills_evenly_and_never_beyond_a_minutes_worth() -> None:
    clock = ManualClock()
    quotas = Quotas(clock)
    quotas.add(Quota(method="*", requests_per_minute=6))
    assert admitted(quotas) == 6
    clock.advance(timedelta(seconds=9))
    assert admitted(quotas) == 0
    clock.advance(timedelta(seconds=1))
    assert admitted(quotas) == 1
    clock.advance(timedelta(hours=1))
    assert admitted(quotas) == 6


@given(st.integers(1, 500), st.lists(st.floats(0, 0.5), min_size=1, max_size=5))
def test_who_waits_as_long_as_told_is_served_and_not_before(rate: int, waits: list[float]) -> None:
    clock = ManualClock()
    quotas = Quotas(clock)
    quotas.add(Quota(method="*", requests_per_minute=rate))
    assert admitted(quotas, attempts=rate + 1) == rate
    for seconds in waits:
        clock.advance(timedelta(seconds=seconds))
        if error := refusal(quotas):
            early = min(retry_delay(error), timedelta(milliseconds=1))
            clock.advance(retry_delay(error) - early)
            assert refusal(quotas)
            clock.advance(early)
            assert refusal(quotas) is None


def test_clocks_that_are_put_back_give_nothing() -> None:
    class Back(ManualClock):
        def put_back(self) -> None:
            self._now -= timedelta(hours=1)

    clock = Back()
    quotas = Quotas(clock)
    quotas.add(Quota(method="*", requests_per_minute=2))
    assert admitted(quotas) == 2
    clock.put_back()
    assert admitted(quotas) == 0


def test_many_projects_do_not_fill_the_memory() -> None:
    clock = ManualClock()
    quotas = Quotas(clock)
    quotas.add(Quota(method="*", requests_per_minute=60))
    for number in range(10_000):
        quotas.take(RequestContext(method="a/B", project=str(number)))
    clock.advance(timedelta(seconds=2))
    quotas.take(HERE)
    (held,) = quotas._held
    assert len(held._left) == 1


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "method"),
        ({"method": "a"}, "method"),
        ({"method": 1, "requests_per_minute": 1}, "method"),
        ({"method": "a", "requests_per_minute": True}, "requests_per_minute"),
        ({"method": "a", "requests_per_minute": 0}, "requests_per_minute"),
        ({"method": "a", "requests_per_minute": 1, "service": 2}, "service"),
        ({"method": "a", "requests_per_minute": 1, "region": "r"}, "region"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_field(value: object, field: str) -> None:
    with pytest.raises(ApiError, match=f"INVALID_ARGUMENT: {field}:"):
        Quota.from_json(value)


def test_the_refusal_over_rest_is_googles(cloud: CloudThread) -> None:
    cloud.quotas.add(Quota(method=f"{SERVICE}/*", requests_per_minute=1))
    url = f"{cloud.http_url}/v1/projects/p/locations/us-central1/targets"
    assert requests.get(url, timeout=10).status_code == 200
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 429
    error = answer.json()["error"]
    number = error["message"].rpartition(":")[2].strip("'.")
    assert error["message"] == (
        "Quota exceeded for quota metric 'API requests' and limit 'API requests per minute per region' of service "
        f"'clouddeploy.googleapis.com' for consumer 'project_number:{number}'."
    )
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in error["details"]}
    assert details.keys() == {"ErrorInfo", "QuotaFailure", "Help", "RetryInfo"}
    assert details["ErrorInfo"]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert (
        details["ErrorInfo"]["metadata"].items()
        >= {
            "service": "clouddeploy.googleapis.com",
            "consumer": f"projects/{number}",
            "quota_limit_value": "1",
            "quota_location": "us-central1",
        }.items()
    )
    assert details["RetryInfo"]["retryDelay"] == "60s"
    assert requests.get(url.replace("us-central1", "europe-west1"), timeout=10).status_code == 200


def test_the_refusal_over_grpc_is_the_same(cloud: CloudThread) -> None:
    cloud.quotas.add(Quota(method=f"{SERVICE}/*", requests_per_minute=2))
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        request = cloud_deploy.ListTargetsRequest.pb(
            cloud_deploy.ListTargetsRequest(parent="projects/p/locations/us-central1")
        )
        listing: Any = channel.unary_unary(f"/{SERVICE}/ListTargets", lambda _: request.SerializeToString(), None)
        listing(None, timeout=10)
        listing(None, timeout=10)
        with pytest.raises(grpc.RpcError) as caught:
            listing(None, timeout=10)
        failure: Any = caught.value
        assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        trailers = dict(failure.trailing_metadata())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        assert (status.code, status.message) == (Code.RESOURCE_EXHAUSTED, failure.details())
        kinds = [detail.TypeName().rpartition(".")[2] for detail in status.details]
        assert kinds == ["ErrorInfo", "QuotaFailure", "Help", "RetryInfo"]
        retry = error_details_pb2.RetryInfo()
        status.details[-1].Unpack(retry)
        assert retry.retry_delay.seconds == 30
        cloud.advance(timedelta(seconds=30))
        listing(None, timeout=10)


def test_quotas_by_the_control_endpoint(cloud: CloudThread) -> None:
    url = f"{cloud.http_url}/_localcloud/quotas"
    quota = {"method": "google.*", "requests_per_minute": 600, "service": "clouddeploy.googleapis.com"}
    assert requests.get(url, timeout=10).json() == {"quotas": []}
    assert requests.post(url, json={"method": "a"}, timeout=10).status_code == 400
    assert requests.post(url, json=quota, timeout=10).json() == {"quotas": [quota]}
    assert cloud.quotas.list() == [Quota(method="google.*", requests_per_minute=600)]
    assert requests.delete(url, timeout=10).json() == {"quotas": []}
