"""What is generated for every shape of specification, kept as files so that a change of it is seen in review.

Rewrite them with: bazel run //tests/pipeline:update_golden
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from msp.pipeline import archive
from msp.pipeline.files import generate
from msp.pipeline.resources import NoRolloutError
from msp.spec import load

TESTS = Path(__file__).parent.parent
# Those that are valid specifications of any kind, and those whose pipelines are of a kind of their own.
SPECS = sorted(
    [*(TESTS / "spec/valid").glob("*.yaml"), *(TESTS / "pipeline/specs").glob("*.yaml")], key=lambda path: path.stem
)
# The same for every specification: kept once, and the archive by its hash.
SHARED = {"skaffold.yaml", "source.tar.gz"}


def expected(spec: Path) -> dict[str, bytes]:
    """A case's files by name; where there is no pipeline to make, the message."""
    try:
        files = generate(load(spec), "us-central1", spec.name)
    except NoRolloutError as error:
        return {"error.txt": f"{error.message}\n{error.hint}\n".encode()}
    return {name: content for name, content in files.items() if name not in SHARED}


def shared() -> dict[str, bytes]:
    digest = hashlib.sha256(archive.source_archive()).hexdigest()
    return {"skaffold.yaml": archive.skaffold_yaml().encode(), "source.tar.gz.sha256": f"{digest}\n".encode()}


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def rewrite(golden: Path) -> None:
    cases = [(golden, shared()), *((golden / spec.stem, expected(spec)) for spec in SPECS)]
    shutil.rmtree(golden, ignore_errors=True)
    for directory, files in cases:
        directory.mkdir(parents=True)
        for name, content in files.items():
            (directory / name).write_bytes(content)


def test_there_are_cases() -> None:
    assert len(SPECS) >= 10
    assert {spec.stem for spec in SPECS} == {
        path.name for path in (TESTS / "pipeline/golden").iterdir() if path.is_dir()
    }


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_generated_files_are_the_golden_ones(spec: Path) -> None:
    golden = read(TESTS / "pipeline/golden" / spec.stem)
    made = expected(spec)
    assert made.keys() == golden.keys()
    for name, content in made.items():
        assert content.decode() == golden[name].decode(), f"{name}: bazel run //tests/pipeline:update_golden"


def test_the_archive_is_the_golden_one() -> None:
    # Its hash is the same on every machine and under every version of Python.
    assert shared() == read(TESTS / "pipeline/golden")


if __name__ == "__main__":
    rewrite(Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", TESTS.parent)) / "tests/pipeline/golden")
    sys.exit(0)
