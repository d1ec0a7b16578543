"""What Cloud Deploy calls the states of releases and rollouts, and what restrictions can forbid.

The names are the API's (`google.cloud.deploy_v1`), without its types: those take a third of a second to import, and
verdicts need only the words. A word that is younger than this code reads as `UNSPECIFIED`.
"""

from enum import StrEnum
from typing import Self


class _Word(StrEnum):
    @classmethod
    def _missing_(cls, _value: object) -> Self:
        return cls["UNSPECIFIED"]


class RenderState(_Word):
    """How far the rendering of a release has come."""

    UNSPECIFIED = "UNSPECIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class RolloutState(_Word):
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


class ApprovalState(_Word):
    """What has become of a rollout's approval."""

    UNSPECIFIED = "UNSPECIFIED"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    DOES_NOT_NEED_APPROVAL = "DOES_NOT_NEED_APPROVAL"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Action(_Word):
    """What a deploy policy can forbid to do with rollouts."""

    UNSPECIFIED = "UNSPECIFIED"
    ADVANCE = "ADVANCE"
    APPROVE = "APPROVE"
    CANCEL = "CANCEL"
    CREATE = "CREATE"
    IGNORE_JOB = "IGNORE_JOB"
    RETRY_JOB = "RETRY_JOB"
    ROLLBACK = "ROLLBACK"
    TERMINATE_JOBRUN = "TERMINATE_JOBRUN"


class Invoker(_Word):
    """Who does it."""

    UNSPECIFIED = "UNSPECIFIED"
    USER = "USER"
    DEPLOY_AUTOMATION = "DEPLOY_AUTOMATION"
