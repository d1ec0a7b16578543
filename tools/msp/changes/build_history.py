"""What an image was built from at other commits than the one that is checked out.

Bazel can be asked about the checkout alone. Where a BUILD or .bzl file of the image changed meanwhile, the labels in
its older texts tell which packages may have been part of the image, and theirs which more. That counts too much rather
than too little: a label that is only computed, and whose package nobody names, is the one thing that it can miss.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from msp.changes.commit import Commit
from msp.changes.inputs import ImageInputs, package_of_build_file
from msp.ci.git import Git

# A label of this repository in a BUILD or .bzl file: "//svc/lib:name", "@//svc/lib", '//svc'.
_LABEL = r"""["']@{0,2}//[^"':[:space:]]*"""
_BUILD_NAMES = ("BUILD.bazel", "BUILD")
_MOST_PATHS = 500  # in one command, which a system bounds (Linux: 2 MiB)


def with_history(
    inputs: ImageInputs, commits: Iterable[Commit], revisions: Iterable[str], elsewhere: Iterable[str], git: Git
) -> ImageInputs:
    """The inputs, and the packages that may have held some at the commits.

    Args:
        inputs: What Bazel says of the checkout.
        commits: Those to be judged.
        revisions: Where else to look: the oldest and the newest commit.
        elsewhere: Paths that differ between the checkout and the newest of the commits.
        git: In the checkout.
    """
    ends = dict.fromkeys((*revisions, "HEAD"))
    versions: dict[str, dict[str, None]] = defaultdict(lambda: dict(ends))
    for commit in commits:
        for path in commit.paths:
            versions[path].update({commit.id: None, f"{commit.id}^": None})
    changed = [path for path in {**versions, **dict.fromkeys(elsewhere)} if path in inputs.files and _says_inputs(path)]
    if not changed:
        return inputs
    unsure = {package for path in changed if (package := package_of_build_file(path)) is not None}
    if any(path.endswith(".bzl") for path in changed):
        unsure |= inputs.packages
    unsure |= _labels(changed, versions, git)
    ahead = set(unsure)
    while ahead:
        files = [f"{package}/{name}".lstrip("/") for package in sorted(ahead) for name in _BUILD_NAMES]
        ahead = _labels(files, versions, git) - unsure
        unsure |= ahead
    return replace(inputs, unsure=frozenset(unsure))


def _says_inputs(path: str) -> bool:
    return path.endswith(".bzl") or package_of_build_file(path) is not None


def _labels(paths: list[str], versions: Mapping[str, Mapping[str, None]], git: Git) -> set[str]:
    """The packages that any version of these files names."""
    by_revision: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for revision in versions[path]:
            by_revision[revision].append(path)
    found: set[str] = set()
    for revision, there in by_revision.items():
        for first in range(0, len(there), _MOST_PATHS):
            said = git("grep", "-h", "-o", "-I", "-E", _LABEL, revision, "--", *there[first : first + _MOST_PATHS])
            found |= {re.sub(r"^[\"'@]*//", "", line) for line in (said or "").splitlines()}
    return found
