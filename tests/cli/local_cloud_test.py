"""The local cloud as a command: its ready line, its end, what it says when it can't start, and what survives."""

import concurrent.futures
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

LOCATION = "projects/demo/locations/us-central1"


@contextmanager
def running(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and its HTTP address from the ready line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "msp.cli.local_cloud", "--port=0", "--grpc_port=0", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            ready = re.fullmatch(r"local cloud ready: (http://127\.0\.0\.1:\d+) grpc 127\.0\.0\.1:\d+\n", line)
            assert ready, line
            yield process, ready[1]
        finally:
            process.kill()


def refused(*flags: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "msp.cli.local_cloud", "--port=0", "--grpc_port=0", *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly(number: signal.Signals) -> None:
    with running() as (process, url):
        # A page that listens, and a connection kept alive, do not hold it up.
        with requests.get(f"{url}/_localcloud/changes", stream=True, timeout=10) as stream:
            next(stream.iter_lines())
            process.send_signal(number)
            _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "local cloud stopping\n")


def test_a_taken_port_and_wrong_flags_are_said() -> None:
    with running() as (_, url):
        port = url.rpartition(":")[2]
        code, errors = refused(f"--port={port}")
        assert (code, f"HTTP port {port} on 127.0.0.1" in errors, "--port=0" in errors) == (1, True, True)
    code, errors = refused("--prot=1")
    assert (code, "prot" in errors) == (2, True)
    assert refused("--port=99999")[0] == 2
    code, errors = refused("extra")
    assert (code, "unexpected argument 'extra'" in errors) == (2, True)


def test_a_state_directory_that_can_not_be_used(tmp_path: Path) -> None:
    with running(f"--state_dir={tmp_path / 'state'}"):
        code, errors = refused(f"--state_dir={tmp_path / 'state'}")
        assert (code, "in use by another local cloud" in errors) == (1, True)
    (tmp_path / "file").write_text("")
    code, errors = refused(f"--state_dir={tmp_path / 'file'}")
    assert (code, "can't be a directory" in errors, "--state_dir" in errors) == (1, True, True)
    (tmp_path / "state.sqlite").write_text("something else entirely")
    code, errors = refused(f"--state_dir={tmp_path}")
    assert (code, "is not a state of this local cloud" in errors) == (1, True)


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("localhost", False), ("::1", False)])
def test_whoever_lets_others_reach_it_is_warned(tmp_path: Path, host: str, *, warned: bool) -> None:
    (tmp_path / "file").write_text("")
    code, errors = refused(f"--host={host}", f"--state_dir={tmp_path / 'file'}")
    assert (code, f"{host} may be reached from other machines" in errors) == (1, warned)


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    flags = (f"--state_dir={tmp_path}", "--job_seconds=0", "--render_seconds=0")
    pipeline = {"serialPipeline": {"stages": [{"targetId": "prod"}]}}
    acknowledged: set[str] = set()
    with running(*flags) as (process, url):
        base = f"{url}/v1/{LOCATION}"
        requests.post(
            f"{base}/targets?targetId=prod", json={"run": {"location": "projects/p/locations/us-central1"}}, timeout=10
        ).raise_for_status()
        requests.post(f"{base}/deliveryPipelines?deliveryPipelineId=app", json=pipeline, timeout=10).raise_for_status()

        def create(worker: int) -> None:
            for number in range(1000):
                release_id = f"r{worker}-{number}"
                try:
                    answer = requests.post(
                        f"{base}/deliveryPipelines/app/releases?releaseId={release_id}", json={}, timeout=10
                    )
                except requests.RequestException:
                    return
                assert answer.ok, answer.text
                acknowledged.add(release_id)
                if len(acknowledged) == 60:
                    process.kill()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(create, range(4)))
        process.wait(20)
    assert len(acknowledged) >= 60
    with running(*flags) as (_, url):
        answer = requests.get(f"{url}/v1/{LOCATION}/deliveryPipelines/app/releases?pageSize=1000", timeout=10).json()
        found = {release["name"].rpartition("/")[2] for release in answer["releases"]}
        # One may have been committed whose answer did not leave in time.
        assert acknowledged <= found <= acknowledged | {f"r{w}-{n}" for w in range(4) for n in range(1000)}
        assert len(found) <= len(acknowledged) + 4
        # What was under way goes on: releases that were rendering are rendered (and fail: they have no source).
        states = {release["renderState"] for release in answer["releases"]}
        assert states <= {"FAILED", "IN_PROGRESS"}
