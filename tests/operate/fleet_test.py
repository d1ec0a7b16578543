import threading
from collections.abc import Callable

import pytest
from tests.operate.live import REGION, Live

from msp.errors import UsageError
from msp.gcp.endpoints import Endpoints
from msp.gcp.retry import RetryPolicy
from msp.localcloud.faults import Fault
from msp.operate.facts import at_once
from msp.operate.host import Cloud
from msp.operate.looking import Look, Wanted, look
from msp.operate.service import Service


def see(live: Live, wanted: Wanted) -> Look:
    cloud = Cloud.connect(Endpoints.local(live.cloud.http_url), retry=RetryPolicy(attempts=2, sleep=lambda _: None))
    return look(wanted, live.host(), cloud)


def names_of(seen: Look) -> list[object]:
    services = seen.document.data["services"]
    assert isinstance(services, list)
    return [each["service"] for each in services]


def test_a_project_is_all_pipelines_with_the_label(live: Live) -> None:
    other = Live(live.cloud, live.folder, id=f"{live.id}-b")
    body: dict[str, object] = {"serialPipeline": {"stages": []}}
    location = live.service.location
    labels = {"msp": "true", "msp-service": other.id}
    live.call("POST", f"/v1/{location}/deliveryPipelines", {**body, "labels": labels}, deliveryPipelineId="b")
    live.call("POST", f"/v1/{location}/deliveryPipelines", body, deliveryPipelineId="somebody-elses")
    live.deliver("staging")
    template = Service(live.service.project, REGION, "")
    assert names_of(see(live, Wanted((template,), all_of_project=True))) == [live.id, other.id]


def test_what_can_not_be_read_is_told_beside_what_can(live: Live) -> None:
    live.deliver("staging", "prod")
    absent = Service("other-project", REGION, "absent")
    wrong = Service("other-project", "us-cental1", "wrong")
    seen = see(live, Wanted((live.service, absent, wrong)))
    assert names_of(seen) == [live.id]
    assert seen.exit_code == 1
    assert seen.document.data["problems"] == [
        "wrong: 'us-cental1' is not a Google Cloud region",
        "absent has no delivery pipeline 'absent-us-central1-rollout' in projects/other-project/locations/us-central1",
    ]


def test_a_location_that_can_not_be_reached_hides_no_other(live: Live) -> None:
    live.deliver("staging")
    far = Service("far-project", REGION, "far")
    live.cloud.faults.add(Fault(method="*CloudDeploy/ListTargets", code="UNAVAILABLE", nth=1, times=2))
    seen = see(live, Wanted((far, live.service)))
    assert names_of(seen) == [live.id]
    assert "projects/far-project/locations/us-central1" in str(seen.document.data["problems"])


def test_one_service_without_a_pipeline_is_an_error(make_live: Callable[..., Live]) -> None:
    live = make_live()
    with pytest.raises(UsageError, match="has no delivery pipeline"):
        see(live, Wanted((live.service,)))


def test_a_service_takes_three_calls_and_its_location_three_more(live: Live) -> None:
    """Read once for all: pipelines, targets, policies; of each service its releases, rollouts, automations."""
    project, services = live.service.project, 5
    for number in range(services - 1):
        body = {
            "serialPipeline": {"stages": [{"targetId": live.target(stage)} for stage in live.stages]},
            "labels": {"msp": "true", "msp-service": f"{live.id}-{number}"},
        }
        pipeline = f"{live.id}-{number}-{REGION}-rollout"
        live.call("POST", f"/v1/{live.service.location}/deliveryPipelines", body, deliveryPipelineId=pipeline)
    for _ in range(3):
        live.deliver("staging", "prod")
    before = live.cloud.traffic.count(project=project)
    assert len(names_of(see(live, Wanted((Service(project, REGION, ""),), all_of_project=True)))) == services
    assert live.cloud.traffic.count(project=project) - before == 3 * services + 3
    before = live.cloud.traffic.count(project=project)
    see(live, Wanted((live.service,)))
    assert live.cloud.traffic.count(project=project) - before == 6


def test_a_project_without_services_is_an_error(live: Live) -> None:
    with pytest.raises(UsageError, match=r"no delivery pipeline in .* has the label msp"):
        see(live, Wanted((Service("another-project", REGION, ""),), all_of_project=True))


def test_where_one_can_not_be_read_nobody_waits_for_the_others() -> None:
    """As at Ctrl-C: what is still asked does not keep the program."""
    never = threading.Event()

    def fail() -> None:
        raise UsageError("oh")

    with pytest.raises(UsageError, match="oh"):
        at_once([fail, lambda: print(end="") if never.wait(60) else None])
    never.set()
