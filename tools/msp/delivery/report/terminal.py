"""What a deployment says to whoever watches it: colours and a spinner on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from msp.ci.groups import LogGroups
from msp.delivery.outcome import ALREADY_DEPLOYED, PLANNED, Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Survey
from msp.delivery.report.stages_picture import in_words, next_steps, picture
from msp.errors import MspError
from msp.gcp.deploy_resources import Rollout, RolloutState

if TYPE_CHECKING:
    from rich.status import Status

_BOLD, _DIM, _GREEN, _YELLOW, _RED = "1", "2", "32", "33", "31"

_STATES = {
    RolloutState.PENDING_RELEASE: "is being rendered",
    RolloutState.PENDING_APPROVAL: "waits for approval",
    RolloutState.PENDING: "waits for its turn",
    RolloutState.IN_PROGRESS: "is under way",
    RolloutState.SUCCEEDED: "succeeded",
    RolloutState.APPROVAL_REJECTED: "was rejected",
    RolloutState.CANCELLING: "is being cancelled",
    RolloutState.CANCELLED: "was cancelled",
    RolloutState.HALTED: "was halted",
    RolloutState.FAILED: "failed",
}
# A wait that is over by then needs no spinner; rich takes 0.1 s to import.
_PATIENCE_SECONDS = 1.0


class Console:
    """Prints a deployment.

    Args:
        out: Where to.
        environment: Tells which CI reads it, and whether colours are unwanted (https://no-color.org).
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(
        self, out: TextIO, environment: Mapping[str, str], monotonic: Callable[[], float] = time.monotonic
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
        self._state: RolloutState | None = None
        self._spinner: Status | None = None

    def planned(self, plan: ReleasePlan) -> None:
        """What, whose, and where to."""
        self._groups.begin(f"Delivering {plan.target} to {plan.pipeline}")
        for name, value in _facts(plan):
            self._say(f"  {self._paint(f'{name:<9}', _DIM)} {value}")
        for note in plan.notes:
            self._note(note)

    def surveyed(self, survey: Survey) -> None:
        """That nothing stands in the way, and what is odd."""
        for warning in survey.warnings:
            self._note(warning)

    def pushed(self, plan: ReleasePlan) -> None:
        """The digest."""
        self._done(f"image {plan.image}@{plan.digest}")

    def released(self, plan: ReleasePlan, *, created: bool) -> None:
        """Whether the release was made or taken up."""
        if self._groups.folds:
            self._groups.begin(f"Release {plan.release}")
        how = "made" if created else "was there already, with this digest: taken up"
        self._done(f"release {plan.release} {how}")

    def rolling(self, rollout: Rollout) -> None:
        """A line when the state changes; on a terminal a spinner in between."""
        if self._state is None:
            self._rollout_began = self._monotonic()
        if rollout.state is not self._state:
            self._state = rollout.state
            self._stop_spinner()
            if not rollout.state.ended:
                self._say(f"  rollout to {rollout.target_id} {_STATES.get(rollout.state, rollout.state.value)}")
        elif self._terminal and self._monotonic() - self._rollout_began > _PATIENCE_SECONDS:
            self._spin(rollout)

    def finished(self, outcome: Outcome) -> None:
        """The stages, where to look, and what to do next."""
        self._stop_spinner()
        if outcome.state == PLANNED:
            return
        seconds = self._monotonic() - self._began
        if outcome.exit_code:
            self._groups.fail(f"Rollout to {outcome.target} failed")
            self._say(self._paint(f"✗ {outcome.failure}", _RED))
        elif outcome.state == ALREADY_DEPLOYED:
            self._done(f"{outcome.target} runs this image already, as {outcome.release}: nothing to do (--force)")
        else:
            if self._groups.folds:
                self._groups.begin(f"Delivered in {seconds:.1f} s", expanded=True)
            self._done(f"{outcome.target}: {in_words(outcome)}  {self._paint(f'({seconds:.1f} s)', _DIM)}")
        self._say("")
        for line in picture(outcome):
            self._say(f"  {line}")
        self._say("")
        for line in (*next_steps(outcome), outcome.release_url):
            self._say(f"  {line}")
        self._groups.end()

    def failed(self, plan: ReleasePlan, error: MspError) -> None:
        """Unfolds the log, where it is folded."""
        self._stop_spinner()
        if self._groups.folds:
            self._groups.fail(f"{plan.target} was not delivered: {error.message.splitlines()[0]}")
        self._groups.end()

    def _done(self, text: str) -> None:
        self._stop_spinner()
        self._say(f"{self._paint('✓', _GREEN)} {text}")

    def _note(self, text: str) -> None:
        self._say(f"{self._paint('note:', _YELLOW)} {text}")

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)

    def _spin(self, rollout: Rollout) -> None:
        if self._spinner is None:
            from rich.console import Console as RichConsole

            self._spinner = RichConsole(file=self._out).status("")
            self._spinner.start()
        seconds = self._monotonic() - self._rollout_began
        self._spinner.update(f"{rollout.target_id} {_STATES.get(rollout.state, '')}, {seconds:.0f} s")

    def _stop_spinner(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None


class Brief(Console):
    """Prints only how it ended, on one line."""

    def planned(self, plan: ReleasePlan) -> None:
        """Nothing."""

    def surveyed(self, survey: Survey) -> None:
        """What is odd."""
        for warning in survey.warnings:
            self._note(warning)

    def pushed(self, plan: ReleasePlan) -> None:
        """Nothing."""

    def released(self, plan: ReleasePlan, *, created: bool) -> None:
        """Nothing."""

    def rolling(self, rollout: Rollout) -> None:
        """Nothing."""

    def finished(self, outcome: Outcome) -> None:
        """The one line."""
        if outcome.exit_code:
            self._say(f"{outcome.target}: {in_words(outcome)}: {outcome.failure}")
        elif outcome.state != PLANNED:
            self._say(f"{outcome.target}: {in_words(outcome)}")


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
    return "\n".join(lines)


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
