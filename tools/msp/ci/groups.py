"""Parts of a log that can be folded: Buildkite's, GitHub's, or plain headings."""

from collections.abc import Mapping
from typing import TextIO

from msp.ci.github import workflow_command
from msp.text import harmless


class LogGroups:
    """Divides what is printed into parts.

    Args:
        environment: Tells which CI reads the log: `BUILDKITE` or `GITHUB_ACTIONS` is `true`.
        out: The log: stdout.
    """

    def __init__(self, environment: Mapping[str, str], out: TextIO) -> None:
        self._buildkite = environment.get("BUILDKITE") == "true"
        self._github = environment.get("GITHUB_ACTIONS") == "true"
        self._out = out
        self._open = False

    @property
    def folds(self) -> bool:
        """Whether the log is one whose parts can be folded."""
        return self._buildkite or self._github

    def begin(self, title: str, *, expanded: bool = False) -> None:
        """Begins a part; it ends where the next one begins.

        Args:
            title: What the part is about; put on one line and made harmless.
            expanded: Whether the CI shows it unfolded.
        """
        title = harmless(title)
        if self._buildkite:
            # https://buildkite.com/docs/pipelines/configure/managing-log-output
            self._say(f"{'+++' if expanded else '---'} {title}")
        elif self._github:
            self.end()
            # Outside of a group a line is always shown.
            self._say(title if expanded else workflow_command("group", title))
            self._open = not expanded
        else:
            self._say(title)

    def fail(self, title: str) -> None:
        """Says that something failed, and unfolds the part in which it did."""
        if self._buildkite:
            self._say("^^^ +++")  # Unfolds the part before.
        self.begin(title, expanded=True)

    def end(self) -> None:
        """Ends the part, where that must be said."""
        if self._open:
            self._say("::endgroup::")
            self._open = False

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)
