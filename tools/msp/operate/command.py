"""A command that changes something: from what was asked for to what became of it.

Facts, a decision, what a person should see first, a confirmation where it matters, one call with a lock or a request
id, and what became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msp.changes.between import Changes, changes_between
from msp.ci.git import ancestry
from msp.errors import BlockedError, MspError
from msp.gcp.errors import ApiError, about
from msp.gcp.polling import PollTimeoutError
from msp.operate.actions import Action, Note, RollBack
from msp.operate.decision import Decision, Objection
from msp.operate.facts import read_facts
from msp.operate.host import Cloud, Host
from msp.operate.sending import Sender
from msp.operate.service import Service
from msp.operate.words import action_words, decision_blocks, state_line
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Facts, Rollout
from msp.rollouts.following import follow
from msp.rollouts.states import RolloutState
from msp.show.document import Line, Tone
from msp.show.output import Output
from msp.text import harmless

_EXTERNAL = "external"
# For one answer of Bazel, without which every commit is listed; `changes` waits longer.
_BAZEL_SECONDS = 10.0


class Verb(Protocol):
    """What was asked for."""

    @property
    def reason(self) -> str:
        """Why, in a person's words; empty where none was given."""

    def decide(self, facts: Facts, service: Service, ancestry: Ancestry) -> Decision:
        """What to do about it: pure."""


@dataclass(frozen=True)
class Settings:
    """How to go about it.

    Attributes:
        dry_run: Only show, and ask Cloud Deploy whether it would be allowed.
        wait: Whether to follow the rollout until it has ended.
        timeout: Seconds that the rollout may take.
        yes: Whether not to ask a person.
        by: Who does it: `Ada Lovelace`.
    """

    dry_run: bool = False
    wait: bool = True
    timeout: float = 1800.0
    yes: bool = False
    by: str = ""


class RefusedError(MspError):
    """It was not done: something forbids it, or somebody said no."""


class ChangedMeanwhileError(MspError):
    """Somebody else has changed what was looked at."""


