"""What later steps read from a file."""

import errno
import io
import json
import os
import stat
from pathlib import Path

import pytest
from tests.delivery.example import DIGEST, made, outcome, tell

from msp.delivery.report.events import (
    Failed,
    Finished,
)
from msp.delivery.report.json_file import JsonReport
from msp.errors import BlockedError, UsageError


class FrozenError(BlockedError):
    """Somebody has to let it through first."""


def test_json_has_what_later_steps_need(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    tell(JsonReport(file, io.StringIO()).report, outcome())
    found = json.loads(file.read_text())
    keys = ("pipeline", "release", "rollout", "state", "image", "tag", "digest", "target", "created")
    assert {key: found[key] for key in keys} == {
        "pipeline": "msp-example-us-central1-rollout",
        "release": "deploy-0123456789ab-42",
        "rollout": "deploy-0123456789ab-42-to-staging-us-central1-0001",
        "state": "SUCCEEDED",
        "image": "us.gcr.io/sourcegraph-dev/msp-example",
        "tag": "0123456789ab_42",
        "digest": DIGEST,
        "target": "staging-us-central1",
        "created": True,
    }
    assert found["exit_code"] == 0
    JsonReport(file, io.StringIO()).report(Failed(made(), FrozenError("no way", hint="go home")))
    found = json.loads(file.read_text())
    assert (found["state"], found["exit_code"]) == (None, 4)
    assert found["error"] == {"message": "no way", "hint": "go home"}
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("path", [".", "no/such/directory/result.json"])
def test_json_that_could_not_be_written_is_said_before_anything_is_done(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="--json_output"):
        JsonReport(tmp_path / path, io.StringIO())


def test_nobody_else_reads_the_result_or_has_it_written_elsewhere(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    shared = tmp_path / "shared"
    shared.mkdir()
    file = shared / "result.json"
    file.symlink_to(precious)
    # The name that one process would choose for itself is known to all others.
    (shared / f".result.json.{os.getpid()}").symlink_to(precious)
    umask = os.umask(0)
    try:
        JsonReport(file, io.StringIO()).report(Finished(outcome()))
    finally:
        os.umask(umask)
    assert precious.read_text() == "keep me"
    assert not file.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["state"] == "SUCCEEDED"


def test_a_result_that_can_not_be_written_is_a_warning_and_leaves_no_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "result.json", io.StringIO()
    file.write_text("of an earlier delivery")
    report = JsonReport(file, out).report

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    report(Finished(outcome()))
    assert out.getvalue() == (
        f"note: --json_output: {file} can't be written: No space left on device; the delivery itself is not affected\n"
    )
    assert list(tmp_path.iterdir()) == []
