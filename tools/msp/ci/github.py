"""What GitHub Actions is told: a summary on the run's page, and outputs for later steps."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from msp.text import harmless_lines


def workflow_command(name: str, text: str, **properties: str) -> str:
    """A line by which a program tells GitHub Actions something through its log.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands

    Args:
        name: `error`, `warning` or `notice`.
        text: What to show; may be of several lines.
        properties: `title="Rollout failed"`.

    Returns:
        `::error title=Rollout failed::out of cheese`, on one line whatever the text holds.
    """
    pairs = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name}{' ' if pairs else ''}{pairs}::{_data(text)}"


def _data(text: str) -> str:
    return harmless_lines(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class GitHubActions:
    """Reports to the run's page, through the files that GitHub names. Nothing here can fail a deployment.

    Args:
        environment: Tells whether this is GitHub Actions (`GITHUB_ACTIONS`), and where the files are.
        out: The log, which GitHub reads for commands.
        delimiter: Makes a text that no value contains.
    """

    def __init__(
        self, environment: Mapping[str, str], out: TextIO, delimiter: Callable[[], str] = secrets.token_hex
    ) -> None:
        self.active = environment.get("GITHUB_ACTIONS") == "true"
        self._environment = environment
        self._out = out
        self._delimiter = delimiter

    def summarize(self, markdown: str) -> bool:
        """Adds to the summary of the step; returns whether it is there."""
        return self._append("GITHUB_STEP_SUMMARY", harmless_lines(markdown).rstrip("\n") + "\n")

    def set_output(self, name: str, value: str) -> bool:
        """Leaves a value for later steps; returns whether it is there."""
        # The form for values of several lines, so that none can smuggle in another output.
        end = self._delimiter()
        return self._append("GITHUB_OUTPUT", f"{name}<<{end}\n{harmless_lines(value)}\n{end}\n")

    def error(self, text: str, *, title: str) -> None:
        """Shows an error at the head of the run's page.

        Args:
            text: What is wrong, on one line or several: `the rollout failed: out of cheese`.
            title: Its heading: `msp-example`.
        """
        if self.active:
            print(workflow_command("error", text, title=title), file=self._out, flush=True)

    def _append(self, variable: str, text: str) -> bool:
        path = self._environment.get(variable)
        if not self.active or not path:
            return False
        try:
            with Path(path).open("a", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            print(f"note: {variable} can't be written: {error.strerror}; the deployment goes on", file=self._out)
            return False
        return True
