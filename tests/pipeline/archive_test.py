"""The skaffold archive: its actions run for real, with a gcloud on PATH that records how it was called."""

import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from msp import names
from msp.pipeline import archive

DIGEST = "sha256:" + "0123456789abcdef" * 4
OUTPUT = "gs://us-central1.deploy-artifacts.example.appspot.com/run-1"

# `storage cp` copies into $BUCKET; `run deploy` does what $RUN says. gsutil is there only to be caught in use.
FAKE = r"""#!/bin/bash
{ printf '%s\0' "$(basename "$0")" "$@"; printf '\x1e'; } >>"$CALLS"
case "$1 $2" in
  'storage cp')
    [[ -z ${STORAGE_FAILS:-} ]] || { echo 'ERROR: 403 storage.objects.create' >&2; exit 1; }
    cp "$4" "$BUCKET/$(basename "$5")" ;;
  'run deploy') eval "$RUN" ;;
  *) exit 64 ;;
esac
"""


@dataclass
class Ran:
    """What one action did: its exit code, what it printed, the calls it made, and what it left in the output path."""

    code: int
    output: str
    calls: list[list[str]]
    bucket: Path = field(repr=False)

    @property
    def results(self) -> dict[str, object]:
        parsed: dict[str, object] = json.loads((self.bucket / "results.json").read_text(encoding="utf-8"))
        return parsed

    @property
    def deployments(self) -> list[list[str]]:
        return [call for call in self.calls if call[1:3] == ["run", "deploy"]]


