"""A freeze of the specification, as its pipeline was applied: a delivery is told, rolling back is not hindered."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from msp.delivery.outcome import GuardError
from msp.pipeline.live.pipeline import LivePipeline
from msp.spec import parse

if TYPE_CHECKING:
    from tests.delivery.conftest import Recorder, World

HOUR = timedelta(hours=1)
REASON = "The books are closed."


def apply(world: "World", *freezes: dict[str, object]) -> None:
    """Makes the service's pipeline what a specification with these freezes says."""
    tree = {
        "service": {"id": world.service, "owners": ["core-services"], "description": "An example."},
        "build": {"image": world.repository, "source": {"repo": "github.com/a/b", "dir": "c"}},
        "rollout": {"stages": [{"environment": "staging"}, {"environment": "prod"}], "freezes": list(freezes)},
        "environments": [
            {
                "id": name,
                "projectID": f"{world.service}-{name}-0000",
                "category": category,
                "deploy": {"type": "rollout"},
            }
            for name, category in (("staging", "test"), ("prod", "external"))
        ],
    }
    spec = parse(yaml.safe_dump(tree).encode(), "service.yaml")
    live = LivePipeline(spec, "us-central1", world.endpoints, timeout=20)
    for change in live.changes():
        live.make(change)


def freeze(start: timedelta, end: timedelta, *environments: str) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "name": "books",
        "reason": REASON,
        "from": f"{now + start:%Y-%m-%dT%H:%M}",
        "until": f"{now + end:%Y-%m-%dT%H:%M}",
        **({"environments": list(environments)} if environments else {}),
    }


def test_a_delivery_is_told_the_freeze_and_goes_on_when_it_is_over(bare_world: "World") -> None:
    world = bare_world
    apply(world)
    first = world.deliver(world.image(b"one"))
    second = world.deliver(world.image(b"two"), world.plan(build_number="43"))
    frozen = freeze(-HOUR, 2 * HOUR, "staging")
    apply(world, frozen)

    image, made = world.image(b"three"), world.plan(build_number="44")
    with pytest.raises(GuardError) as raised:
        world.deliver(image, made)
    assert (raised.value.exit_code, raised.value.state) == (4, "BLOCKED")
    until = str(frozen["until"]).replace("T", " ")
    policy = f"policy 'freeze-{world.service}-books' ({REASON})"
    assert f"staging-us-central1 is frozen until {until} UTC by {policy}" in raised.value.message
    assert world.tag(made.tag) is None

    body = {"targetId": "staging-us-central1", "releaseId": first.release, "rolloutId": "back"}
    world.call("POST", f"/v1/{world.pipeline}:rollbackTarget", body)
    world.cloud.settle()
    states = {each["name"].rpartition("/")[2]: each["state"] for each in world.rollouts()}
    assert states["back"] == "SUCCEEDED"
    assert second.state == "SUCCEEDED"

    apply(world, freeze(-2 * HOUR, -HOUR, "staging"))
    assert world.deliver(image, made).state == "SUCCEEDED"


def test_a_freeze_of_prod_is_told_and_hinders_no_release(bare_world: "World", make_recorder: "type[Recorder]") -> None:
    recorder = make_recorder()
    apply(bare_world, freeze(-HOUR, HOUR))
    assert bare_world.deliver(bare_world.image(b"layer"), report=recorder.report).state == "SUCCEEDED"
    assert [
        each for each in recorder.warnings if each.startswith("prod-us-central1 is frozen until") and REASON in each
    ]
