"""How a deployment ended."""

from dataclasses import dataclass

from msp.delivery.planning.plan import ReleasePlan
from msp.errors import BlockedError, MspError

# What a deployment's `state` can be besides a rollout's.
PLANNED = "PLANNED"
ALREADY_DEPLOYED = "ALREADY_DEPLOYED"
SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True)
class LaterFailure:
    """A stage after the first where this image was tried and does not run.

    Attributes:
        target: The stage's target.
        release: The release's id.
        why: What became of its newest rollout there, for people.
        retriable: Whether the failed job of its newest rollout there can be run again.
    """

    target: str
    release: str
    why: str
    retriable: bool = False


@dataclass(frozen=True)
class Outcome:
    """A deployment's end.

    Attributes:
        plan: What was to be done.
        stages: The ids of the pipeline's targets, in order.
        state: The rollout's; `ALREADY_DEPLOYED` where the first stage ran this image before; `SUPERSEDED` where a newer
            build was there first; `PLANNED` in a dry run.
        release: The release's id: another than the plan's where that one runs this image already, or is newer.
        rollout: The rollout's id, empty where there is none.
        created: Whether this run made the release.
        failure: Why the rollout failed, empty where it didn't.
        retriable: Whether it was a job that failed, which can be run again.
        notes: What else is worth knowing of the pipeline, a sentence each: that a later stage has failed.
        superseded_by: The newer release's id, where there is one.
        later: The first of the later stages that this image did not get into.
    """

    plan: ReleasePlan
    stages: tuple[str, ...]
    state: str
    release: str
    rollout: str = ""
    created: bool = False
    failure: str = ""
    retriable: bool = False
    notes: tuple[str, ...] = ()
    superseded_by: str = ""
    later: LaterFailure | None = None

    @property
    def tag(self) -> str:
        """The tag of this build's image; empty where another build's release runs, so that it may not be there."""
        return self.plan.tag if self.release == self.plan.release else ""

    @property
    def target(self) -> str:
        """The first stage's target; empty where it isn't known."""
        return self.stages[0] if self.stages else ""

    @property
    def release_url(self) -> str:
        """The release's page in Google Cloud's console, or the local cloud's page."""
        return self.plan.release_page(self.release)

    @property
    def exit_code(self) -> int:
        """What the process ends with: 0 done, 3 the release was made but its rollout failed."""
        return 3 if self.state in _FAILED else 0


_FAILED = frozenset({"FAILED", "APPROVAL_REJECTED", "CANCELLING", "CANCELLED", "HALTED"})


class DeliveryError(MspError):
    """The deployment could not be brought to its end; `hint` says what stands and how to go on."""


class GuardError(DeliveryError, BlockedError):
    """Somebody or something has to let it through first.

    Attributes:
        state: `BLOCKED`, `HELD` or `SUPERSEDED`.
        superseded_by: The newer release's id; empty where there is none.
    """

    def __init__(self, message: str, *, hint: str, state: str, superseded_by: str = "") -> None:
        super().__init__(message, hint=hint)
        self.state = state
        self.superseded_by = superseded_by


class InterruptedDeliveryError(DeliveryError):
    """Somebody stopped it."""

    exit_code = 130
