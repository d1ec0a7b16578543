"""A deployment's end as a JSON file, for the steps that come after it."""

import json
import os
from pathlib import Path
from typing import Any

from msp.delivery.outcome import Outcome
from msp.delivery.report.events import Event, Failed, Finished
from msp.errors import MspError, UsageError


class JsonReport:
    """Writes the file when the deployment ends, however it does.

    Args:
        path: The file; it appears whole.

    Raises:
        UsageError: It can't be written; found out before anything is changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
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
                self._write({**known, "state": None, "error": {"message": error.message, "hint": error.hint}})

    def _write(self, content: dict[str, Any]) -> None:
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            aside.replace(self._path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise MspError(f"{self._path} can't be written: {error.strerror}", hint="see --json_output") from error


def result(outcome: Outcome) -> dict[str, Any]:
    """What the file holds.

    `target` is the first stage's target in Cloud Deploy, `bazel_target` the label. `created` tells whether this run
    made the release. `state` is the rollout's, or `ALREADY_DEPLOYED`, or `PLANNED`. Values that aren't known are empty.
    """
    plan = outcome.plan
    return {
        "pipeline": plan.pipeline,
        "release": outcome.release,
        "rollout": outcome.rollout,
        "state": outcome.state,
        "image": plan.image,
        "tag": plan.tag,
        "digest": plan.digest,
        "target": outcome.target,
        "created": outcome.created,
        "failure": outcome.failure,
        "stages": list(outcome.stages),
        "project": plan.project,
        "region": plan.region,
        "bazel_target": plan.target,
        "commit": plan.build.commit,
        "build_number": plan.build.build_number,
        "author": plan.build.author,
        "release_url": outcome.release_url,
        "notes": list(plan.notes),
    }
