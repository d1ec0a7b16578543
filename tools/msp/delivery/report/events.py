"""What happens in a delivery, as values: one stream, which the terminal, the CI and the JSON file each render."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msp.delivery.outcome import Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.errors import MspError
from msp.gcp.errors import RemoteError

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Rollout


@dataclass(frozen=True)
class Planned:
    """The delivery begins: this is to be done."""

    plan: ReleasePlan


@dataclass(frozen=True)
class PreflightPassed:
    """Nothing stands in the way.

    Attributes:
        warnings: What is odd all the same, a sentence each: `prod runs commit 89abcdef0123, which is newer`.
    """

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pushed:
    """The image is in its repository; the plan's digest is known by now."""

    plan: ReleasePlan


@dataclass(frozen=True)
class Released:
    """The release is there.

    Attributes:
        plan: What was released, with the image's digest.
        created: True where this run made it, False where it took up one that stood.
    """

    plan: ReleasePlan
    created: bool


@dataclass(frozen=True)
class RolloutSeen:
    """The first stage's rollout, told at each look at it, whether it has moved or not."""

    rollout: "Rollout"


@dataclass(frozen=True)
class Noted:
    """Something worth a line that changes nothing, from any thread: a request that is sent again."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The delivery has come to its end, also where its rollout failed."""

    outcome: Outcome


@dataclass(frozen=True)
class Failed:
    """The delivery has ended by an error, which the command's entry prints.

    Attributes:
        plan: What was to be done.
        error: Why it was not.
    """

    plan: ReleasePlan
    error: MspError


# Every delivery ends with one `Finished` or one `Failed`.
Event = Planned | PreflightPassed | Pushed | Released | RolloutSeen | Noted | Finished | Failed
Report = Callable[[Event], None]


def retries(report: Report) -> Callable[[RemoteError, float], None]:
    """What tells of requests that are sent again, as `RetryPolicy.notify`: each reason once.

    Args:
        report: Is told, from any thread.
    """
    told: set[str] = set()
    lock = threading.Lock()

    def notify(error: RemoteError, seconds: float) -> None:
        with lock:
            # Where a service can't be reached, that meets every request.
            if error.message in told:
                return
            told.add(error.message)
        report(Noted(f"{error.message}; trying again in {seconds:.1f} s"))

    return notify


def to_all(reports: Sequence[Report]) -> Report:
    """One report that hands each event to several, in their order."""

    def report(event: Event) -> None:
        for each in reports:
            each(event)

    return report
