"""What a command would change, as frozen values: decided by pure functions, carried out in `sending`."""

from dataclasses import dataclass, field
from datetime import datetime

from msp.deploy_policies.policy import PolicySelector
from msp.rollouts.facts import RolloutKey


@dataclass(frozen=True, slots=True)
class RollOut:
    """A rollout of a release to a target.

    Attributes:
        release: Its id.
        target: The target's id.
        rollout: The id of the rollout to make; whoever decides the same picks the same.
        overrides: Ids of the deploy policies that are overridden.
    """

    release: str
    target: str
    rollout: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approve:
    """A rollout's approval, or its rejection.

    Attributes:
        rollout: Which.
        approved: False to reject.
        overrides: As of `RollOut`.
    """

    rollout: RolloutKey
    approved: bool
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RollBack:
    """A target's way back to an earlier release.

    Attributes:
        target: The target's id.
        off: The rollout to undo. Cloud Deploy refuses where another one has come since: the lock.
        to: The release to run again.
        rollout: The id of the rollout to make.
        overrides: As of `RollOut`.
    """

    target: str
    off: RolloutKey
    to: str
    rollout: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """An automation that is to stand still.

    Attributes:
        automation: Its id.
        target: The stage that it promotes into.
    """

    automation: str
    target: str


@dataclass(frozen=True, slots=True)
class Resume:
    """An automation that is to go on. Attributes as of `Hold`."""

    automation: str
    target: str


@dataclass(frozen=True, slots=True)
class Retry:
    """A failed job to run again.

    Attributes:
        rollout: Whose.
        phase: `stable`.
        job: `deploy`.
        overrides: As of `RollOut`.
    """

    rollout: RolloutKey
    phase: str
    job: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """A rollout to stop.

    Attributes:
        rollout: Which.
        overrides: As of `RollOut`.
    """

    rollout: RolloutKey
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Freeze:
    """A deploy policy that lets nothing go forward for a while.

    Attributes:
        policy: Its id; the same for everybody who freezes the same.
        selector: What it freezes.
        label: What marks it besides that it was made by hand: `("msp-service", "msp-example")`.
        until: The first moment after it, in UTC.
        frozen: What is frozen, as people call it: `prod`.
        replaces: The etag of the policy of that id as it was seen; empty where there was none.
    """

    policy: str
    selector: PolicySelector
    label: tuple[str, str]
    until: datetime
    frozen: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """A deploy policy that is to go.

    Attributes:
        policy: Its id.
        etag: As it was seen: one that was changed meanwhile stays.
    """

    policy: str
    etag: str


Action = RollOut | Approve | RollBack | Hold | Resume | Retry | Cancel | Freeze | Unfreeze


@dataclass(frozen=True, slots=True)
class Note:
    """Why, and by whom: kept where Cloud Deploy keeps it.

    Attributes:
        reason: In a person's words; empty where none was given.
        by: Who: `Ada Lovelace`.
        at: When.
    """

    reason: str
    by: str
    at: datetime = field(compare=False)
