"""Where a target's files are (https://bazel.build/extending/rules#runfiles)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from msp.errors import UsageError


class TargetFiles:
    """Finds files by their rlocation path, such as `_main/svc/image`.

    Args:
        environment: Where Bazel and launchers of Python say where runfiles are.
        folder: Where the process was started: `bazel run` does so in the target's own runfiles.
        program: How it was started: a target's runfiles are beside its executable, or around it.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, program: str) -> None:
        self._environment = environment
        self._folder = folder
        self._program = program

    def path(self, rlocation: str) -> Path:
        """The file or directory at an rlocation path, as an absolute path.

        Raises:
            UsageError: It isn't among the runfiles.
        """
        found = next((path for path in self._places(rlocation) if path.exists()), None)
        if found is None:
            raise UsageError(
                f"{rlocation} is not among the runfiles of this program",
                hint="run the target with `bazel run`, or build it again",
            )
        return found.absolute()

    def _places(self, rlocation: str) -> Iterator[Path]:
        from runfiles import Runfiles

        if declared := Runfiles.Create(dict(self._environment)):
            if named := declared.Rlocation(rlocation):
                yield Path(named)
            yield from self._in_manifest(rlocation)
        # The tool as one zip file unpacks its own runfiles elsewhere; those of the target are not among them.
        yield self._folder.parent / rlocation
        yield Path(f"{self._program}.runfiles") / rlocation
        for above in reversed(Path(self._program).parents):
            if above.name.endswith(".runfiles"):
                yield above / rlocation

    def _in_manifest(self, rlocation: str) -> Iterator[Path]:
        """A directory that an action made may stand in the manifest by the files in it alone."""
        name = self._environment.get("RUNFILES_MANIFEST_FILE")
        if not name or not Path(name).is_file():
            return
        for line in Path(name).read_text(encoding="utf-8").splitlines():
            inside, _, where = line.partition(" ")
            tail = inside.removeprefix(f"{rlocation}/")
            if tail != inside and where.endswith(f"/{tail}"):
                yield Path(where.removesuffix(f"/{tail}"))


def files_of_this_process(environment: Mapping[str, str], program: str) -> TargetFiles:
    """The files of the target that this process runs."""
    return TargetFiles(environment, Path.cwd(), program)
