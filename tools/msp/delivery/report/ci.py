"""A deployment's end on the page of the build that ran it: Buildkite's annotation, GitHub's summary."""

from collections.abc import Mapping
from html import escape
from typing import TextIO

from msp.ci.buildkite import BuildkiteAgent, Style
from msp.ci.github import GitHubActions
from msp.delivery.outcome import Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.report.events import Event, Failed, Finished
from msp.delivery.report.stages_picture import next_steps, picture
from msp.errors import MspError
from msp.text import harmless, harmless_lines


class CiReport:
    """Tells the CI. Silent where there is none.

    Args:
        environment: Tells which CI this is.
        out: The log, for what went wrong and for GitHub's commands.
        service: The service's id: a build may deliver many.
        buildkite: Buildkite's agent.
        github: GitHub's files.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        out: TextIO,
        service: str,
        buildkite: BuildkiteAgent | None = None,
        github: GitHubActions | None = None,
    ) -> None:
        self._service = service
        self._buildkite = buildkite or BuildkiteAgent(environment, out)
        self._github = github or GitHubActions(environment, out)

    def report(self, event: Event) -> None:
        """Leaves a note at the end, and what later steps may ask for: release, digest and state."""
        match event:
            case Finished(outcome):
                self._finished(outcome)
            case Failed(plan, error):
                self._annotate(failed_markdown(self._service, plan, error), "error")

    def _finished(self, outcome: Outcome) -> None:
        style: Style = "error" if outcome.exit_code else "success" if outcome.state == "SUCCEEDED" else "info"
        self._annotate(finished_markdown(self._service, outcome), style)
        if outcome.exit_code:
            # Of an error the command's entry tells GitHub; this is none to it.
            self._github.error(f"the rollout to {outcome.target} failed: {outcome.failure}", title=self._service)
        for key, value in (("release", outcome.release), ("digest", outcome.plan.digest), ("state", outcome.state)):
            self._buildkite.set_meta_data(f"{self._service}/{key}", value)
            self._github.set_output(key, value)

    def _annotate(self, markdown: str, style: Style) -> None:
        self._buildkite.annotate(markdown, context=f"msp-delivery-{self._service}", style=style)
        self._github.summarize(markdown)


def finished_markdown(service: str, outcome: Outcome) -> str:
    """The note on a deployment that came to its end."""
    plan = outcome.plan
    release = f"[{_text(outcome.release)}]({outcome.release_url})"
    rows = [
        ("Release", release if outcome.created else f"{release} (was there already)"),
        ("Image", _code(f"{plan.image}:{outcome.tag}" if outcome.tag else plan.image)),
        ("Digest", _code(plan.digest)),
        ("Commit", f"{_code(plan.build.commit[:12])} {_text(plan.build.subject)}"),
        ("Author", _text(plan.build.author)),
    ]
    parts = [f"**{_text(service)}** · [{_text(plan.pipeline)}]({plan.pipeline_url})"]
    if outcome.failure:
        parts.append(f"The rollout failed: {_text(outcome.failure)}")
    parts += [_text(note) for note in outcome.notes]
    parts.append("\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]))
    parts.append(_block(picture(outcome)))
    if steps := next_steps(outcome):
        parts += [_text(steps[0]), _block([line.strip() for line in steps[1:]])]
    return "\n\n".join(parts) + "\n"


def failed_markdown(service: str, plan: ReleasePlan, error: MspError) -> str:
    """The note on a deployment that ended by an error."""
    hint = [f"  {line}" for line in harmless_lines(error.hint).splitlines()]
    return (
        f"**{_text(service)}** was not delivered · [{_text(plan.pipeline)}]({plan.pipeline_url})\n\n"
        + _block([*harmless_lines(error.message).splitlines(), *hint])
        + "\n"
    )


def _block(lines: list[str]) -> str:
    # Indented, so that nothing in the text can end the block.
    return "\n".join(f"    {harmless(line)}" for line in lines)


def _text(text: str) -> str:
    """Text that stays text: a commit's subject may hold Markdown, HTML, a link or a table's bar."""
    escaped = escape(harmless(text), quote=False)
    marked = "".join(f"\\{character}" if character in "\\`*_[]|#~!:" else character for character in escaped)
    # Without a scheme these alone become links.
    return marked.replace("www.", "www\\.")


def _code(text: str) -> str:
    """Text in a fixed width; what could end it or the table's cell is left out."""
    return f"`{harmless(text).replace('`', '').replace('|', '')}`" if text else ""
