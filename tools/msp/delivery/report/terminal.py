"""What a deployment says to whoever watches it: colours and a spinner on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from msp.ci.groups import LogGroups
from msp.delivery.outcome import ALREADY_DEPLOYED, PLANNED, SUPERSEDED, Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.report.events import (
    Event,
    Failed,
    Finished,
    Noted,
    Planned,
    PreflightPassed,
    Pushed,
    Released,
    Report,
    RolloutSeen,
)
from msp.delivery.report.stages_picture import in_words, next_steps, picture
from msp.delivery.rollout import ENDED
from msp.gcp.messages import enum_name
from msp.text import harmless

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Rollout
    from rich.status import Status

_DIM, _GREEN, _YELLOW, _RED = "2", "32", "33", "31"

_STATES = {
    "PENDING_RELEASE": "is being rendered",
    "PENDING_APPROVAL": "waits for approval",
    "PENDING": "waits for its turn",
    "IN_PROGRESS": "is under way",
    "SUCCEEDED": "succeeded",
    "APPROVAL_REJECTED": "was rejected",
    "CANCELLING": "is being cancelled",
    "CANCELLED": "was cancelled",
    "HALTED": "was halted",
    "FAILED": "failed",
}
# A wait that is over by then needs no spinner; rich takes 0.1 s to import.
_PATIENCE_SECONDS = 1.0


class Console:
    """Prints a delivery, of which every text from outside is made harmless here.

    Args:
        out: The stream that people and CIs read: stdout.
        environment: Tells which CI reads it, and whether colours are unwanted (https://no-color.org).
        monotonic: Seconds on a clock that never goes back.
        stages: Whether the end shows every stage, the release's page and what to do next.
    """

    def __init__(
        self,
        out: TextIO,
        environment: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        stages: bool = True,
    ) -> None:
        with suppress(AttributeError):
            out.reconfigure(errors="replace")  # type: ignore[attr-defined]  # a terminal may know no such character
        self._out = out
        self._terminal = out.isatty()
        self._colours = self._terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self._groups = LogGroups(environment, out)
        self._monotonic = monotonic
        self._began = monotonic()
        self._rollout_began = 0.0
        self._state: str = ""
        self._spinner: Status | None = None
        self._shows_stages = stages

    def report(self, event: Event) -> None:
        """Prints what there is to say of an event."""
        match event:
            case Planned(plan):
                self._groups.begin(f"Delivering {plan.target} to {plan.pipeline}")
                for name, value in _facts(plan):
                    self._say(value, mark=f"  {name:<9}", colour=_DIM)
                self._notes(plan.notes)
            case PreflightPassed(warnings):
                self._notes(warnings)
            case Pushed(plan):
                self._done(f"image {plan.image}@{plan.digest}")
            case Released(plan, created):
                if self._groups.folds:
                    self._groups.begin(f"Release {plan.release}")
                how = "made" if created else "was there already, with this digest: taken up"
                self._done(f"release {plan.release} {how}")
            case RolloutSeen(rollout):
                self._rolling(rollout)
            case Noted(text):
                self._notes((text,))
            case Finished(outcome):
                self._finished(outcome)
            case Failed(plan, error):
                self._stop_spinner()
                if self._groups.folds:
                    self._groups.fail(f"{plan.target} was not delivered: {error.message.partition(chr(10))[0]}")
                self._groups.end()

    def _rolling(self, rollout: "Rollout") -> None:
        """A line when the state changes; on a terminal a spinner in between."""
        if not self._state:
            self._rollout_began = self._monotonic()
        state = enum_name(rollout, "state")
        if state != self._state:
            self._state = state
            self._stop_spinner()
            if state not in ENDED:
                self._say(f"  rollout to {rollout.target_id} {_STATES.get(state, state)}")
        elif self._terminal and self._monotonic() - self._rollout_began > _PATIENCE_SECONDS:
            self._spin(rollout)

    def _finished(self, outcome: Outcome) -> None:
        """The stages, where to look, and what to do next."""
        self._stop_spinner()
        if outcome.state == PLANNED:
            return
        seconds = self._monotonic() - self._began
        if outcome.exit_code:
            self._groups.fail(f"Rollout to {outcome.target} failed")
            self._say(outcome.failure, mark="✗", colour=_RED)
        elif outcome.state == ALREADY_DEPLOYED:
            self._done(f"{outcome.target} runs this image already, as {outcome.release}: nothing to do (--force)")
        elif outcome.state == SUPERSEDED:
            self._done(f"{outcome.target}: {in_words(outcome)}: nothing to do (--force)")
        else:
            if self._groups.folds:
                self._groups.begin(f"Delivered in {seconds:.1f} s", expanded=True)
            self._done(f"{outcome.target}: {in_words(outcome)}  ({seconds:.1f} s)")
        self._notes(outcome.notes)
        if self._shows_stages:
            self._stages(outcome)
        self._groups.end()

    def _stages(self, outcome: Outcome) -> None:
        self._say()
        for line in picture(outcome):
            self._say(f"  {line}")
        self._say()
        for line in (*next_steps(outcome), outcome.release_url):
            self._say(f"  {line}")

    def _done(self, text: str) -> None:
        self._stop_spinner()
        self._say(text, mark="✓", colour=_GREEN)

    def _notes(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._say(text, mark="note:", colour=_YELLOW)

    def _say(self, text: str = "", *, mark: str = "", colour: str = "") -> None:
        if mark and self._colours:
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        # Whole lines, so that notes from two threads never share one.
        self._out.write(f"{mark} {harmless(text)}\n" if mark else f"{harmless(text)}\n")
        self._out.flush()

    def _spin(self, rollout: "Rollout") -> None:
        if self._spinner is None:
            from rich.console import Console as RichConsole

            self._spinner = RichConsole(file=self._out).status("")
            self._spinner.start()
        seconds = self._monotonic() - self._rollout_began
        # Names of targets hold no square brackets, in which rich would see its own markup.
        self._spinner.update(f"{harmless(rollout.target_id)} {_STATES.get(self._state, self._state)}, {seconds:.0f} s")

    def _stop_spinner(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None


def brief(out: TextIO) -> Report:
    """A report that prints what is odd, and on one line how it ended.

    Args:
        out: The stream that people and CIs read: stdout.
    """

    def report(event: Event) -> None:
        match event:
            case PreflightPassed(warnings):
                lines = [f"note: {warning}" for warning in warnings]
            case Finished(outcome) if outcome.state != PLANNED:
                end = f"{outcome.target}: {in_words(outcome)}"
                lines = [f"{end}: {outcome.failure}" if outcome.exit_code else end]
                lines += [f"note: {note}" for note in outcome.notes]
            case _:
                lines = []
        out.writelines(f"{harmless(line)}\n" for line in lines)
        out.flush()

    return report


def plan_text(plan: ReleasePlan) -> str:
    """The whole plan, for a dry run."""
    lines = [*(f"{name:<9} {value}" for name, value in _facts(plan)), f"{'source':<9} {plan.source_uri}"]
    if plan.stages:
        lines.append(f"{'stages':<9} {' → '.join(plan.stages)}")
    for title, pairs in (
        ("labels", plan.labels),
        ("parameters", plan.parameters),
        ("annotations", plan.annotations),
    ):
        lines += [f"{title}:", *(f"  {key} = {value}" for key, value in pairs.items())]
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join(map(harmless, lines))


def _facts(plan: ReleasePlan) -> list[tuple[str, str]]:
    build = plan.build
    commit = build.commit[:12] + (f" {build.subject}" if build.subject else "")
    facts = [
        ("service", plan.target),
        ("commit", commit),
        ("author", build.author),
        ("build", " ".join(part for part in (build.build_number, build.build_url) if part)),
        ("image", f"{plan.image}:{plan.tag}"),
        ("digest", plan.digest or "known when it is pushed"),
        ("pipeline", f"{plan.pipeline} in {plan.project}, {plan.region}"),
        ("release", plan.release),
    ]
    return [(name, value) for name, value in facts if value]
