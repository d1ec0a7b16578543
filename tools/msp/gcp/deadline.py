"""A time by which something has to be over."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment on a clock that never goes back.

    Attributes:
        at: The moment, in the clock's seconds.
        monotonic: The clock.
    """

    at: float
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> "Deadline":
        """The moment so many seconds from now."""
        return cls(monotonic() + seconds, monotonic)

    @property
    def left(self) -> float:
        """Seconds until then; 0 when it is past."""
        return max(0.0, self.at - self.monotonic())

    def no_later_than(self, seconds: float) -> "Deadline":
        """This one, or the moment so many seconds from now, whichever is sooner."""
        return Deadline(min(self.at, self.monotonic() + seconds), self.monotonic)
