"""What a command has decided: what it would do, what forbids it, and what a person should see first."""

from dataclasses import dataclass

from msp.operate.actions import Action
from msp.rollouts.facts import RolloutKey


@dataclass(frozen=True, slots=True)
class Objection:
    """Something that forbids it.

    Attributes:
        message: What, in a sentence.
        hint: What to do about it: the command that overrides it, or the better one.
        blocks: Whether somebody or something has to let it through first (exit code 4); otherwise it is refused (1).
    """

    message: str
    hint: str = ""
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """Two releases, of which a person should see the commits in between.

    Attributes:
        since: The release that runs; empty where none does.
        until: The release that would.
    """

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command would do, as a function of facts.

    Attributes:
        title: What it is, in a line: `promote deploy-0123456789ab-42 to prod`.
        target: The stage's target; empty where it is about none.
        category: The stage's: a change to an `external` one is confirmed.
        compared: Whose commits to show first; None where nothing comes or goes.
        facts: What else a person should know first, a sentence each: what was verified, who wrote it.
        actions: What to do, in order; the first is what was asked for, the others follow from it.
        objections: What forbids it; empty where it may be done.
        overridden: What forbade it and was overridden, a sentence each.
        done: Why what was asked for needs no doing; `actions` are then what is still left to do. Empty otherwise.
        follows: The rollout to follow once the first action was taken; None for none.
    """

    title: str
    target: str = ""
    category: str = ""
    compared: Compared | None = None
    facts: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    objections: tuple[Objection, ...] = ()
    overridden: tuple[str, ...] = ()
    done: str = ""
    follows: RolloutKey | None = None
