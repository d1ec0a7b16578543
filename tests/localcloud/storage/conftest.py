from collections.abc import Iterator

import pytest
from tests.localcloud.registry.shared import local_cloud, module_cloud
from tests.localcloud.storage.client import Storage

from msp.localcloud.pytest_plugin import CloudThread

__all__ = ["local_cloud", "module_cloud"]


@pytest.fixture
def storage(local_cloud: CloudThread) -> Iterator[Storage]:
    with Storage(local_cloud.http_url) as storage:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        yield storage
