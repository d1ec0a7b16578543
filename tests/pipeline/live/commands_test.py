"""`diff` and `apply` as a person and as CI meet them: flags, exit codes, what is printed, and what is left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pipeline.example import SPEC

from msp.cli import pipeline_flags
from msp.gcp import clients
from msp.gcp.endpoints import Endpoints
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread, local_cloud

__all__ = ["local_cloud"]

BY_HAND = SPEC.replace("      promotionStrategy: {type: automatic, automatic: {delaySeconds: 1}}\n", "")


class Shell:
    """A directory with a `service.yaml`, and the commands run in it."""

    def __init__(self, cloud: CloudThread, directory: Path) -> None:
        self.directory = directory
        self.address = cloud.http_url.removeprefix("http://")
        self.write(SPEC)

    def write(self, spec: str) -> None:
        (self.directory / "service.yaml").write_text(spec)

    def start(self, command: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": ":".join(sys.path),
            "BUILD_WORKING_DIRECTORY": str(self.directory),
            "MSP_LOCAL_CLOUD": self.address,
            **variables,
        }
        return subprocess.Popen(
            [sys.executable, "-m", f"msp.cli.{command}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=self.directory,
        )

    def __call__(self, command: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
        running = self.start(command, *arguments, **variables)
        output, errors = running.communicate(timeout=120)
        return running.returncode, output, errors


@pytest.fixture
def shell(local_cloud: CloudThread, tmp_path: Path) -> Shell:
    return Shell(local_cloud, tmp_path)


def test_drift_is_an_exit_code(shell: Shell) -> None:
    code, output, errors = shell("diff", "--spec=service.yaml")
    assert (code, errors) == (1, "")
    assert "+ delivery pipeline msp-example-us-central1-rollout\n" in output
    code, output, _ = shell("apply", "--spec=service.yaml")
    assert code == 0
    assert "[10/10] done: + access to target staging-us-central1\n10 changes made\n" in output
    assert output.endswith("iam.yaml lists it.\n")
    assert shell("diff", "--spec=service.yaml") == (0, "no difference\n", "")
    assert shell("apply", "--spec=service.yaml") == (0, "nothing to change\n", "")


def test_dry_runs_change_nothing(shell: Shell) -> None:
    code, output, _ = shell("apply", "--spec=service.yaml", "--dry_run")
    assert code == 0
    assert output.endswith("10 changes, not made (--dry_run)\n")
    assert shell("diff", "--spec=service.yaml")[0] == 1
    # Nobody is asked: there is nothing at this address.
    code, output, errors = shell("diff", "--spec=service.yaml", "--dry_run", "--local_cloud=127.0.0.1:1")
    assert (code, errors) == (0, "")
    assert "automation promote-staging-us-central1" in output


def test_prune_names_what_it_deletes_and_is_asked_for(shell: Shell) -> None:
    shell("apply", "--spec=service.yaml")
    shell.write(BY_HAND)
    kept = "- automation promote-staging-us-central1\n    no longer in the specification; --prune deletes it\n"
    assert shell("apply", "--spec=service.yaml") == (0, f"{kept}\nnothing to change\n", "")
    assert shell("diff", "--spec=service.yaml")[0] == 1
    code, output, _ = shell("apply", "--spec=service.yaml", "--prune", "--dry_run")
    assert "- automation promote-staging-us-central1" in output
    assert shell("diff", "--spec=service.yaml")[0] == 1
    code, output, _ = shell("apply", "--spec=service.yaml", "--prune")
    assert code == 0
    assert output.index("- automation promote-staging") < output.index("[1/1] done: - automation promote-staging")
    assert shell("diff", "--spec=service.yaml")[0] == 0


@pytest.mark.parametrize("command", ["diff", "apply"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which pipeline?"),
        (["--spec=nope.yaml"], "can't be read"),
        (["--spec=service.yaml", "--region=mars"], "'mars' is not a Google Cloud region"),
        (["--spec=service.yaml", "--local_cloud=nowhere"], "not the address of a local cloud"),
        (["--spec=service.yaml", "surplus"], "unexpected argument 'surplus'"),
        (["--spec=service.yaml", "--dryrun"], "Did you mean"),
        (["--spec=service.yaml", "--timeout=0"], "at least 1 s are needed"),
        (["--spec=service.yaml", "--timeout=soon"], "no duration: write seconds (300), or 300s, 5m, 1h30m"),
    ],
)
def test_bad_usage_ends_with_2(shell: Shell, command: str, arguments: list[str], message: str) -> None:
    code, output, errors = shell(command, *arguments)
    assert (code, output) == (2, "")
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_help_shows_every_flag(shell: Shell, command: str) -> None:
    code, output, errors = shell(command, "--help")
    for flag in (
        "dry_run",
        "spec",
        "region",
        "local_cloud",
        "timeout",
        *(["prune", "allow_less_guarded"] if command == "apply" else []),
    ):
        assert f"--{flag}" in output.replace("--[no]", "--")
    assert errors == ""
    assert code in {0, 1}  # absl's own


def test_a_rules_config_file_says_which_pipeline(shell: Shell) -> None:
    main = shell.directory / "_main"
    main.mkdir()
    (shell.directory / "service.yaml").rename(main / "service.yaml")
    config = main / "pipeline.diff.json"
    variables = {"MSP_CONFIG": "_main/pipeline.diff.json", "RUNFILES_DIR": str(shell.directory)}
    config.write_text(json.dumps({"spec": "_main/service.yaml", "gcp_region": "europe-west1"}))
    code, output, _ = shell("diff", "--dry_run", **variables)
    assert (code, "delivery pipeline msp-example-europe-west1-rollout" in output) == (0, True)
    config.write_text(json.dumps({"spec": "_main/service.yaml", "gcp_region": "europe-west1", "colour": "red"}))
    code, _, errors = shell("diff", "--dry_run", **variables)
    assert code == 2
    assert "colour" in errors


def test_a_target_names_itself_in_what_it_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNFILES_DIR", str(tmp_path))
    monkeypatch.setenv("MSP_CONFIG", "config.json")
    monkeypatch.setattr(sys, "argv", ["apply", "--timeout=5m"])
    config = {"spec": "_main/service.yaml", "gcp_region": "us-central1"}
    for more, printed in (
        ({"target": "//svc:pipeline.apply"}, "//svc:pipeline.apply"),
        ({"tool": "//tools:apply"}, "//tools:apply"),
        ({}, "@rules_msp//tools:apply"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, **more}))
        expected = f"bazel run {printed} -- --timeout=5m --allow_less_guarded"
        assert pipeline_flags.again("apply", "--allow_less_guarded") == expected


SILENT = BY_HAND
ASKING = BY_HAND.replace("    - environment: prod\n", "    - {environment: prod, approval: {required: true}}\n")
NOT_ASKING = ASKING.replace("required: true", "required: false")
FASTER = SPEC.replace("delaySeconds: 1}", "delaySeconds: 0}")


def test_what_the_specification_is_silent_on_is_kept_and_named(shell: Shell) -> None:
    shell.write(ASKING)
    shell("apply", "--spec=service.yaml")
    shell.write(SILENT)
    kept = "kept, as the specification is silent on it:\n    approval of target prod-us-central1\n"
    assert shell("diff", "--spec=service.yaml") == (0, f"no difference\n\n{kept}", "")
    assert shell("apply", "--spec=service.yaml") == (0, f"{kept}\nnothing to change\n", "")
    shell.write(NOT_ASKING)
    code, output, _ = shell("apply", "--spec=service.yaml", "--timeout=5m")
    assert code == 0
    apart = "less guarded:\n    target prod-us-central1 no longer asks for approval (the specification says so)\n"
    assert output.startswith(f"~ target prod-us-central1\n    requireApproval: True -> (unset)\n\n{apart}")


def test_less_guarded_is_listed_apart_refused_and_made_with_the_flag_that_is_printed(
    shell: Shell, local_cloud: CloudThread
) -> None:
    shell("apply", "--spec=service.yaml")
    client = clients.cloud_deploy_client(Endpoints.local(local_cloud.http_url))
    parent = "projects/msp-example-prod-0000/locations/us-central1/deliveryPipelines/msp-example-us-central1-rollout"
    release = {"skaffold_config_uri": "gs://msp-example-prod-0000-cloudrun-skaffold/source.tar.gz"}
    client.create_release({"parent": parent, "release_id": "one", "release": release})
    shell.write(FASTER)
    less = "automation promote-staging-us-central1 promotes to target prod-us-central1 after 0s, no longer 1s"
    code, listed, errors = shell("diff", "--spec=service.yaml")
    assert (code, errors) == (1, "")
    assert listed.endswith(f"\n\nless guarded:\n    {less}\n")
    again = "bazel run @rules_msp//tools:apply -- --spec=service.yaml --allow_less_guarded"
    refusal = (
        f"error: nothing was changed: the pipeline would be less guarded than it is\n  {less}\n"
        f"  if that is meant: {again}\n"
    )
    assert shell("apply", "--spec=service.yaml") == (1, f"{listed}\n", refusal)
    assert shell("apply", "--spec=service.yaml", "--dry_run")[0] == 1
    assert shell("diff", "--spec=service.yaml") == (1, listed, "")
    code, output, errors = shell("apply", *again.partition(" -- ")[2].split())
    assert (code, errors) == (0, "")
    assert output.endswith("1 change made\n")
    assert shell("diff", "--spec=service.yaml") == (0, "no difference\n", "")


def test_a_refusal_says_what_to_do(shell: Shell, local_cloud: CloudThread) -> None:
    local_cloud.faults.add(Fault(method="*/UpdateTarget", code="PERMISSION_DENIED", message="not you"))
    code, _, errors = shell("apply", "--spec=service.yaml")
    assert code == 1
    assert "target staging-us-central1" in errors
    assert "not you" in errors
    assert "ask for roles/clouddeploy.admin" in errors


def test_killed_at_any_moment_it_is_completed_by_the_next_run(shell: Shell, local_cloud: CloudThread) -> None:
    local_cloud.faults.add(Fault(method="*", latency_seconds=0.05, times=1_000))
    for _ in range(4):
        running = shell.start("apply", "--spec=service.yaml")
        assert running.stdout is not None
        line = ""
        while line or running.poll() is None:  # until the first change of this run is made
            line = running.stdout.readline()
            if line.startswith("[") or not line:
                break
        time.sleep(0.07)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=20)
    local_cloud.faults.clear()
    assert shell("apply", "--spec=service.yaml")[0] == 0
    assert shell("diff", "--spec=service.yaml") == (0, "no difference\n", "")
