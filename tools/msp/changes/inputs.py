"""What an image is built from, as paths of the repository."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

# Files that can change what any target builds.
_OF_EVERY_BUILD = frozenset(
    {
        ".bazelignore",
        ".bazelrc",
        ".bazelversion",
        "MODULE.bazel",
        "MODULE.bazel.lock",
        "REPO.bazel",
        "WORKSPACE",
        "WORKSPACE.bazel",
        "WORKSPACE.bzlmod",
    }
)
_BUILD_FILES = frozenset({"BUILD", "BUILD.bazel"})


@dataclass(frozen=True)
class ImageInputs:
    """What an image is built from. A commit that touches none of it builds the same image.

    Attributes:
        files: Inputs for certain, as paths from the repository's root: `svc/main.py`.
        packages: Bazel packages that hold an input; the root's is the empty text. A file of one that is gone from the
            checkout counts, for a `glob` may have taken it.
        unsure: Packages whose every file counts, because a pattern changed that says what is an input.
        everything: Whether any file counts.
    """

    files: frozenset[str] = field(default_factory=frozenset)
    packages: frozenset[str] = field(default_factory=frozenset)
    unsure: frozenset[str] = field(default_factory=frozenset)
    everything: bool = False

    def touched_by(self, paths: Iterable[str], gone: frozenset[str] = frozenset()) -> bool:
        """Whether any of these paths is, or may have been, an input.

        Args:
            paths: What a commit changed.
            gone: Those of all commits that the checkout no longer has.
        """
        return self.everything or any(self._is_input(path, path in gone) for path in paths)

    def _is_input(self, path: str, gone: bool) -> bool:
        if path in self.files or changes_every_build(path):
            return True
        package = self._package_of(path)
        return package in self.unsure or (gone and package in self.packages)

    def _package_of(self, path: str) -> str | None:
        """The nearest directory above a file that is a package of interest."""
        names = ("" if str(above) == "." else str(above) for above in PurePosixPath(path).parents)
        return next((name for name in names if name in self.packages or name in self.unsure), None)


def changes_every_build(path: str) -> bool:
    """Whether a file can change what any target of the repository builds."""
    return path in _OF_EVERY_BUILD or path.endswith(".MODULE.bazel")


def package_of_build_file(path: str) -> str | None:
    """The package that a BUILD file makes of its directory: `svc` for `svc/BUILD.bazel`; None for any other file."""
    found = PurePosixPath(path)
    if found.name not in _BUILD_FILES:
        return None
    return "" if str(found.parent) == "." else str(found.parent)
