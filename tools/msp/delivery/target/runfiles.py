"""Where a program's runfiles are (https://bazel.build/extending/rules#runfiles)."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from msp.errors import UsageError


class Runfiles:
    """Finds files by their rlocation path, such as `_main/svc/image`.

    Args:
        directory: The runfiles' directory, if there is one.
        manifest: By rlocation path, where each file is, where there is no directory (as on Windows).
    """

    def __init__(self, directory: Path | None, manifest: Mapping[str, str]) -> None:
        self._directory = directory
        self._manifest = manifest

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ, program: str | None = None) -> "Runfiles":
        """The runfiles of this process: as its environment says, else beside the program."""
        program = program or sys.argv[0]
        manifest: dict[str, str] = {}
        if name := environment.get("RUNFILES_MANIFEST_FILE"):
            manifest = _read(Path(name))
        if directory := environment.get("RUNFILES_DIR"):
            return cls(Path(directory), manifest)
        beside = Path(f"{program}.runfiles")
        if beside.is_dir():
            return cls(beside, manifest)
        above = [parent for parent in Path(program).parents if parent.name.endswith(".runfiles")]
        return cls(above[-1] if above else None, manifest)

    def path(self, rlocation: str) -> Path:
        """The file or directory at an rlocation path, as an absolute path.

        Raises:
            UsageError: There are no runfiles, or it isn't among them.
        """
        if self._directory is not None and (found := self._directory / rlocation).exists():
            return found.absolute()
        if found_path := self._from_manifest(rlocation):
            return found_path
        raise UsageError(
            f"{rlocation} is not among the runfiles of this program",
            hint="run the target with `bazel run`, or build it again",
        )

    def _from_manifest(self, rlocation: str) -> Path | None:
        if rlocation in self._manifest:
            return Path(self._manifest[rlocation])
        # A directory that an action made stands in the manifest as a whole or by the files in it.
        for name, where in self._manifest.items():
            if name.startswith(f"{rlocation}/") and where.endswith(name.removeprefix(rlocation)):
                return Path(where.removesuffix(name.removeprefix(rlocation)))
        return None


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(" ") for line in lines if not line.startswith(" "))
    return {name: where for name, _, where in pairs if where}
