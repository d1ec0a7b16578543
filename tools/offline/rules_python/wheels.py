"""Installs a lock's wheels and writes a Bazel package for each: `wheels.py LOCK DIRECTORY`.

pip checks every hash (`--require-hashes`), and installs nothing that the lock does not name.
"""

import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

SITE = "site-packages"


@dataclass(frozen=True)
class Wheel:
    """An installed distribution: its normalised name, its files below the site directory, and what it needs."""

    name: str
    files: tuple[str, ...]
    requires: tuple[Requirement, ...]


def install(lock: Path, site: Path) -> None:
    """Runs pip; raises CalledProcessError, with pip's words on stderr, when it refuses."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    command += ["--disable-pip-version-check", "--no-warn-script-location", "--root-user-action=ignore"]
    command += ["--target", str(site), "--requirement", str(lock)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def normalised(name: str) -> str:
    """A distribution's name as a Bazel package: `PyYAML` -> `pyyaml`, `absl-py` -> `absl_py`."""
    return re.sub(r"[-_.]+", "_", name).lower()


def files(distribution: Distribution, site: Path) -> Iterator[str]:
    """The distribution's files; scripts stand in `bin`, whatever RECORD says, because of `--target`."""
    for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        path = row[0] if not row[0].startswith("../") else f"bin/{Path(row[0]).name}"
        if (site / path).is_file():
            yield path


def wheels(site: Path) -> list[Wheel]:
    """Every distribution below the site directory, by name."""
    found = []
    for distribution in distributions(path=[str(site)]):
        requires = tuple(Requirement(text) for text in distribution.requires or ())
        found.append(
            Wheel(normalised(distribution.metadata["Name"]), tuple(sorted(files(distribution, site))), requires)
        )
    return sorted(found, key=lambda wheel: wheel.name)


def dependencies(found: list[Wheel]) -> dict[str, set[str]]:
    """For each distribution, those it needs here, with the extras that anyone asks for."""
    extras: dict[str, set[str]] = {wheel.name: {""} for wheel in found}
    needs: dict[str, set[str]] = {wheel.name: set() for wheel in found}
    settled = False
    while not settled:
        settled = True
        for wheel in found:
            for requirement in wheel.requires:
                name = normalised(requirement.name)
                marker = requirement.marker
                wanted = marker is None or any(marker.evaluate({"extra": extra}) for extra in extras[wheel.name])
                if not wanted or name not in extras or name == wheel.name:
                    continue
                if name not in needs[wheel.name] or not requirement.extras <= extras[name]:
                    needs[wheel.name].add(name)
                    extras[name] |= requirement.extras
                    settled = False
    return needs


def starlark_list(items: list[str]) -> str:
    """A Starlark list of strings."""
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"


def build_files(found: list[Wheel]) -> Iterator[tuple[str, str]]:
    """Pairs of a BUILD file's path and its text: one library per distribution, and a package that names it."""
    needs = dependencies(found)
    library = ['load("@rules_python//python:py_library.bzl", "py_library")']
    for wheel in found:
        sources = [f"{SITE}/{file}" for file in wheel.files if file.endswith(".py")]
        data = [f"{SITE}/{file}" for file in wheel.files if not file.endswith(".py")]
        library.append(
            f'py_library(name = "{wheel.name}", srcs = {starlark_list(sources)}, data = {starlark_list(data)}, '
            f"deps = {starlark_list([f':{name}' for name in sorted(needs[wheel.name])])}, "
            f'imports = ["{SITE}"], visibility = ["//visibility:public"])'
        )
        alias = f'alias(name = "{wheel.name}", actual = "//:{wheel.name}", visibility = ["//visibility:public"])'
        yield f"{wheel.name}/BUILD.bazel", alias + "\n"
    yield "BUILD.bazel", "\n".join(library) + "\n"
    yield "requirements.bzl", "all_requirements = [" + ", ".join(f'Label("//:{wheel.name}")' for wheel in found) + "]\n"


def main(lock: Path, directory: Path) -> int:
    """Installs and writes; returns pip's exit code."""
    try:
        install(lock, directory / SITE)
    except subprocess.CalledProcessError as error:
        return error.returncode
    for path, text in build_files(wheels(directory / SITE)):
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
