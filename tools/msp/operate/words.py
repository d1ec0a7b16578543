"""Decisions, changes and rollouts, in words for whoever has to know them."""

from collections.abc import Iterator

from msp.changes.between import Changes
from msp.changes.commit import Commit
from msp.operate.actions import Action, Approve, Cancel, Freeze, Hold, Resume, Retry, RollBack, RollOut, Unfreeze
from msp.operate.decision import Decision
from msp.rollouts.facts import Facts, Release, Rollout
from msp.rollouts.states import RolloutState
from msp.show.document import Block, Column, Line, Section, Table, Text, Tone

_SHORT = 12  # digits of a commit that people recognise
_MOST = 30  # commits shown; the number of the rest is told

_STATES = {
    RolloutState.PENDING_RELEASE: ("◐", "is being rendered", Tone.WAITING),
    RolloutState.PENDING_APPROVAL: ("◐", "waits for an approval", Tone.WAITING),
    RolloutState.PENDING: ("◐", "waits for its turn", Tone.WAITING),
    RolloutState.IN_PROGRESS: ("◐", "is under way", Tone.WAITING),
    RolloutState.CANCELLING: ("◐", "is being cancelled", Tone.WAITING),
    RolloutState.SUCCEEDED: ("✓", "succeeded", Tone.GOOD),
    RolloutState.APPROVAL_REJECTED: ("✗", "was rejected", Tone.BAD),
    RolloutState.CANCELLED: ("✗", "was cancelled", Tone.BAD),
    RolloutState.HALTED: ("✗", "was halted", Tone.BAD),
    RolloutState.FAILED: ("✗", "failed", Tone.BAD),
}


def state_line(rollout: Rollout) -> Line:
    """Where a rollout stands, in a sentence."""
    mark, words, tone = _STATES.get(rollout.state, ("?", "is in a state that is not known here", Tone.WAITING))
    why = ": ".join(part for part in (rollout.failure_cause.replace("_", " ").lower(), rollout.failure) if part)
    said = f"{rollout.release} to {rollout.target} {words}" + (f": {why}" if why else "")
    return Line.of(said, tone, mark=mark)


def action_words(action: Action) -> str:
    """What was done, in a sentence."""
    match action:
        case RollOut() | RollBack():
            kind = "rollout" if isinstance(action, RollOut) else "rollback"
            return f"{kind} {action.rollout} was asked for"
        case Approve():
            return f"{action.rollout.rollout} was {'approved' if action.approved else 'rejected'}"
        case Hold() | Resume():
            does = "is held" if isinstance(action, Hold) else "goes on"
            return f"promotion into {action.target} {does} (automation {action.automation})"
        case Retry():
            return f"job {action.job} of {action.rollout.rollout} runs again"
        case Cancel():
            return f"{action.rollout.rollout} is being cancelled"
        case Freeze() | Unfreeze():
            return _freeze_words(action)


def _freeze_words(action: Freeze | Unfreeze) -> str:
    if isinstance(action, Unfreeze):
        return f"policy {action.policy} was removed"
    return f"{action.frozen} is frozen until {action.until:%Y-%m-%d %H:%M} UTC (policy {action.policy})"


def decision_blocks(decision: Decision, facts: Facts, changes: Changes | None) -> Iterator[Block]:
    """What a person should see before it is done."""
    if decision.compared is not None and not decision.done:
        since, until = facts.release(decision.compared.since), facts.release(decision.compared.until)
        yield Line.of(f"runs now   {release_words(since)}", mark=" ")
        yield Line.of(f"would run  {release_words(until)}", mark=" ")
    if changes is not None:
        yield from changes_blocks(changes)
    yield from (Line.of(fact, mark="·") for fact in decision.facts)
    yield from (Line.of(text, Tone.WAITING, mark="note:") for text in decision.overridden)


def release_words(release: Release | None) -> str:
    """A release in a line: its id, its commit, whose it is."""
    if release is None:
        return "nothing"
    commit = release.commit[:_SHORT]
    about = f"{commit} {release.subject}".strip()
    return f"{release.id}  {about}" + (f" ({release.author})" if release.author else "")


def changes_blocks(changes: Changes) -> Iterator[Block]:
    """The commits that come and those that leave; first what is taken back."""
    for revert in changes.reverts:
        yield Line.of(f"takes back {revert.reverted[:_SHORT]}: {revert.commit.subject}", Tone.WAITING, mark="↩")
    yield from _commits("come", changes.come)
    yield from _commits("leave", changes.leave)
    if changes.known and not changes.come and not changes.leave:
        yield Line.of("no commit between them changes the image", Tone.QUIET, mark=" ")
    if changes.skipped:
        yield Line.of(
            f"{changes.skipped} more commits change nothing that the image is built from", Tone.QUIET, mark=" "
        )
    yield from (Line.of(note, Tone.WAITING, mark="note:") for note in changes.notes)


def _commits(does: str, commits: tuple[Commit, ...]) -> Iterator[Block]:
    if not commits:
        return
    rows = tuple(
        (Text(each.id[:_SHORT], code=True), Text(each.author, Tone.QUIET), Text(each.subject))
        for each in commits[:_MOST]
    )
    columns = (Column("commit"), Column("author", shrinks=True), Column("subject", shrinks=True))
    blocks: tuple[Block, ...] = (Table(columns, rows),)
    if len(commits) > _MOST:
        blocks += (Line.of(f"and {len(commits) - _MOST} more", Tone.QUIET),)
    heading = f"1 commit that {does}s" if len(commits) == 1 else f"{len(commits)} commits that {does}"
    yield Section(heading, blocks)
