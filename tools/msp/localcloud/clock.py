"""Time as the local cloud sees it: injected, so that a test moves an hour in no time."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the local cloud's time comes from."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    async def sleep_until(self, when: datetime) -> None:
        """Returns once `now()` is at or past `when`."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Returns once `now()` is at or past `when`."""
        # An hour at the most: the machine's clock may be set meanwhile, or the machine sleep.
        while (seconds := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(seconds, 3600))


class ManualClock:
    """Time that stands still until `advance` moves it. May be advanced from any thread.

    Args:
        start: The first moment, aware; by default 2026-01-05 09:00 UTC, a Monday.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> None:
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        """Returns once `advance` has reached `when`; at once when it is not in the future."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            if when <= self._now:
                return
            self._sleepers.append((when, future))
        await future

    def advance(self, by: timedelta) -> None:
        """Moves time forward and wakes those who slept until then.

        Raises:
            ValueError: `by` is negative.
        """
        if by < timedelta(0):
            raise ValueError(f"time goes forward only, not by {by}")
        with self._lock:
            self._now += by
            due = [future for when, future in self._sleepers if when <= self._now]
            self._sleepers = [(when, future) for when, future in self._sleepers if when > self._now]
        for future in due:
            future.get_loop().call_soon_threadsafe(_wake, future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