class Runner:
    """Runs the actions out of the archive itself, as Cloud Deploy does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bucket = root / "bucket"
        self.path = root / "bin"
        self.bucket.mkdir()
        self.path.mkdir()
        for name in ("gcloud", "gsutil"):
            (self.path / name).write_text(FAKE)
            (self.path / name).chmod(0o755)
        self.variables = {
            "CLOUD_DEPLOY_OUTPUT_GCS_PATH": OUTPUT,
            "CLOUD_DEPLOY_TARGET": "staging-us-central1",
            "CLOUD_DEPLOY_LOCATION": "us-central1",
            "CLOUD_DEPLOY_customTarget_serviceID": "msp-example",
            "CLOUD_DEPLOY_customTarget_image": "us.gcr.io/sourcegraph-dev/msp-example",
            "CLOUD_DEPLOY_customTarget_projectID": "msp-example-staging-0000",
            "CLOUD_DEPLOY_customTarget_tag": "0123456789ab_42",
        }

    def environment(self, **more: str | None) -> dict[str, str]:
        merged: dict[str, str | None] = {
            "PATH": f"{self.path}:/usr/bin:/bin",
            "TMPDIR": str(self.root),
            "CALLS": str(self.root / "calls"),
            "BUCKET": str(self.bucket),
            "RUN": "echo 'Service has been deployed'",
            **self.variables,
            **more,
        }
        return {name: value for name, value in merged.items() if value is not None}

    def __call__(self, action: str, **more: str | None) -> Ran:
        command = command_of(action)
        done = subprocess.run(command, env=self.environment(**more), capture_output=True, timeout=30, check=False)
        return self.ran(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))

    def ran(self, code: int, output: str) -> Ran:
        recorded = self.root / "calls"
        records = recorded.read_bytes().split(b"\x1e")[:-1] if recorded.exists() else []
        calls = [[part.decode() for part in record.split(b"\0")[:-1]] for record in records]
        return Ran(code, output, calls, self.bucket)


def command_of(action: str) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive.source_archive()), mode="r:gz") as opened:
        member = opened.extractfile("skaffold.yaml")
        assert member is not None
        config = yaml.safe_load(member.read())
    (found,) = [entry for entry in config["customActions"] if entry["name"] == action]
    (container,) = found["containers"]
    return [*container["command"], *container["args"]]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_deploy_takes_the_tag_when_the_release_has_no_digest(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION)
    assert done.code == 0, done.output
    assert done.deployments == [
        [
            "gcloud",
            "run",
            "deploy",
            "msp-example-staging-us-central1",
            "--project=msp-example-staging-0000",
            "--image=us.gcr.io/sourcegraph-dev/msp-example:0123456789ab_42",
            "--region=us-central1",
            "--quiet",
        ]
    ]
    assert done.results == {
        "resultStatus": "SUCCEEDED",
        "metadata": {
            "image": "us.gcr.io/sourcegraph-dev/msp-example:0123456789ab_42",
            "project": "msp-example-staging-0000",
            "service": "msp-example-staging-us-central1",
        },
    }
    assert {call[0] for call in done.calls} == {"gcloud"}


@pytest.mark.parametrize("tag", ["0123456789ab_42", None])
def test_deploy_takes_the_digest_when_the_release_has_one(run: Runner, tag: str | None) -> None:
    done = run(names.DEPLOY_ACTION, CLOUD_DEPLOY_customTarget_digest=DIGEST, CLOUD_DEPLOY_customTarget_tag=tag)
    assert done.code == 0, done.output
    assert f"--image=us.gcr.io/sourcegraph-dev/msp-example@{DIGEST}" in done.deployments[0]


def test_render_writes_what_will_be_deployed(run: Runner) -> None:
    done = run(names.RENDER_ACTION, CLOUD_DEPLOY_customTarget_digest=DIGEST)
    assert done.code == 0, done.output
    assert done.results["resultStatus"] == "SUCCEEDED"
    assert done.results["manifestFile"] == f"{OUTPUT}/manifest.yaml"
    manifest = yaml.safe_load((done.bucket / "manifest.yaml").read_text())
    assert manifest["metadata"]["name"] == "msp-example-staging-us-central1"
    assert manifest["spec"]["template"]["spec"]["containers"] == [
        {"image": f"us.gcr.io/sourcegraph-dev/msp-example@{DIGEST}"}
    ]
    assert done.deployments == []


NASTY = [
    "two words",
    "'single'",
    '"double"',
    '\\" , "resultStatus": "SUCCEEDED',
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a\ntouch pwned",
    "--impersonate-service-account=x",
    "a[$(touch pwned)]",
    "*",
    "ü→\x01\t\\",
    "x" * 5000,
]
PARAMETERS = ["serviceID", "image", "projectID", "tag", "digest"]


@pytest.mark.parametrize("action", [names.RENDER_ACTION, names.DEPLOY_ACTION])
@pytest.mark.parametrize("variable", [*(f"customTarget_{name}" for name in PARAMETERS), "TARGET", "LOCATION"])
def test_no_value_can_run_anything(run: Runner, action: str, variable: str) -> None:
    for value in NASTY:
        if value == "x" * 5000 and variable not in {"customTarget_tag", "customTarget_digest"}:
            continue  # long, but nothing is wrong with its characters; Google refuses it
        done = run(action, **{f"CLOUD_DEPLOY_{variable}": value})
        assert done.code == 1, (value, done.output)
        assert done.results["resultStatus"] == "FAILED"
        assert f"CLOUD_DEPLOY_{variable} is not valid" in str(done.results["failureMessage"])
        assert done.deployments == []
        assert not list(run.root.rglob("pwned"))
    assert not Path("pwned").exists()


@pytest.mark.parametrize("action", [names.RENDER_ACTION, names.DEPLOY_ACTION])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named_all_at_once(run: Runner, action: str, value: str | None) -> None:
    done = run(action, CLOUD_DEPLOY_customTarget_image=value, CLOUD_DEPLOY_LOCATION=value)
    assert done.code == 1
    assert done.results["resultStatus"] == "FAILED"
    message = str(done.results["failureMessage"])
    assert "not set: CLOUD_DEPLOY_LOCATION CLOUD_DEPLOY_customTarget_image" in message
    assert done.deployments == []


def test_neither_tag_nor_digest_is_an_error(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION, CLOUD_DEPLOY_customTarget_tag=None)
    assert done.code == 1
    assert "not set: CLOUD_DEPLOY_customTarget_tag" in str(done.results["failureMessage"])


def test_without_an_output_path_the_log_says_why(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION, CLOUD_DEPLOY_OUTPUT_GCS_PATH=None)
    assert done.code == 1
    assert "not set: CLOUD_DEPLOY_OUTPUT_GCS_PATH" in done.output
    assert done.calls == []


def test_a_failed_deployment_is_reported_with_what_gcloud_said(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION, RUN="echo 'ERROR: \"image\" not\nfound: \\x' >&2; exit 3")
    assert done.code == 1
    assert done.results["resultStatus"] == "FAILED"
    assert done.results["failureMessage"] == (
        'gcloud run deploy ended with exit code 3: ERROR: "image" not\nfound: \\x'
    )


def test_a_gcloud_that_is_killed_is_reported(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION, RUN="kill -KILL $$")
    assert done.code == 1
    assert "exit code 137" in str(done.results["failureMessage"])


def test_an_image_without_gcloud_fails_and_says_so(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION, PATH=_bare_path(run))
    assert done.code == 1
    assert "exit code 127" in done.output
    assert "results.json could not be written" in done.output


def test_results_that_cannot_be_written_fail_the_action(run: Runner) -> None:
    done = run(names.DEPLOY_ACTION, STORAGE_FAILS="1")
    assert done.code == 1
    assert len(done.deployments) == 1
    assert "deployed, but results.json could not be written" in done.output


def test_a_cancelled_action_says_so(run: Runner) -> None:
    running = subprocess.Popen(
        command_of(names.DEPLOY_ACTION),
        env=run.environment(RUN=f"touch {run.root}/started; sleep 0.3"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 20
    while not (run.root / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    output, _ = running.communicate(timeout=20)
    done = run.ran(running.returncode, output.decode())
    assert done.code == 143
    assert done.results == {"resultStatus": "FAILED", "failureMessage": "cancelled"}


def test_nothing_is_left_behind(run: Runner) -> None:
    run(names.DEPLOY_ACTION)
    run(names.RENDER_ACTION, CLOUD_DEPLOY_customTarget_tag=None)
    assert {entry.name for entry in run.root.iterdir()} == {"bin", "bucket", "calls"}


def test_the_archive_is_the_same_bytes_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    first = archive.source_archive()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    monkeypatch.setattr(zlib, "compressobj", None)  # its output differs between versions of zlib
    assert archive.source_archive() == first


def test_the_archive_is_read_by_tar_and_gzip(tmp_path: Path) -> None:
    packed = archive.source_archive()
    (tmp_path / "source.tar.gz").write_bytes(packed)
    listed = subprocess.run(
        ["tar", "-tzf", str(tmp_path / "source.tar.gz")], capture_output=True, text=True, check=True
    )
    assert listed.stdout == "skaffold.yaml\n"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as opened:
        (member,) = opened.getmembers()
    assert (member.uid, member.gid, member.mode, member.mtime, member.uname) == (0, 0, 0o644, 0, "")


@pytest.mark.parametrize("size", [0, 1, 0xFFFF, 0x10000, 200_000])
def test_stored_gzip_holds_any_size(size: int) -> None:
    content = os.urandom(size)
    assert gzip.decompress(archive._gzip_stored(content)) == content


def test_actions_run_a_pinned_image() -> None:
    config = yaml.safe_load(archive.skaffold_yaml())
    images = {container["image"] for action in config["customActions"] for container in action["containers"]}
    assert len(images) == 1
    assert images.pop().rpartition(":")[2] not in {"latest", "slim", ""}


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not on PATH")
@pytest.mark.parametrize("action", [names.RENDER_ACTION, names.DEPLOY_ACTION])
def test_shellcheck_finds_nothing(action: str) -> None:
    script = command_of(action)[-1]
    found = subprocess.run(
        ["shellcheck", "--shell=bash", "--exclude=SC2154", "-"],  # the variables come from Cloud Deploy
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def _bare_path(run: Runner) -> str:
    """A PATH with what the actions use, and no gcloud: on some machines it lives beside bash."""
    bare = run.root / "bare"
    bare.mkdir()
    for tool in ("cat", "mktemp", "rm", "tail", "tee"):
        found = shutil.which(tool, path="/usr/bin:/bin")
        assert found is not None
        (bare / tool).symlink_to(found)
    return str(bare)
