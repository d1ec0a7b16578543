"""One local cloud for all tests of a file, as good as new for each: a cloud takes longer to stop than most tests."""

from collections.abc import Iterator

import pytest

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread

_KINDS = (
    "artifacts.repository",
    "registry.blob",
    "registry.manifest",
    "registry.repository",
    "registry.tag",
    "registry.upload",
    "storage.bucket",
    "storage.noncurrent",
    "storage.notification",
    "storage.object",
    "storage.policy",
    "storage.upload",
)


@pytest.fixture(scope="module")
def module_cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud()) as cloud:
        yield cloud


@pytest.fixture
def local_cloud(module_cloud: CloudThread) -> CloudThread:
    async def forget() -> None:
        store = module_cloud.cloud.store
        with store.transaction():
            for kind in _KINDS:
                store.delete_below(kind, "")

    module_cloud.faults.clear()
    module_cloud.run(forget())
    return module_cloud
