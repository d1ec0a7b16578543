"""A pytest fixture: the local cloud in a thread of its own, for clients that block.

pytest_plugins = ["msp.localcloud.pytest_plugin"]

def test_it(local_cloud):
client = connect(local_cloud.http_url)
"""

from collections.abc import Iterator

import pytest

from msp.localcloud.cloud import LocalCloud
from msp.localcloud.thread import CloudThread

__all__ = ["CloudThread", "local_cloud"]


@pytest.fixture
def local_cloud() -> Iterator[CloudThread]:
    """A fresh local cloud, in memory, on free ports."""
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud
