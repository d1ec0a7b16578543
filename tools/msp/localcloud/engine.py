"""Does what is due: the one place where time makes something happen.

State machines schedule tasks in the transaction of the change that calls for them, so a task is there exactly when its
cause is, also after `kill -9`. The engine runs each when its time has come, in a transaction of its own.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msp.localcloud.clock import Clock, ManualClock
from msp.localcloud.store import Store

Work = Callable[[str], None]
_log = logging.getLogger(__name__)


class Engine:
    """Runs the tasks of a store as they fall due.

    Args:
        store: Holds the tasks, and tells when one is added.
        clock: Decides what is due.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self.clock = clock
        self._work: dict[str, Work] = {}
        self._changed = asyncio.Event()
        store.watch(self._changed.set)

    def on(self, task: str, work: Work) -> None:
        """Has `work`, called with the resource's name, do the tasks of that name."""
        self._work[task] = work

    def next_due(self) -> datetime | None:
        """When the next task is due; `None` when there is none."""
        task = self._store.next_task()
        return None if task is None else task.due

    def run_due(self, most: int = 100_000) -> int:
        """Does all that is due now, and what becomes due by it; tells how much it was."""
        done = 0
        while done < most and self._run_one():
            done += 1
        return done

    def advance(self, by: timedelta) -> None:
        """Moves a manual clock forward, stopping at each moment at which something is due.

        Raises:
            TypeError: The clock is not a `ManualClock`.
        """
        if not isinstance(self.clock, ManualClock):
            raise TypeError("only a ManualClock can be advanced")
        end = self.clock.now() + by
        self.run_due()
        while (due := self.next_due()) is not None and due <= end:
            self.clock.advance(max(due - self.clock.now(), timedelta(0)))
            self.run_due()
        self.clock.advance(end - self.clock.now())

    async def run(self) -> None:
        """Does what is due, when it is due, until cancelled. Others get their turn between any two tasks."""
        while True:
            self._changed.clear()
            while self._run_one():  # noqa: ASYNC110 (lets others have their turn)
                await asyncio.sleep(0)
            due = self.next_due()
            waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._changed.wait())]
            if due is not None:
                waits.append(asyncio.create_task(self.clock.sleep_until(due)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    def _run_one(self) -> bool:
        task = self._store.next_task()
        if task is None or task.due > self.clock.now():
            return False
        try:
            with self._store.transaction():
                self._store.finish_task(task)
                self._work[task.task](task.name)
        except Exception:
            # A task that can't be done must not come back for ever, nor keep the others from their turn.
            _log.exception("task %s of %s failed", task.task, task.name)
            self._store.finish_task(task)
        return True
