"""Pages: every document once, in order, with any filter, and tokens that are checked."""

import pytest
from tests.localcloud.deploy.world import LOCATION, PIPELINE, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.listing import MOST_PAGE_SIZE, Listing, page
from msp.localcloud.status import ApiError
from msp.localcloud.store import Store


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    for number in range(7):
        world.rollout(world.release(f"r{number}"), "staging" if number % 2 else "prod")
        world.advance(seconds=1)
    return world


def ids(world: World, method: str, parent: str, field: str, **fields: object) -> list[str]:
    found, token = [], ""
    while True:
        answer = world.call(method, parent=parent, page_token=token, **fields)
        page = list(getattr(answer, field))
        found += [each.name.rpartition("/")[2] for each in page]
        token = answer.next_page_token
        if not token:
            return found
        assert len(page) == fields["page_size"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("order", ["", "createTime desc", "CreateTime desc", "renderEndTime desc"])
def test_newest_first_in_pages_of_any_size(world: World, size: int, order: str) -> None:
    found = ids(world, "ListReleases", PIPELINE, "releases", page_size=size, order_by=order)
    assert found == [f"r{number}" for number in reversed(range(7))]


@pytest.mark.parametrize("order", ["name", "createTime", "render_end_time asc, name desc"])
def test_oldest_first(world: World, order: str) -> None:
    found = ids(world, "ListReleases", PIPELINE, "releases", page_size=2, order_by=order)
    assert found == [f"r{number}" for number in range(7)]


def test_all_releases_of_a_pipeline_filtered_and_ordered_as_gcloud_does(world: World) -> None:
    fields = {"filter": 'state="SUCCEEDED" AND targetId="staging"', "order_by": "DeployEndTime desc", "page_size": 2}
    found = ids(world, "ListRollouts", f"{PIPELINE}/releases/-", "rollouts", **fields)
    assert found == ["r5-to-staging", "r3-to-staging", "r1-to-staging"]
    everywhere = ids(world, "ListRollouts", f"{LOCATION}/deliveryPipelines/-/releases/-", "rollouts", page_size=5)
    assert len(everywhere) == 7
    assert ids(world, "ListRollouts", f"{PIPELINE}/releases/r1", "rollouts", page_size=5) == ["r1-to-staging"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("parent", [f"{PIPELINE}/releases/-", f"{LOCATION}/deliveryPipelines/-/releases/-"])
def test_rollouts_by_the_end_of_their_deployment(world: World, parent: str, size: int) -> None:
    found = ids(world, "ListRollouts", parent, "rollouts", page_size=size, order_by="DeployEndTime desc")
    # Those that have not ended come last, the newest of them first.
    prod = [f"r{number}-to-prod" for number in (6, 4, 2, 0)]
    assert found == ["r5-to-staging", "r3-to-staging", "r1-to-staging", *prod]
    slow = ids(world, "ListRollouts", parent, "rollouts", page_size=size, order_by="deployEndTime desc, uid")
    assert sorted(slow) == sorted(found)
    assert slow[:3] == found[:3]


def test_a_filter_on_a_field_of_elements(world: World) -> None:
    for target, expected in (("prod", ["app"]), ("pro", [])):
        text = f'serialPipeline.stages.targetId:"{target}"'
        assert ids(world, "ListDeliveryPipelines", LOCATION, "delivery_pipelines", page_size=5, filter=text) == expected


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"page_token": "bnVsbA=="}, "page_token"),
        ({"order_by": "nothing"}, "order_by"),
        ({"order_by": "labels"}, "order_by"),
        ({"order_by": "name sideways"}, "order_by"),
        ({"filter": "nope=1"}, "nope"),
    ],
)
def test_what_can_not_be_listed(world: World, fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ApiError, match=f"INVALID_ARGUMENT.*{problem}"):
        world.call("ListReleases", parent=PIPELINE, **fields)


def test_a_token_is_for_its_own_list(world: World) -> None:
    token = world.call("ListReleases", parent=PIPELINE, page_size=2).next_page_token
    with pytest.raises(ApiError, match="another parent, filter or order"):
        world.call("ListReleases", parent=PIPELINE, page_token=token, order_by="name")


def test_the_most_on_a_page() -> None:
    store = Store(None)
    with store.transaction():
        for number in range(MOST_PAGE_SIZE + 1):
            release = pb.Release(name=f"{PIPELINE}/releases/r{number}")
            store.put("release", release.name, release.SerializeToString(), parent=PIPELINE)
    listing = Listing("release", "releases", pb.Release)

    def sizes(asked: int, order: str = "") -> list[int]:
        found, token = [], None
        while token != "":
            request = pb.ListReleasesRequest(parent=PIPELINE, page_size=asked, page_token=token or "", order_by=order)
            listed = page(store, listing, request, pb.ListReleasesResponse)
            token = listed.next_page_token
            found.append(len(listed.payloads))
        return found

    for order in ("", "renderEndTime"):
        assert sizes(MOST_PAGE_SIZE + 1, order) == sizes(5000, order) == [1000, 1]
        assert sizes(0, order) == [50] * 20 + [1]
    store.close()


def test_a_filter_that_lets_few_through_is_asked_of_all() -> None:
    world = World()
    for number in range(7):
        world.release(f"r{number}", labels={"team": "core" if number in {0, 6} else "other"})
    assert ids(world, "ListReleases", PIPELINE, "releases", page_size=1, filter="labels.team=core") == ["r6", "r0"]
