"""The Bazel packages that the offline path makes of installed wheels."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from offline.rules_python import wheels


def distribution(site: Path, name: str, record: list[str], requires: list[str]) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {text}" for text in requires)]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in record))
    for path in record:
        file = site / path.replace("../../", "")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def wheel(name: str, *requires: str) -> wheels.Wheel:
    return wheels.Wheel(name, (), tuple(Requirement(text) for text in requires))


@pytest.mark.parametrize(
    ("name", "package"), [("PyYAML", "pyyaml"), ("absl-py", "absl_py"), ("a.b_-c", "a_b_c"), ("grpcio", "grpcio")]
)
def test_packages_are_named_as_rules_python_names_them(name: str, package: str) -> None:
    assert wheels.normalised(name) == package


def test_a_wheels_files_and_scripts_are_its_own(tmp_path: Path) -> None:
    distribution(tmp_path, "Some-Tool", ["tool/__init__.py", "tool/data.json", "../../bin/tool", "../../bin/tool"], [])
    (found,) = wheels.wheels(tmp_path)
    assert found.name == "some_tool"
    assert set(found.files) == {"bin/tool", "tool/__init__.py", "tool/data.json"}


def test_dependencies_follow_markers_and_extras() -> None:
    found = [
        wheel("api", "grpc; extra == 'fast'", "base", "colorama; sys_platform == 'win32'"),
        wheel("base"),
        wheel("client", "api[fast]", "not-in-the-lock"),
        wheel("colorama"),
        wheel("grpc"),
    ]
    assert wheels.dependencies(found) == {
        "api": {"base", "grpc"},
        "base": set(),
        "client": {"api"},
        "colorama": set(),
        "grpc": set(),
    }


def test_each_wheel_is_a_package_of_its_name(tmp_path: Path) -> None:
    distribution(tmp_path / "site-packages", "One", ["one.py", "one.json"], ["two"])
    distribution(tmp_path / "site-packages", "two", ["two.py"], [])
    texts = dict(wheels.build_files(wheels.wheels(tmp_path / "site-packages")))
    assert set(texts) == {"BUILD.bazel", "one/BUILD.bazel", "two/BUILD.bazel", "requirements.bzl"}
    assert (
        'py_library(name = "one", srcs = ["site-packages/one.py"], data = ["site-packages/one.json"], deps = [":two"]'
    ) in texts["BUILD.bazel"]
    assert texts["requirements.bzl"] == 'all_requirements = [Label("//:one"), Label("//:two")]\n'


def test_a_changed_hash_stops_the_installation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pip", reason="this Python has no pip")
    package = tmp_path / "package"
    distribution(package, "one", ["one.py"], [])
    (package / "one-1.0.dist-info/WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel_file = tmp_path / "one-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel_file, "w") as archive:
        for file in sorted(package.rglob("*")):
            archive.write(file, file.relative_to(package))
    lock = tmp_path / "lock.txt"
    digest = hashlib.sha256(wheel_file.read_bytes()).hexdigest()
    lock.write_text(f"one @ {wheel_file.as_uri()} --hash=sha256:{digest}\n")
    assert wheels.main(lock, tmp_path / "good") == 0
    assert (tmp_path / "good/one/BUILD.bazel").is_file()

    lock.write_text(f"one @ {wheel_file.as_uri()} --hash=sha256:{'0' * 64}\n")
    assert wheels.main(lock, tmp_path / "bad") != 0
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
    assert not (tmp_path / "bad/BUILD.bazel").exists()