@dataclass(frozen=True)
class Command:
    """A verb about a service, carried out.

    Attributes:
        verb: What was asked for.
        service: Of which service.
        host: The process that it runs in.
        cloud: Whom to ask.
        output: Where to say it.
        settings: How to go about it.
        read: Gathers what is known of the service.
    """

    verb: Verb
    service: Service
    host: Host
    cloud: Cloud
    output: Output
    settings: Settings = Settings()
    read: Callable[[Service, Host, Cloud], Facts] = read_facts

    def run(self) -> int:
        """Does what was asked for.

        Returns:
            The exit code: 0 done, 3 the rollout failed, 4 it waits for an approval.

        Raises:
            UsageError: What was asked for does not exist, or lacks its reason.
            RefusedError: Something forbids it.
            BlockedError: Somebody or something has to let it through first.
            ChangedMeanwhileError: Somebody else was faster.
            RemoteError: Cloud Deploy refuses, or can't be reached.
        """
        facts, decision = self._decided()
        self.output.begin(f"{self.service.called}: {decision.title}")
        self.output.record(**_told(self.service, decision))
        self.output.say(*decision_blocks(decision, facts, self._changes(facts, decision)))
        if decision.done:
            rest = "" if decision.actions else ": nothing to do"
            self.output.say(Line.of(f"{decision.done}{rest}", Tone.GOOD, mark="✓"))
        _refuse(decision.objections)
        sender = Sender(self.service, self.cloud.deploy, self.cloud.retry, self._note())
        if self.settings.dry_run:
            for action in decision.actions[:1]:
                sender.validate(action)
            self.output.say(Line.of("nothing was changed (--dry_run)", Tone.QUIET))
            return 0
        if not decision.done and self._asked(facts, decision) and self._decided()[1] != decision:
            # A person took their time; what they have seen has to be true still.
            hint = f"look again: {self.service.typed('status')}"
            raise ChangedMeanwhileError("things changed while you were asked; nothing was done", hint=hint)
        try:
            for action in decision.actions:
                self._send(sender, action)
            return self._end(decision)
        except KeyboardInterrupt:
            print(self._goes_on, file=self.host.err)
            raise

    @property
    def _goes_on(self) -> str:
        return f"what was begun goes on without you; see how it is: {self.service.typed('status')}"

    def _decided(self) -> tuple[Facts, Decision]:
        facts = self.read(self.service, self.host, self.cloud)
        return facts, self.verb.decide(facts, self.service, ancestry(self.host.git()))

    def _changes(self, facts: Facts, decision: Decision) -> Changes | None:
        compared = decision.compared
        if compared is None or decision.done:
            return None
        since, until = facts.release(compared.since), facts.release(compared.until)
        if since is None or until is None or not since.commit or not until.commit:
            return None
        # Bazel may have to load half a repository first: a way back waits for that only where a person reads it.
        urgent = any(isinstance(action, RollBack) for action in decision.actions) and not self._asks(facts, decision)
        image = "" if urgent else self.service.image
        return changes_between(self.host.checkout(seconds=_BAZEL_SECONDS), since.commit, until.commit, image=image)

    def _note(self) -> Note:
        return Note(harmless(self.verb.reason), self.settings.by, self.host.now())

    def _asks(self, facts: Facts, decision: Decision) -> bool:
        """Whether a person has to say yes first: where customers are concerned, or that can't be told."""
        concerned = decision.category == _EXTERNAL or (bool(decision.target) and "targets" in facts.unread)
        return concerned and not self.settings.yes and self.host.asks

    def _asked(self, facts: Facts, decision: Decision) -> bool:
        """Whether a person was asked, and said yes.

        Raises:
            RefusedError: They said no.
        """
        if not self._asks(facts, decision):
            return False
        print(f"{decision.title}? [y/N] ", end="", file=self.host.err, flush=True)
        if self.host.answers.readline().strip().lower() not in {"y", "yes"}:
            raise RefusedError("nothing was done", hint="--yes goes on without asking")
        return True

    def _send(self, sender: Sender, action: Action) -> None:
        try:
            with about(self.service.called):
                made = sender.send(action)
        except ApiError as error:
            if error.code not in _OVERTAKEN:
                raise
            # What forbids it now, such as a freeze that came meanwhile, says more than that it was refused.
            _refuse(self._decided()[1].objections)
            raise ChangedMeanwhileError(
                f"it was not done: {error.message}",
                hint=f"somebody else may have been faster; see what happened: {self.service.typed('status')}",
            ) from error
        if made:
            self.output.say(Line.of(action_words(action), Tone.GOOD, mark="✓"))
        else:
            self.output.say(Line.of(f"{action_words(action)}, by somebody else", Tone.QUIET, mark="note:"))

    def _end(self, decision: Decision) -> int:
        """Follows the rollout, and says what became of it."""
        if decision.follows is None or not self.settings.wait:
            return 0
        state: Callable[[Rollout], None] = _Told(self.output)
        try:
            rollout = follow(
                self.service.rollout_name(*decision.follows),
                self.cloud.deploy,
                self.cloud.polling,
                timeout=self.settings.timeout,
                seen=state,
            )
        except PollTimeoutError as error:
            error.hint = self._goes_on
            raise
        self.output.record(release=rollout.release, rollout=rollout.id, state=rollout.state.value)
        return _exit_code(rollout)


# What Cloud Deploy answers where another call came first.
_OVERTAKEN = frozenset({"FAILED_PRECONDITION", "ABORTED", "ALREADY_EXISTS"})


class _Told:
    """Tells each state of a rollout once."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._state: RolloutState | None = None

    def __call__(self, rollout: Rollout) -> None:
        if rollout.state is not self._state:
            self._state = rollout.state
            self._output.say(state_line(rollout))


def _told(service: Service, decision: Decision) -> dict[str, object]:
    """A decision, for programs."""
    compared, follows = decision.compared, decision.follows
    return {
        "service": service.id,
        "title": decision.title,
        "target": decision.target,
        "since": compared.since if compared else None,
        "until": compared.until if compared else None,
        "done": decision.done,
        "objections": [each.message for each in decision.objections],
        "overridden": list(decision.overridden),
        "release": follows.release if follows else None,
        "rollout": follows.rollout if follows else None,
    }


def _refuse(objections: tuple[Objection, ...]) -> None:
    if not objections:
        return
    kind = BlockedError if any(each.blocks for each in objections) else RefusedError
    message = "; ".join(each.message for each in objections)
    raise kind(message, hint="\n".join(filter(None, (each.hint for each in objections))))


def _exit_code(rollout: Rollout) -> int:
    """0 done, 3 failed, 4 waits for an approval."""
    if rollout.state is RolloutState.PENDING_APPROVAL:
        return BlockedError.exit_code
    return 0 if rollout.state is RolloutState.SUCCEEDED else 3
