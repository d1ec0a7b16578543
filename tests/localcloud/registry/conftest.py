from collections.abc import Iterator

import pytest
from tests.localcloud.registry.client import Registry
from tests.localcloud.registry.shared import local_cloud, module_cloud

from msp.localcloud.pytest_plugin import CloudThread

__all__ = ["local_cloud", "module_cloud"]


@pytest.fixture
def registry(local_cloud: CloudThread) -> Iterator[Registry]:
    with Registry(local_cloud.http_url) as registry:
        yield registry
