"""What the console is told: the fleet in pages, read again only where it changed; freezes' ends; the pages' headers."""

import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from tests.localcloud.deploy.world import LOCATION, PIPELINE, World

from msp.localcloud.console.about_release import subject_of
from msp.localcloud.console.fleet import MOST_A_PAGE, Fleet, Wanted
from msp.localcloud.console.freezes import ends
from msp.localcloud.console.service import service
from msp.localcloud.console.summary import summarize
from msp.localcloud.deploy import messages as pb
from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]


def page(fleet: Fleet, text: str = "", mark: str = "", number: int = 1) -> Any:
    return asyncio.run(fleet.page(Wanted(text, mark, number)))


def ids(shown: Any) -> list[str]:
    return [each["id"] for each in shown["services"]]


def marks(shown: Any, number: int = 0) -> list[dict[str, str]]:
    return [stage["marks"] for stage in shown["services"][number]["stages"]]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services that were read, in order."""
    found: list[str] = []

    def noting(resources: Any, known: Any, name: str) -> Any:
        found.append(name)
        return summarize(resources, known, name)

    monkeypatch.setattr("msp.localcloud.console.fleet.summarize", noting)
    return found


def pipeline(world: World, pipeline_id: str, *targets: str) -> str:
    made = pb.DeliveryPipeline()
    made.serial_pipeline.stages.extend(pb.Stage(target_id=target) for target in targets or ("staging",))
    world.call("CreateDeliveryPipeline", parent=LOCATION, delivery_pipeline_id=pipeline_id, delivery_pipeline=made)
    return f"{LOCATION}/deliveryPipelines/{pipeline_id}"


def test_a_page_is_bounded_and_every_service_is_on_one(world: World) -> None:
    for number in range(2 * MOST_A_PAGE):
        pipeline(world, f"more-{number:03d}")
    fleet = Fleet(world.deploy.resources)
    pages = [page(fleet, number=number) for number in (1, 2, 3)]
    assert [len(each["services"]) for each in pages] == [MOST_A_PAGE, MOST_A_PAGE, 1]
    assert len({name for each in pages for name in ids(each)}) == 2 * MOST_A_PAGE + 1
    assert page(fleet, number=99)["page"] == 3


def test_only_what_changed_is_read_again(world: World, read: list[str]) -> None:
    other = pipeline(world, "other")
    fleet = Fleet(world.deploy.resources)
    page(fleet)
    assert sorted(read) == [PIPELINE, other]
    read.clear()
    page(fleet)
    assert read == []
    world.rollout(world.release("r1"), "staging")
    assert marks(page(fleet), ids(page(fleet)).index("app")) == [{}, {}]
    assert read == [PIPELINE]
    read.clear()
    # A target is many services' affair.
    world.call("UpdateTarget", target=pb.Target(name=f"{LOCATION}/targets/prod"), update_mask={"paths": ["labels"]})
    page(fleet)
    assert read == [PIPELINE]


def test_what_is_deleted_or_undone_is_not_shown(world: World) -> None:
    other = pipeline(world, "other")
    fleet = Fleet(world.deploy.resources)
    assert ids(page(fleet)) == ["app", "other"]
    world.release("r1", annotations={"author": "Ada"})
    assert page(fleet, "ada")["matching"] == 1
    world.call("DeleteDeliveryPipeline", name=PIPELINE, force=True)
    assert (ids(page(fleet)), page(fleet, "ada")["matching"]) == (["other"], 0)

    def undone() -> None:
        with world.store.transaction():
            world.store.delete("pipeline", other)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert ids(page(fleet)) == ["other"]


def test_marks_say_what_a_stage_waits_for(world: World) -> None:
    fleet = Fleet(world.deploy.resources)
    first = world.release("r1")
    world.rollout(first, "staging")
    waiting = world.rollout(first, "prod")
    assert marks(page(fleet)) == [{}, {"approval": "r1"}]
    assert page(fleet)["counts"] == {"approval": 1, "person": 1}
    world.call("ApproveRollout", name=waiting, approved=True)
    world.settle()
    world.images.clear()
    failing = world.release("r2")
    world.rollout(failing, "staging")
    assert marks(page(fleet)) == [{"failed": "r2"}, {}]
    # What was cancelled before it began changes nothing; what succeeded mends it.
    with_approval = world.rollout(failing, "prod")
    world.call("CancelRollout", name=with_approval)
    assert marks(page(fleet)) == [{"failed": "r2"}, {}]
    world.images.update({"us.gcr.io/demo/app:v1": "sha256:" + "1" * 64})
    world.rollout(failing, "staging", "again")
    assert marks(page(fleet)) == [{}, {}]
    assert page(fleet)["counts"]["person"] == 0


def test_a_freeze_comes_and_goes_with_time_and_is_on_what_it_selects(world: World) -> None:
    pipeline(world, "other")
    policy = pb.DeployPolicy()
    policy.selectors.add().delivery_pipeline.id = "app"
    rule = policy.rules.add().rollout_restriction
    rule.id = "closed"
    rule.time_windows.time_zone = "UTC"
    window = rule.time_windows.weekly_windows.add(days_of_week=[1])
    window.start_time.hours, window.end_time.hours = 10, 12
    world.call("CreateDeployPolicy", parent=LOCATION, deploy_policy_id="mondays", deploy_policy=policy)
    fleet = Fleet(world.deploy.resources)
    assert page(fleet, mark="frozen")["matching"] == 0
    world.advance(hours=1)
    shown = page(fleet, mark="frozen")
    assert (ids(shown), marks(shown)) == (["app"], [{"frozen": ""}, {"frozen": ""}])
    (freeze,) = service(world.deploy.resources, PIPELINE, 1)["stages"][0]["freezes"]
    assert freeze["until"] == "2026-01-05T12:00:00+00:00"
    world.advance(hours=2)
    assert page(fleet, mark="frozen")["matching"] == 0


@pytest.mark.parametrize(
    ("windows", "until"),
    [
        ([("monday", 8, 12)], datetime(2026, 1, 5, 12, tzinfo=UTC)),
        ([("monday", 8, 12), ("monday", 11, 14)], datetime(2026, 1, 5, 14, tzinfo=UTC)),
        ([("monday", 8, 24), ("tuesday", 0, 6)], datetime(2026, 1, 6, 6, tzinfo=UTC)),
        ([("every day", 0, 24)], None),
        ([("all of monday", 0, 0)], datetime(2026, 1, 6, tzinfo=UTC)),
    ],
)
def test_where_one_window_takes_over_from_another_the_freeze_goes_on(
    windows: list[tuple[str, int, int]], until: datetime | None
) -> None:
    found = pb.TimeWindows(time_zone="UTC")
    days = {"monday": [1], "all of monday": [1], "tuesday": [2], "every day": []}
    for day, start, end in windows:
        window = found.weekly_windows.add(days_of_week=days[day])
        if end:
            window.start_time.hours, window.end_time.hours = start, end
    assert ends(found, datetime(2026, 1, 5, 9, tzinfo=UTC)) == until


def test_a_freeze_ends_when_its_zones_clocks_say_so() -> None:
    found = pb.TimeWindows(time_zone="Europe/Berlin")
    window = found.one_time_windows.add()
    window.start_date.year, window.start_date.month, window.start_date.day = 2026, 3, 28
    window.end_date.year, window.end_date.month, window.end_date.day = 2026, 3, 29
    window.end_time.hours = 8
    assert ends(found, datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        (base64.b64encode(b"Subject\n\nBody").decode(), "Subject"),
        (base64.b64encode(b"\xff").decode(), "\ufffd"),
        ("a", ""),
        ("\xe9", ""),
        ("", ""),
    ],
)
def test_a_subject_that_can_not_be_read_is_none(given: str, subject: str) -> None:
    assert subject_of({"commit_message_base64": given}) == subject


def test_no_page_takes_markup_scripts_or_addresses_from_elsewhere(local_cloud: CloudThread) -> None:
    url = local_cloud.http_url
    page = requests.get(url, timeout=10)
    modules, seen = re.findall(r'src="(/console/[^"]+\.js)"', page.text), set[str]()
    while modules:
        name = modules.pop()
        if name in seen:
            continue
        seen.add(name)
        module = requests.get(url + name, timeout=10)
        assert (module.status_code, module.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert not re.findall(r"https?://|innerHTML|insertAdjacentHTML|document\.write|eval\(", module.text), name
        modules += [f"/console/{each}" for each in re.findall(r'from "\./([^"]+)"', module.text)]
    assert {"/console/fleet.js", "/console/plans.js"} <= seen
    policy = page.headers["Content-Security-Policy"]
    for part in ("default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "trusted-types 'none'"):
        assert part in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/console/../routes.py", "/console/%2e%2e/routes.py", "/console/BUILD.bazel", "/console/"):
        assert requests.get(url + path, timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("overview?page=x", 400),
        ("overview?page=" + "9" * 40, 400),
        ("overview?page=0&show=nothing", 200),
        ("service?name=x&releases=-1", 400),
        ("service", 404),
        ("service?name=projects/p/locations/l/deliveryPipelines/d", 404),
        ("release?name=../x", 404),
    ],
)
def test_nonsense_is_refused_in_the_apis_form(local_cloud: CloudThread, path: str, status: int) -> None:
    answer = requests.get(f"{local_cloud.http_url}/_localcloud/{path}", timeout=10)
    assert answer.status_code == status
    assert ("error" in answer.json()) is (status != 200)


def test_others_have_their_turn_while_a_large_fleet_is_read(world: World) -> None:
    for number in range(40):
        pipeline(world, f"more-{number:03d}")
    fleet = Fleet(world.deploy.resources)

    async def scenario() -> int:
        turns = 0
        reading = asyncio.create_task(fleet.page(Wanted()))
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(scenario()) >= 4


def test_a_release_that_runs_since_long_is_told_with_its_time(world: World) -> None:
    fleet = Fleet(world.deploy.resources)
    world.rollout(world.release("r1"), "staging")
    world.advance(hours=5)
    world.images.clear()
    for number in range(6):
        world.rollout(world.release(f"bad-{number}"), "staging")
    (app,) = page(fleet)["services"]
    assert app["stages"][0]["release"] == "r1"
    assert datetime.fromisoformat(app["stages"][0]["since"]) == world.clock.now() - timedelta(hours=5)
