"""A time by which something has to be over."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from msp.errors import MspError


class DeadlineError(MspError):
    """The time that the whole run was given is over."""


@dataclass(frozen=True)
class Deadline:
    """The moment by which a run, or one call, has to be done.

    Attributes:
        seconds: What it was given, for messages: `1800.0`.
        ends: The moment on `monotonic`'s clock.
        monotonic: Seconds on a clock that never goes back.
    """

    seconds: float = math.inf
    ends: float = math.inf
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def after(cls, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> "Deadline":
        """The moment so many seconds from now."""
        return cls(seconds, monotonic() + seconds, monotonic)

    @property
    def left(self) -> float:
        """Seconds until then: infinite where there is no end, 0 when it is past."""
        return max(0.0, self.ends - self.monotonic())

    @property
    def patience(self) -> float | None:
        """Seconds until then, as `threading`, `queue` and `subprocess` take them: None where there is no end."""
        return None if math.isinf(self.ends) else self.left

    def limit(self, seconds: float) -> float:
        """What one step may take that would be given so many seconds: that, or what is left.

        Raises:
            DeadlineError: Nothing is left.
        """
        left = self.ends - self.monotonic()
        if left <= 0:
            raise DeadlineError(f"it was not done within {self.seconds:g} s", hint="give it longer, and run it again")
        return min(seconds, left)

    def no_later_than(self, seconds: float) -> "Deadline":
        """This one, or the moment so many seconds from now, whichever is sooner."""
        sooner = Deadline.after(seconds, self.monotonic)
        return self if self.ends <= sooner.ends else sooner


NO_DEADLINE = Deadline()
