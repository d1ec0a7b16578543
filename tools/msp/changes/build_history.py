"""What an image was built from at other commits than the one that is checked out.

Bazel can be asked about the checkout alone. What it says holds for every commit of a range but for what the range
itself changed in BUILD and .bzl files: whatever was an input meanwhile and is none now stands in a line that was taken
out or put in. So the labels, file names and patterns of those lines are followed as well, for as long as they lead
further. That counts too much rather than too little: only a name that is computed can be missed.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from msp.changes.inputs import ImageInputs, package_of_build_file

_STRING = re.compile(r""""([^"\n]+)"|'([^'\n]+)'""")
_CHANGED_LINE = re.compile(r"^[+-](?![+-]{2} )(.*)$")
_FILE_HEADER = re.compile(r"^(?:---|\+\+\+) (.+?)\t?$")
_NO_FILE = "/dev/null"
# A range that leads to more than that is a change of the repository's whole build.
_MOST_LABELS = 1000


@dataclass(frozen=True)
class ChangedText:
    """What lines that changed in a BUILD or .bzl file name.

    Attributes:
        labels: Targets and source files of this repository: `//lib:lib`.
        files: Paths that a plain name may stand for: `svc/main.py`.
        globbed: Packages in which a pattern changed.
    """

    labels: frozenset[str]
    files: frozenset[str]
    globbed: frozenset[str]


def with_history(
    query: Callable[[frozenset[str]], ImageInputs | None], image: str, diff: Callable[[list[str]], str]
) -> ImageInputs | None:
    """What an image was built from at any commit of a range.

    Args:
        query: Asks what targets are built from at the checkout; None where there is no answer.
        image: Label of the image: `//svc:image`.
        diff: The range's changes of these files, as `git log --patch --unified=0` prints them without prefixes.

    Returns:
        The inputs; None where Bazel does not answer.
    """
    labels, seen = frozenset({image}), frozenset[str]()
    inputs = ImageInputs()
    while labels != seen and len(labels) <= _MOST_LABELS:
        found = query(labels)
        if found is None:
            return None
        seen = labels
        named = _build_files(found, labels)
        changed = changed_text(diff(named), found.packages) if named else ChangedText(*[frozenset[str]()] * 3)
        inputs = replace(found, files=found.files | changed.files, unsure=changed.globbed)
        labels |= changed.labels
    return replace(inputs, everything=len(labels) > _MOST_LABELS)


def changed_text(diff: str, packages: Iterable[str]) -> ChangedText:
    """What the changed lines of a diff name.

    Args:
        diff: Unified, without context and prefixes.
        packages: Those of the image: a plain name in a .bzl file may be of any of them.
    """
    labels: set[str] = set()
    files: set[str] = set()
    globbed: set[str] = set()
    for path, text in _changed_lines(diff):
        package = package_of_build_file(path)
        own = list(packages) if package is None else [package]
        for name in _strings(text):
            if re.match(r"@{0,2}//", name):
                labels.add(name.lstrip("@"))
            elif "*" in name:
                globbed.update(own)
            elif not name.startswith("@"):
                plain = name.removeprefix(":")
                files.update(_path(each, plain) for each in own)
                if package is not None or name.startswith(":"):
                    labels.update(f"//{each}:{plain}" for each in own)
    return ChangedText(frozenset(filter(_is_label, labels)), frozenset(files), frozenset(globbed))


def _changed_lines(diff: str) -> Iterator[tuple[str, str]]:
    path = ""
    for line in diff.splitlines():
        if (header := _FILE_HEADER.match(line)) and header[1] != _NO_FILE:
            path = header[1]
        elif changed := _CHANGED_LINE.match(line):
            yield path, changed[1]


def _strings(text: str) -> Iterator[str]:
    for double, single in _STRING.findall(text):
        yield double or single


def _is_label(text: str) -> bool:
    # What Bazel's query language takes unquoted or in quotes; anything else is no label of a file that exists.
    return re.fullmatch(r"//[\w./+=,@~#-]*(:[\w./+=,@~#-]+)?", text) is not None and not text.endswith("//")


def _path(package: str, name: str) -> str:
    return str(PurePosixPath(package) / name)


def _build_files(inputs: ImageInputs, labels: Iterable[str]) -> list[str]:
    """The files that say what is built from what: those of the inputs, and of packages that are only named."""
    of_labels = {label.removeprefix("//").partition(":")[0] for label in labels}
    packages = of_labels | inputs.packages
    files = {_path(package, name) for package in packages for name in ("BUILD.bazel", "BUILD")}
    return sorted(files | {path for path in inputs.files if path.endswith(".bzl")})
