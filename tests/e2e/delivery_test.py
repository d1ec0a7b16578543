"""The example service, delivered by the programs that `bazel run` runs, to a local cloud in a process of its own."""

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = "examples/msp_example"
PIPELINE = "v1/projects/msp-example-prod-0000/locations/us-central1/deliveryPipelines/msp-example-us-central1-rollout"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

pytestmark = pytest.mark.skipif(
    "TEST_SRCDIR" not in os.environ, reason="Bazel builds the programs: ./bazelw test //tests/e2e/..."
)


@dataclass(frozen=True)
class Cloud:
    """A running local cloud, and the programs that speak to it."""

    address: str

    def run(self, target: str, *flags: str) -> subprocess.CompletedProcess[str]:
        """Runs a target as `bazel run` does: its executable, with the environment that its rule names."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("BUILDKITE", "GITHUB"))
        }
        environment |= {"MSP_CONFIG": f"_main/{EXAMPLE}/{target}.json", "MSP_LOCAL_CLOUD": self.address}
        return subprocess.run(
            [ROOT / EXAMPLE / target, *flags],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{self.address}/{path}", timeout=10) as answer:
            content: dict[str, Any] = json.load(answer)
        return content

    def releases(self) -> list[str]:
        return sorted(
            release["name"].split("/")[-1] for release in self.get(f"{PIPELINE}/releases").get("releases", [])
        )


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with subprocess.Popen(
        [ROOT / "tools/local_cloud", "--port=0", "--grpc_port=0"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        ready = server.stdout.readline()
        try:
            address = re.search(r"http://(127\.0\.0\.1:\d+)", ready)
            assert address is not None, ready
            yield Cloud(address[1])
        finally:
            server.terminate()


def build(number: int) -> tuple[str, ...]:
    return (f"--commit={COMMIT}", f"--build_number={number}", "--author=Ada Lovelace <ada@example.com>")


def test_a_pipeline_that_is_not_there_is_told_with_the_command_that_makes_it(cloud: Cloud) -> None:
    done = cloud.run("msp_deploy", *build(1))
    assert done.returncode == 1
    assert "msp-example-us-central1-rollout" in done.stderr
    assert "msp_deploy.pipeline.apply" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pipeline_is_made_once_and_then_matches(cloud: Cloud) -> None:
    assert cloud.run("msp_deploy.pipeline.diff").returncode == 1
    made = cloud.run("msp_deploy.pipeline.apply")
    assert made.returncode == 0, made.stderr
    assert cloud.run("msp_deploy.pipeline.diff").returncode == 0


def test_a_release_reaches_staging_and_is_promoted_to_prod(cloud: Cloud, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    done = cloud.run("msp_deploy", *build(7), f"--json_output={result}")
    assert done.returncode == 0, done.stderr
    told = json.loads(result.read_text())
    assert told["release"] == "deploy-0123456789ab-7"
    assert told["tag"] == "0123456789ab_7"
    assert told["target"] == "staging-us-central1"
    assert told["state"] == "SUCCEEDED"
    assert told["created"] is True

    release = cloud.get(f"{PIPELINE}/releases/{told['release']}")
    assert release["annotations"]["digest"] == told["digest"]
    assert release["annotations"]["target"] == f"//{EXAMPLE}:msp_deploy"
    assert release["deployParameters"] == {"customTarget/tag": told["tag"], "customTarget/digest": told["digest"]}
    assert release["labels"]["commit"] == COMMIT
    await_rollout(cloud, told["release"], "prod-us-central1")


def test_the_same_build_again_makes_nothing_new(cloud: Cloud, tmp_path: Path) -> None:
    before = cloud.releases()
    result = tmp_path / "result.json"
    done = cloud.run("msp_deploy", *build(7), f"--json_output={result}")
    assert done.returncode == 0, done.stderr
    assert json.loads(result.read_text())["created"] is False
    assert cloud.releases() == before


def test_an_image_that_already_runs_is_not_released_again(cloud: Cloud) -> None:
    before = cloud.releases()
    done = cloud.run("msp_deploy", *build(8))
    assert done.returncode == 0, done.stderr
    assert "already" in done.stdout
    assert cloud.releases() == before
    assert cloud.run("msp_deploy", *build(8), "--force").returncode == 0
    assert cloud.releases() == sorted([*before, "deploy-0123456789ab-8"])


def test_a_dry_run_asks_nobody() -> None:
    done = Cloud("127.0.0.1:1").run("msp_deploy", *build(9), "--dry_run")
    assert done.returncode == 0, done.stderr
    assert "deploy-0123456789ab-9" in done.stdout


def await_rollout(cloud: Cloud, release: str, target: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rollouts = cloud.get(f"{PIPELINE}/releases/{release}/rollouts").get("rollouts", [])
        if any(rollout["targetId"] == target and rollout["state"] == "SUCCEEDED" for rollout in rollouts):
            return
        time.sleep(0.2)
    pytest.fail(f"{release} did not reach {target}")
