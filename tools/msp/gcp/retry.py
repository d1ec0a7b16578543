"""When to ask again, and how long to wait before."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from msp.gcp.deadline import Deadline
from msp.gcp.errors import RemoteError

T = TypeVar("T")

_MAX_DIGITS = 20  # of a Retry-After; more would be infinite, and any policy's maximum is less


@dataclass(frozen=True)
class RetryPolicy:
    """Bounded attempts with exponential backoff and jitter; honours `Retry-After`.

    Attributes:
        attempts: How often to ask in all, the first time included.
        initial: Seconds to wait after the first failure, before jitter; doubles with each.
        maximum: The most seconds to wait, also where the service asks for more.
        sleep: Waits that many seconds.
        random: A number in [0, 1).
        notify: Told of each failure that will be followed by another attempt, and of the seconds until then.
    """

    attempts: int = 5
    initial: float = 0.25
    maximum: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    notify: Callable[[RemoteError, float], None] = lambda _error, _seconds: None

    def delay(self, failures: int, retry_after: float | None = None) -> float:
        """Seconds to wait after so many failures in a row: half to all of the backoff, so that callers spread out."""
        backoff = min(self.maximum, self.initial * 2.0 ** min(failures - 1, 64)) * (0.5 + self.random() / 2)
        return min(self.maximum, max(backoff, retry_after or 0.0))

    def run(self, attempt: Callable[[], T], *, deadline: Deadline | None = None) -> T:
        """Calls `attempt` until it returns, fails for good, or has failed `attempts` times.

        Args:
            attempt: Does it once; may raise `RemoteError`.
            deadline: When to give up, also where attempts are left.

        Raises:
            RemoteError: The last failure.
        """
        failures = 0
        while True:
            try:
                return attempt()
            except RemoteError as error:
                failures += 1
                if not error.transient or failures >= self.attempts:
                    raise
                seconds = self.delay(failures, error.retry_after)
                if deadline is not None and seconds >= deadline.left:
                    raise
                self.notify(error, seconds)
                self.sleep(seconds)


def parse_retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds from a `Retry-After` header: a number or an HTTP date (RFC 9110 section 10.2.3); None if neither."""
    if value is None:
        return None
    value = value.strip()
    if value.isdecimal() and value.isascii():
        return float(value[:_MAX_DIGITS])
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, OverflowError, TypeError):  # The second for a year that the system's clock can't have.
        return None
