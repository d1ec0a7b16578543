"""A local cloud in a thread of its own, for programs that block."""

import asyncio
import threading
from collections.abc import Coroutine
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from msp.localcloud.cloud import LocalCloud
from msp.localcloud.faults import Faults
from msp.localcloud.quotas import Quotas
from msp.localcloud.traffic import Traffic

T = TypeVar("T")


class CloudThread:
    """A `LocalCloud` that runs in a thread, as a context.

    Args:
        cloud: The cloud to run, not yet entered.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-cloud", daemon=True)

    @property
    def http_url(self) -> str:
        """Where HTTP is served, `http://127.0.0.1:8080`."""
        return self.cloud.http_url

    @property
    def grpc_address(self) -> str:
        """Where gRPC is served, `127.0.0.1:8081`."""
        return self.cloud.grpc_address

    @property
    def faults(self) -> Faults:
        """The faults that are to come."""
        return self.cloud.faults

    @property
    def quotas(self) -> Quotas:
        """The quotas that requests are held to."""
        return self.cloud.quotas

    @property
    def traffic(self) -> Traffic:
        """The counts of requests and connections."""
        return self.cloud.traffic

    def run(self, work: Coroutine[Any, Any, T], timeout_seconds: float = 60) -> T:
        """Runs a coroutine in the cloud's loop and waits for what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_seconds)

    def settle(self) -> None:
        """Waits until all that is due by now was done."""
        self.run(self.cloud.settle())

    def advance(self, by: timedelta) -> None:
        """Moves the cloud's manual clock forward, and waits until all that falls due was done."""
        self.run(self.cloud.advance(by))

    def __enter__(self) -> Self:
        """Starts the thread and the cloud."""
        self._thread.start()
        try:
            self.run(self.cloud.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the cloud and the thread."""
        try:
            self.run(self.cloud.__aexit__(kind, error, traceback))
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
