"""The command that generates: what it writes, and that it writes nothing where anything is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.pipeline.example import SPEC

from msp.pipeline.files import generate
from msp.spec import load

# Valid by itself: only with a long region does a name become too long.
LONG = (
    SPEC.replace("msp-example-prod-0000", "msp-examples-production-eu-0")
    .replace("msp-example-staging-0000", "msp-examples-staging-0000")
    .replace("id: msp-example\n", "id: msp-examples\n")
    .replace("prod\n", "production-eu\n")
    .replace("id: prod,", "id: production-eu,")
)
NO_ROLLOUT = SPEC[: SPEC.index("rollout:")] + SPEC[SPEC.index("environments:") :].replace("rollout", "manual")


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": ":".join(sys.path), "BUILD_WORKING_DIRECTORY": str(directory)}
    return subprocess.run(
        [sys.executable, "-m", "msp.cli.generate", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_it_writes_every_file(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(SPEC)
    done = run(tmp_path, "--spec=service.yaml", "--region=europe-west1", "--output_dir=out/deep")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = {path.name: path.read_bytes() for path in (tmp_path / "out/deep").iterdir()}
    assert written == generate(load(tmp_path / "service.yaml"), "europe-west1", "service.yaml")
    assert set(written) == {
        "clouddeploy.yaml",
        "iam.yaml",
        "pipeline.md",
        "pipeline.mmd",
        "pipeline.svg",
        "pipeline.tf.json",
        "skaffold.yaml",
        "source.tar.gz",
    }


@pytest.mark.parametrize(
    ("spec", "arguments", "message"),
    [
        (SPEC, ["--region=us-centrall1"], "'us-centrall1' is not a Google Cloud region\n  did you mean 'us-central1'?"),
        (NO_ROLLOUT, [], "service 'msp-example' has no rollout"),
        (SPEC.replace("[core-services]", "[]"), [], "service.yaml has a problem"),
        (
            LONG,
            ["--region=northamerica-northeast1"],
            "has 50 characters; at most 49 are allowed\n  To mend it, shorten",
        ),
        (SPEC, ["surplus"], "unexpected argument 'surplus'"),
        (SPEC, ["--regoin=x"], "Did you mean: region ?"),
        (None, [], "service.yaml: can't be read"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, spec: str | None, arguments: list[str], message: str) -> None:
    if spec is not None:
        (tmp_path / "service.yaml").write_text(spec)
    done = run(tmp_path, "--spec=service.yaml", "--output_dir=out", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(SPEC)
    (tmp_path / "out").write_text("a file")
    done = run(tmp_path, "--spec=service.yaml", "--output_dir=out")
    assert done.returncode == 1
    assert f"can't write to {tmp_path}/out" in done.stderr
    assert (tmp_path / "out").read_text() == "a file"
