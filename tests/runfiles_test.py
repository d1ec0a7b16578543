"""Where a target's files are: as Bazel declares it, else where `bazel run` starts it, else beside the program."""

from pathlib import Path

import pytest

from msp.errors import UsageError
from msp.runfiles import TargetFiles

NOWHERE = Path("/nonexistent/_main")


def make(folder: Path, name: str = "_main/svc/file") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text("x")
    return path


def test_by_the_declared_directory(tmp_path: Path) -> None:
    made = make(tmp_path)
    files = TargetFiles({"RUNFILES_DIR": str(tmp_path)}, NOWHERE, "program")
    assert files.path("_main/svc/file") == made
    with pytest.raises(UsageError, match="_main/svc/other is not among the runfiles"):
        files.path("_main/svc/other")


def test_by_where_bazel_run_starts_it_when_the_tool_has_unpacked_itself_elsewhere(tmp_path: Path) -> None:
    made = make(tmp_path / "msp_deploy.runfiles")
    (tmp_path / "unpacked").mkdir()
    files = TargetFiles(
        {"RUNFILES_DIR": str(tmp_path / "unpacked")}, tmp_path / "msp_deploy.runfiles/_main", "unpacked/__main__.py"
    )
    assert files.path("_main/svc/file") == made


def test_beside_the_program_and_around_it(tmp_path: Path) -> None:
    made = make(tmp_path / "deploy.runfiles", "_main/tools/file")
    for program in (tmp_path / "deploy", made.parent / "deploy.py"):
        assert TargetFiles({}, NOWHERE, str(program)).path("_main/tools/file") == made


def test_by_a_manifest_also_a_directory_listed_by_its_files(tmp_path: Path) -> None:
    file, index = make(tmp_path, "where/file"), make(tmp_path, "layout/index.json")
    manifest = tmp_path / "MANIFEST"
    manifest.write_text(f"_main/svc/file {file}\n_main/svc/image/index.json {index}\n")
    files = TargetFiles({"RUNFILES_MANIFEST_FILE": str(manifest)}, NOWHERE, "program")
    assert files.path("_main/svc/file") == file
    assert files.path("_main/svc/image") == index.parent
