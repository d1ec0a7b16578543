"""Waiting until something remote is as it should be."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from msp.errors import MspError
from msp.gcp.errors import UnreachableError

T = TypeVar("T")


class PollTimeoutError(MspError):
    """The time was up before it was as it should be."""


@dataclass(frozen=True)
class Polling:
    """How often to look: quickly at first, for what is over soon, then ever more slowly.

    Attributes:
        initial: Seconds before the second look.
        factor: How much longer each pause is than the one before.
        maximum: The longest pause, in seconds.
        sleep: Waits that many seconds.
        monotonic: Seconds on a clock that never goes back.
    """

    initial: float = 0.1
    factor: float = 1.5
    maximum: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def until(self, done: Callable[[T], bool], look: Callable[[], T], *, timeout: float, what: str) -> T:
        """Looks until `done` says so of what it sees, and returns that.

        Args:
            done: Whether this is what was waited for.
            look: Fetches the present state, by `timeout` seconds from now: `deploy.within(…).read(…)`.
            timeout: Seconds in all.
            what: What is waited for, for the message: "release deploy-1 to be rendered".

        Raises:
            PollTimeoutError: It did not happen in time.
        """
        end = self.monotonic() + timeout
        pause = self.initial
        late = PollTimeoutError(f"waited {timeout:.1f} seconds for {what}")
        while True:
            try:
                seen = look()
            except UnreachableError as error:
                if self.monotonic() < end:
                    raise
                raise late from error
            if done(seen):
                return seen
            left = end - self.monotonic()
            if left <= 0:
                raise late
            self.sleep(min(pause, left))
            pause = min(self.maximum, pause * self.factor)
