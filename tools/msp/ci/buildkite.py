"""What Buildkite's agent is told: annotations on the build's page, and meta-data for later steps."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TextIO

from msp.text import harmless_lines

_AGENT = "buildkite-agent"
_SECONDS = 15.0
# https://buildkite.com/docs/agent/v3/cli-annotate: 1 MiB at most.
_MAX_ANNOTATION_BYTES = 1 << 20

Style = Literal["success", "info", "warning", "error"]


class BuildkiteAgent:
    """Reports to the build's page. Nothing here can fail a deployment: what goes wrong is said in one line.

    Values go over the agent's standard input, through no shell and into no list of processes.

    Args:
        environment: Tells whether this is Buildkite, and where its agent is; handed to the agent, which finds its
            token there.
        out: The log, for a line on what went wrong.
        run: Runs the agent; replaced in tests.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        out: TextIO,
        run: Callable[..., "subprocess.CompletedProcess[bytes]"] = subprocess.run,
    ) -> None:
        self._environment = environment
        self._out = out
        self._run = run
        self.active = environment.get("BUILDKITE") == "true"

    def annotate(self, markdown: str, *, context: str, style: Style) -> bool:
        """Puts a note on the build's page, in place of the last one with this context.

        Args:
            markdown: The note; cut where it is more than Buildkite takes.
            context: Which note this is, as a build may release many services: `msp-delivery-msp-example`.
            style: Its colour: `"success"`.

        Returns:
            Whether it is there.
        """
        body = harmless_lines(markdown).encode("utf-8", "replace")
        if len(body) > _MAX_ANNOTATION_BYTES:
            body = body[: _MAX_ANNOTATION_BYTES - 4].decode(errors="ignore").encode() + "…".encode()
        return self._tell("annotate", "--style", style, "--context", context, given=body)

    def set_meta_data(self, key: str, value: str) -> bool:
        """Leaves a value for later steps (`buildkite-agent meta-data get KEY`); returns whether it is there.

        Buildkite refuses an empty value: then nothing is set.
        """
        given = harmless_lines(value).encode("utf-8", "replace")
        return bool(value.strip()) and self._tell("meta-data", "set", key, given=given)

    def _tell(self, *arguments: str, given: bytes) -> bool:
        if not self.active:
            return False
        for agent in self._places():
            try:
                done = self._run(
                    [agent, *arguments],
                    input=given,
                    env=dict(self._environment),
                    capture_output=True,
                    timeout=_SECONDS,
                    check=False,
                )
            except FileNotFoundError:
                continue
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                self._complain(arguments, f"did not end in {_SECONDS:g} s" if _timed_out(error) else "can't be run")
                return False
            if done.returncode != 0:
                # Its output is left out: in debug mode it holds the agent's token.
                self._complain(arguments, f"failed with exit code {done.returncode}")
            return done.returncode == 0
        self.active = False  # Said once, not for every value.
        what = "is neither on PATH nor in BUILDKITE_BIN_PATH: this build gets no annotation and no meta-data"
        print(f"note: {_AGENT} {what}", file=self._out, flush=True)
        return False

    def _places(self) -> list[str]:
        # The agent puts its directory on PATH, which a program may be started without.
        # https://buildkite.com/docs/pipelines/environment-variables#BUILDKITE_BIN_PATH
        directory = self._environment.get("BUILDKITE_BIN_PATH")
        return [_AGENT, str(Path(directory) / _AGENT)] if directory else [_AGENT]

    def _complain(self, arguments: tuple[str, ...], what: str) -> None:
        print(f"note: {_AGENT} {arguments[0]} {what}; the deployment goes on", file=self._out, flush=True)


def _timed_out(error: Exception) -> bool:
    return isinstance(error, subprocess.TimeoutExpired)
