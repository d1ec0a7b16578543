"""A deployment against the local cloud: what stands afterwards, and what a rerun does."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.delivery.conftest import World


def test_pushes_releases_and_rolls_out(world: "World") -> None:
    outcome = world.deliver(world.image(b"layer"))
    assert outcome.state == "SUCCEEDED"
    assert outcome.created
