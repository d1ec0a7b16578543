"""What Cloud Deploy calls the states of releases and rollouts, and what can be done with them by whom."""

from msp.deploy_policies.actions import Action, Invoker
from msp.gcp.words import Word

__all__ = ["Action", "ApprovalState", "Invoker", "RenderState", "RolloutState"]


class RenderState(Word):
    """How far the rendering of a release has come."""

    UNSPECIFIED = "UNSPECIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class RolloutState(Word):
    """Where a rollout stands."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING_RELEASE = "PENDING_RELEASE"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    APPROVAL_REJECTED = "APPROVAL_REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    HALTED = "HALTED"

    @property
    def waits(self) -> bool:
        """Whether it is still to begin: for its release, an approval, or its turn."""
        return self in _WAITING

    @property
    def under_way(self) -> bool:
        """Whether it changes its target at this moment."""
        return self in _UNDER_WAY

    @property
    def failed(self) -> bool:
        """Whether it ended, and not with success."""
        return self in _FAILED


_WAITING = frozenset({RolloutState.PENDING_RELEASE, RolloutState.PENDING_APPROVAL, RolloutState.PENDING})
_UNDER_WAY = frozenset({RolloutState.IN_PROGRESS, RolloutState.CANCELLING})
_FAILED = frozenset({RolloutState.FAILED, RolloutState.APPROVAL_REJECTED, RolloutState.CANCELLED, RolloutState.HALTED})


class ApprovalState(Word):
    """What has become of a rollout's approval."""

    UNSPECIFIED = "UNSPECIFIED"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    DOES_NOT_NEED_APPROVAL = "DOES_NOT_NEED_APPROVAL"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
