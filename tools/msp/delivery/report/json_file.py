"""A deployment's end as a JSON file, for the steps that come after it."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from msp.delivery.outcome import GuardError, Outcome
from msp.delivery.report.events import Event, Failed, Finished
from msp.errors import UsageError
from msp.text import harmless, harmless_lines


class JsonReport:
    """Writes the file when the delivery ends, however it does.

    Args:
        path: The file: `result.json`. It appears whole, and only its owner can read it.
        out: Where to say that it could not be written, which changes nothing about how the delivery ended.

    Raises:
        UsageError: It can't be written; found out before anything is changed.
    """

    def __init__(self, path: Path, out: TextIO) -> None:
        self._path = path
        self._out = out
        if path.is_dir():
            raise UsageError(f"--json_output: {path} is a directory", hint="name a file")
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise UsageError(f"--json_output: no file can be made in {path.parent}", hint="name another directory")

    def report(self, event: Event) -> None:
        """Writes how it ended, or why it did not come to its end."""
        match event:
            case Finished(outcome):
                self._write(result(outcome))
            case Failed(plan, error):
                known = result(Outcome(plan, plan.stages, "", plan.release))
                said = {"message": error.message, "hint": error.hint}
                state, by = (error.state, error.superseded_by) if isinstance(error, GuardError) else (None, "")
                ended = {"state": state, "superseded_by": by, "exit_code": error.exit_code, "error": said}
                self._write({**known, **ended})

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps(_harmless(content), indent=2, ensure_ascii=False) + "\n"
        aside: Path | None = None
        try:
            # Of a name that nobody can guess, never through a link that somebody has put there, and with mode 0600.
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            aside = Path(name)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            aside.replace(self._path)
        except OSError as error:
            # An earlier delivery's result must not pass for this one's.
            for left in filter(None, (aside, self._path)):
                with suppress(OSError):
                    left.unlink()
            warning = f"note: --json_output: {self._path} can't be written: {error.strerror}"
            print(harmless(f"{warning}; the delivery itself is not affected"), file=self._out, flush=True)


def _harmless(content: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The same content, in whose texts nothing acts on a terminal that shows it."""
    match content:
        case str():
            return harmless_lines(content)
        case dict():
            return {key: _harmless(value) for key, value in content.items()}
        case list():
            return [_harmless(value) for value in content]
    return content


def result(outcome: Outcome) -> dict[str, Any]:
    """What the file holds.

    `target` is the first stage's target in Cloud Deploy, `bazel_target` the label. `created` tells whether this run
    made the release. `state` is the rollout's, or `ALREADY_DEPLOYED`, `SUPERSEDED`, `HELD`, `BLOCKED` or `PLANNED`.
    `superseded_by` is the newer release. `exit_code` is the process's.
    Values that aren't known are empty, as is `tag` where another build's release runs this image.
    """
    plan = outcome.plan
    return {
        "pipeline": plan.pipeline,
        "release": outcome.release,
        "rollout": outcome.rollout,
        "state": outcome.state,
        "image": plan.image,
        "tag": outcome.tag,
        "digest": plan.digest,
        "target": outcome.target,
        "created": outcome.created,
        "failure": outcome.failure,
        "superseded_by": outcome.superseded_by,
        "exit_code": outcome.exit_code,
        "stages": list(outcome.stages),
        "project": plan.project,
        "region": plan.region,
        "bazel_target": plan.target,
        "commit": plan.build.commit,
        "build_number": plan.build.build_number,
        "author": plan.build.author,
        "release_url": outcome.release_url,
        "notes": [*plan.notes, *outcome.notes],
    }
