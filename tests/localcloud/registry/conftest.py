from collections.abc import Iterator

import pytest
from tests.localcloud.registry.client import Registry

from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]


@pytest.fixture
def registry(local_cloud: CloudThread) -> Iterator[Registry]:
    with Registry(local_cloud.http_url) as registry:
        yield registry
