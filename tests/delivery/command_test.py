"""The command as its users meet it: flags, variables, exit codes, signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.delivery.example import COMMIT

if TYPE_CHECKING:
    from tests.delivery.conftest import World

CLI = Path(__file__).parents[2] / "tools/msp/cli"
BUILDKITE: dict[str, Any] = {
    "BUILDKITE": "true",
    "BUILDKITE_COMMIT": COMMIT,
    "BUILDKITE_BUILD_NUMBER": "7",
    "BUILDKITE_BUILD_CREATOR": "Grace",
    "BUILDKITE_BRANCH": "main",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/o/p/builds/7",
    "BUILDKITE_MESSAGE": "Compile\n\nmore",
}


class Command:
    """Runs the command for one service."""

    def __init__(self, world: "World") -> None:
        self.world = world
        image = world.image(b"layer", b"another")
        fields = {"target": "//svc:msp_deploy", "gcp_project": world.project, "msp_service_id": world.service}
        self.config = world.tmp_path / "config.json"
        self.config.write_text(json.dumps({**fields, "repository": world.repository, "image": image.name}))
        keep = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        self.environment = {**keep, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}

    @property
    def address(self) -> str:
        return self.world.cloud.http_url.removeprefix("http://")

    def arguments(self, *flags: str, program: str = "deploy") -> list[str]:
        return [sys.executable, str(CLI / f"{program}.py"), f"--config={self.config}", *flags]

    def __call__(
        self, *flags: str, local: bool = True, program: str = "deploy", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        environment = self.environment | variables
        if local:
            environment["MSP_LOCAL_CLOUD"] = self.address
        return subprocess.run(
            self.arguments(*flags, program=program),
            env=environment,
            cwd=self.world.tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def command(world: "World") -> Command:
    return Command(world)


def test_delivers_as_buildkite_says(command: Command, world: "World") -> None:
    done = command("--json_output=result.json", "--labels=team=search", "--timeout=5m", **BUILDKITE)
    assert (done.returncode, done.stderr) == (0, "")
    (release,) = world.releases()
    assert release["name"].endswith("/deploy-0123456789ab-7")
    assert release["annotations"]["author"] == "Grace"
    assert release["annotations"]["build_url"] == "https://buildkite.com/o/p/builds/7"
    assert release["labels"] == {"commit": COMMIT, "team": "search"}
    assert json.loads((world.tmp_path / "result.json").read_text())["state"] == "SUCCEEDED"
    assert "+++ Delivered in" in done.stdout
    assert "console.cloud.google.com" not in done.stdout
    assert f"  http://{command.address}/\n" in done.stdout
    assert "note: buildkite-agent is neither on PATH nor in BUILDKITE_BIN_PATH" in done.stdout


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("--dry_run", f"--commit={COMMIT}", "--build_number=9"), 0),
        (("--help",), 0),
        (("--no_such_flag",), 2),
        (("--local_cloud=nowhere",), 2),
        ((f"--commit={COMMIT}", "--build_number=9", "--tag=-bad"), 2),
        ((f"--commit={COMMIT}", "--build_number=9", "--labels=commit=x"), 2),
    ],
)
def test_google_clients_are_not_imported_where_nothing_is_asked(
    command: Command, flags: tuple[str, ...], code: int
) -> None:
    done = command(*flags, local=False, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == code
    assert "msp.cli.entry" in done.stderr
    assert _costly(done.stderr) == set()


def test_google_clients_are_imported_where_they_are_needed(command: Command) -> None:
    done = command(f"--commit={COMMIT}", "--build_number=9", "--nowait", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert _costly(done.stderr) == {"google", "grpc", "requests"}


def _costly(import_times: str) -> set[str]:
    """What takes long, of the modules that `-X importtime` lists."""
    modules = {line.rpartition("|")[2].strip() for line in import_times.splitlines() if line.startswith("import time:")}
    return {module.partition(".")[0] for module in modules} & {"google", "grpc", "requests"}


def test_a_dry_run_needs_nobody_and_touches_nothing(command: Command, world: "World") -> None:
    done = command(
        "--dry_run",
        f"--commit={COMMIT}",
        "--build_number=9",
        "--json_output=plan.json",
        local=False,
        HTTPS_PROXY="http://127.0.0.1:1",
        GOOGLE_APPLICATION_CREDENTIALS="/no/such/key",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "release   deploy-0123456789ab-9" in done.stdout
    assert "customTarget/digest = sha256:" in done.stdout
    assert json.loads((world.tmp_path / "plan.json").read_text())["state"] == "PLANNED"
    assert world.releases() == []


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--dry_rum", "Unknown command line flag 'dry_rum'. Did you mean: dry_run ?"),
        ("--timeout=soon", "flag --timeout=soon: no duration: write seconds (300), or 300s, 5m, 1h30m"),
        ("--labels=team", "--labels: 'team' is not key=value"),
        ("--local_cloud=here", "not the address of a local cloud: 'here'"),
        ("--commit=main", "--commit: 'main' is no full commit hash"),
        ("--json_output=no/such/dir/file", "--json_output: no file can be made in"),
        ("--tag=a b", "--tag: 'a b' is not a tag"),
        ("stray", "unexpected argument 'stray'"),
    ],
    ids=["typo", "timeout", "labels", "local_cloud", "commit", "json_output", "tag", "stray"],
)
def test_bad_input_is_an_error_with_code_2_and_no_traceback(command: Command, flag: str, message: str) -> None:
    commit = [] if flag.startswith("--commit") else [f"--commit={COMMIT}"]
    done = command(*commit, flag)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_no_commit_anywhere(command: Command) -> None:
    done = command(GIT_CEILING_DIRECTORIES=str(command.world.tmp_path.parent))
    assert done.returncode == 2
    assert "no commit is known" in done.stderr
    assert "--commit" in done.stderr


def test_no_credentials(command: Command, world: "World") -> None:
    home = world.tmp_path / "home"
    home.mkdir()
    done = command(
        f"--commit={COMMIT}", local=False, HOME=str(home), NO_GCE_CHECK="true", HTTPS_PROXY="http://127.0.0.1:1"
    )
    assert done.returncode == 1
    assert "no Google credentials were found" in done.stderr
    assert "gcloud auth application-default login" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_about_the_command(command: Command) -> None:
    done = command("--help")
    assert "bazel run //svc:msp_deploy" in done.stdout
    for flag in ("[no]dry_run", "[no]wait", "timeout", "json_output", "local_cloud", "[no]force", "[no]quiet"):
        assert f"--{flag}" in done.stdout
    assert "4 blocked" in done.stdout


def test_quiet_says_one_line(command: Command, world: "World") -> None:
    done = command("--quiet", f"--commit={COMMIT}", "--build_number=1")
    assert done.stdout == "staging-us-central1: runs deploy-0123456789ab-1\n"
    assert world.rollouts()


def test_verbose_says_how_long_each_step_took_and_no_addresses(command: Command) -> None:
    done = command("--verbosity=1", f"--commit={COMMIT}", "--build_number=1")
    for step in ("preflight", "the push", "the release"):
        assert f"{step} took " in done.stderr
    assert "/v2/" not in done.stderr


def test_what_a_delivery_does_not_need_is_not_imported(command: Command) -> None:
    flags = (f"--commit={COMMIT}", "--build_number=1", f"--local_cloud={command.address}", "--nowait")
    program, *arguments = command.arguments(*flags)
    watched = [program, "-X", "importtime", *arguments]
    done = subprocess.run(watched, env=command.environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "google.cloud.deploy_v1" in imported
    assert not imported & {"google.cloud.artifactregistry_v1", "google.cloud.storage", "pydantic", "yaml", "rich"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_it_learns_what_stands(command: Command, world: "World", number: signal.Signals) -> None:
    method = "google.cloud.deploy.v1.CloudDeploy/CreateRollout"
    world.fault(method, latency_seconds=3600, times=1)
    arguments = command.arguments(f"--commit={COMMIT}", "--build_number=5", f"--local_cloud={command.address}")
    with subprocess.Popen(
        arguments, env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 30
        while world.cloud.faults.list() and time.monotonic() < deadline:
            time.sleep(0.01)
        run.send_signal(number)
        _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "error: interrupted" in stderr
    assert "release deploy-0123456789ab-5 is made" in stderr
    again = re.search(r"bazel run //svc:msp_deploy -- (\S+ \S+)", stderr)
    assert again
    assert "Traceback" not in stderr
    assert command(*again[1].split()).returncode == 0
    assert len(world.releases()) == len(world.rollouts()) == 1


def test_a_failed_rollout_ends_with_3(command: Command, world: "World") -> None:
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese")
    done = command(f"--commit={COMMIT}", "--build_number=5")
    assert done.returncode == 3
    assert "out of cheese" in done.stdout


def test_a_local_run_tells_the_whole_story(command: Command) -> None:
    done = command(local=False, program="deploy_local")
    assert (done.returncode, done.stderr) == (0, "")
    assert "+ delivery pipeline svc" in done.stdout
    assert re.search(r"● staging  deploy-0{12}-\d{14} ", done.stdout)
    assert "promoted 5 minutes after success" in done.stdout
    assert re.search(r"● prod     deploy-0{12}-\d{14} ", done.stdout)


def test_a_local_run_that_fails_leads_nobody_to_a_cloud_that_is_gone(command: Command) -> None:
    push = command.config.parent / "push"
    push.write_text("#!/bin/sh\nexit 9\n")
    push.chmod(0o755)
    fields = json.loads(command.config.read_text())
    command.config.write_text(json.dumps({**fields, "image": None, "push": push.name}))
    done = command(local=False, program="deploy_local")
    assert done.returncode == 1
    assert "to play it again: bazel run //svc:msp_deploy.local" in done.stderr
    assert "127.0.0.1" not in done.stderr
    assert "--local_cloud" not in done.stderr
