from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.operate.live import Live

from msp.localcloud.cloud import LocalCloud
from msp.localcloud.thread import CloudThread


@pytest.fixture(scope="session")
def shared_cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud


@pytest.fixture
def make_live(shared_cloud: CloudThread, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Makes a service of which nothing is made yet."""

    def make(**fields: object) -> Live:
        return Live(shared_cloud, tmp_path, **fields)  # type: ignore[arg-type]

    yield make
    shared_cloud.faults.clear()


@pytest.fixture
def live(make_live: Callable[..., Live]) -> Live:
    """A service with its pipeline: staging, then prod."""
    made = make_live()
    made.make_pipeline()
    return made
