"""The program of the verbs, as somebody meets it who has not read anything."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.operate.live import Live
from tests.operate.shell import Shell

from msp.localcloud.cloud import LocalCloud
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.faults import Fault
from msp.localcloud.thread import CloudThread

VERBS = ("status", "changes", "promote", "approve", "reject", "rollback", "hold", "resume", "retry", "cancel")
CLOSED = "127.0.0.1:1"


@pytest.fixture(scope="module")
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud


@pytest.fixture
def shell(cloud: CloudThread, tmp_path: Path) -> Iterator[Shell]:
    """By the `.ops` target of a service with three releases, the newest in staging alone."""
    live = Live(cloud, tmp_path, id=f"svc{time.monotonic_ns()}"[:20])
    live.make_pipeline()
    live.deliver("staging", "prod")
    live.deliver("staging", "prod")
    live.deliver("staging")
    live.automate("staging")
    cloud.settle()
    yield Shell(live, tmp_path).as_target()
    cloud.faults.clear()


@pytest.fixture
def by_name(shell: Shell) -> Shell:
    """By the program that serves any service."""
    return Shell(shell.live, shell.folder)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_has_an_example_that_runs(shell: Shell, by_name: Shell, verb: str) -> None:
    live = shell.live
    for where in (shell, by_name):
        told = where.type(f"{verb} --help").stdout
        typed = told.split("example:\n", 1)[1].strip().split(" -- ", 1)[1]
        typed = typed.replace("SERVICE", live.id).replace("PROJECT", live.service.project)
        change = "" if verb in {"status", "changes"} else " --dry_run"
        done = where.type(typed + change)
        assert done.returncode in {0, 1, 4}, done
        assert "see bazel run" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "VERB"),
        ("rolback --stage=prod", "did you mean rollback?"),
        ("rollback --stgae=prod", "did you mean --stage?"),
        ("rollback --stage=prod --resaon=x", "did you mean --reason?"),
        ("rollback", "--stage"),
        ("rollback --stage=prdo", "its stages are, in order: staging, prod"),
        ("status other", "leave out other"),
        ("status --project=p", "leave out --project"),
        ("status --region=europe-west1", "leave out --region"),
        ("status --format=xml", "'xml'"),
        ("promote --release=nope", "--release=nope"),
        ("rollback --stage=prod --to=nope", "--to=nope"),
        ("rollback --stage=prod --timeout=5x", "no duration"),
        ("promote --hotfix", "needs a reason"),
        ("status --local_cloud=nonsense", "HOST:PORT"),
        ("changes --since=nope", "neither a stage nor a release"),
    ],
)
def test_what_is_mistyped_is_told_with_what_was_meant(shell: Shell, typed: str, told: str) -> None:
    done = shell.type(typed)
    assert (done.returncode, done.stdout.count("\n") <= 1) == (2, True), done
    assert told in done.stderr


def test_a_service_and_its_project_have_to_be_right(by_name: Shell) -> None:
    service, project = by_name.live.id, by_name.live.service.project
    for typed, told in (
        (f"status {service}", "--project is missing"),
        (f"status {service}x --project={project}", f"{service}x has no delivery pipeline"),
        (f"status {service} --project={project}x", "has no delivery pipeline"),
        (f"status --project={project}x", "no delivery pipeline in"),
        (f"status {service} --project={project} --region=us-cental1", "did you mean 'us-central1'?"),
        (f"promote {service} b --project={project}", "promote is about one service, and 2 are named"),
        (f"promote --project={project}", "promote is about one service, and none is named"),
    ):
        done = by_name.type(typed)
        assert done.returncode == 2, (typed, done)
        assert told in done.stderr, typed


@pytest.mark.parametrize("typed", ["status", "changes", "promote --dry_run", "rollback --stage=prod --dry_run"])
def test_every_format(shell: Shell, typed: str) -> None:
    data = json.loads(shell.type(f"{typed} --format=json").stdout)
    assert data["exit_code"] == 0
    if "--dry_run" in typed:
        assert {"service", "title", "target", "since", "until", "done", "objections", "release", "rollout"} <= set(data)
        assert data["objections"] == []
    assert shell.type(f"{typed} --format=markdown").stdout.startswith("## ")
    assert shell.type(f"{typed} --format=html").stdout.startswith("<!doctype html>")
    assert "\x1b" not in shell.type(typed).stdout


def test_an_error_is_told_in_every_format(shell: Shell) -> None:
    done = shell.type("promote --stage=prod --release=deploy-010101010101-1 --format=json")
    data = json.loads(done.stdout)
    assert (done.returncode, data["exit_code"]) == (1, 1)
    assert data["objections"]
    assert data["error"] in done.stderr


def test_a_long_reason_with_escapes_is_kept_and_shown_harmless(shell: Shell) -> None:
    reason = "\x1b[31mINC-7\n::error::" + "x" * 10_000
    assert shell.type(f"hold --stage=prod --reason={shlex.quote(reason)}").returncode == 0
    automation = shell.live.call("GET", f"/v1/{shell.live.service.pipeline}/automations")["automations"][0]
    kept = automation["annotations"]["reason"]
    assert kept.startswith("\N{REPLACEMENT CHARACTER}[31mINC-7 ::error::xxx")
    assert len(kept) == 500
    told = shell.type("status").stdout
    assert "is held" in told
    assert "\x1b" not in told
    assert shell.type("resume --stage=prod").returncode == 0


def test_without_a_network_it_says_so_and_changes_nothing(shell: Shell) -> None:
    for verb in ("status", "rollback --stage=prod"):
        done = shell.type(f"{verb} --local_cloud={CLOSED}")
        assert done.returncode == 1
        assert "can't be reached" in done.stderr
    assert len(shell.live.rollouts("prod")) == 2


def test_a_secret_of_the_environment_is_in_no_message(shell: Shell) -> None:
    secret = "s3cr3t-p4ssw0rd"
    proxied = {"HTTPS_PROXY": f"http://me:{secret}@{CLOSED}", "MSP_LOCAL_CLOUD": ""}
    where = Shell(shell.live, shell.folder, {**shell.variables, **proxied})
    done = where.type("status")
    assert done.returncode != 0
    assert secret not in done.stdout + done.stderr


def test_the_reader_may_go_away(shell: Shell) -> None:
    read, write = os.pipe()
    os.close(read)
    with shell.start("status --format=html", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


def test_ctrl_c_while_it_waits_leaves_the_rollout_and_says_so(tmp_path: Path) -> None:
    with CloudThread(LocalCloud(seed=1, pace=Pace(job=timedelta(hours=1)))) as slow:
        live = Live(slow, tmp_path, id="svc")
        live.make_pipeline()
        release = live.release()
        shell = Shell(live, tmp_path).as_target()
        with shell.start(f"promote --stage=staging --release={release}") as process:
            wait_for(lambda: slow.traffic.count("*GetRollout") > 0, process)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "goes on without you" in err
        assert "Traceback" not in err
        assert [each["state"] for each in live.rollouts("staging")] == ["IN_PROGRESS"]
        done = shell.type(f"promote --stage=staging --release={release} --timeout=1s")
        assert done.returncode != 0
        assert "goes on without you" in done.stderr
        assert len(live.rollouts("staging")) == 1


def test_ctrl_c_ends_it_though_the_service_does_not_answer(shell: Shell) -> None:
    shell.live.cloud.faults.add(Fault(method="*CloudDeploy/List*", latency_seconds=30))
    before = shell.live.cloud.traffic.count("*CloudDeploy/List*")
    with shell.start("status") as process:
        wait_for(lambda: shell.live.cloud.traffic.count("*CloudDeploy/List*") > before, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, "interrupted")


def test_killed_half_way_it_is_run_again_and_nothing_is_done_twice(shell: Shell) -> None:
    before = shell.live.cloud.traffic.count("*RollbackTarget")
    with shell.start("rollback --stage=prod --reason=INC-7") as process:
        wait_for(lambda: shell.live.cloud.traffic.count("*RollbackTarget") > before, process)
        process.kill()
    shell.live.cloud.settle()
    done = shell.type("rollback --stage=prod --reason=INC-7")
    assert done.returncode == 0, done
    assert len(shell.live.rollouts("prod")) == 3
    automation = shell.live.call("GET", f"/v1/{shell.live.service.pipeline}/automations")["automations"][0]
    assert automation["suspended"] is True


def test_watching_redraws_until_ctrl_c(shell: Shell) -> None:
    ours, theirs = pty.openpty()
    with shell.start("status --watch --every=0.1", stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        while said.count(b"\x1b[H\x1b[2J") < 3 and (piece := _read(ours)):
            said += piece
        process.send_signal(signal.SIGINT)
        while piece := _read(ours):
            said += piece
        process.wait(30)
    os.close(ours)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert said.count(b"stage ") >= 2
    assert re.search(rb"interrupted\s*$", said)


def wait_for(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Waits until something has happened that the program brings about."""
    end = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
