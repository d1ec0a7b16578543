"""Asking Bazel what an image is built from, at the commit that is checked out."""

import re
from collections.abc import Iterable

from msp.changes.inputs import ImageInputs, package_of_build_file
from msp.ci.bazel import Bazel

# //package:name of this workspace, also in the form that names its repository: @//…, @@//….
_LABEL = re.compile(r"^@{0,2}//(?P<package>[^:]*):(?P<name>.+)$")


def query_inputs(bazel: Bazel, targets: Iterable[str]) -> ImageInputs | None:
    """What targets are built from, as the BUILD files stand in the checkout.

    Asks for source files, and for the BUILD and .bzl files that say how they are used. `query` knows no configuration,
    so that every branch of a `select` counts.

    Args:
        bazel: Runs Bazel in the workspace.
        targets: Their labels: `//svc:image`; those that do not exist are passed over.

    Returns:
        The inputs; None where Bazel does not answer.
    """
    deps = "deps(set({}))".format(" ".join(f'"{label}"' for label in sorted(targets)))
    said = bazel(
        "query",
        f'kind("source file", {deps}) + buildfiles({deps})',
        "--output=label",
        "--keep_going",
        "--noshow_progress",
    )
    return None if said is None else inputs_of(said)


def inputs_of(labels: str) -> ImageInputs:
    """The inputs that a query's labels name, one a line; those of other repositories come by way of MODULE.bazel."""
    files, packages = set(), set()
    for line in labels.splitlines():
        found = _LABEL.match(line.strip())
        if found is None:
            continue
        path = f"{found['package']}/{found['name']}".lstrip("/")
        files.add(path)
        if (package := package_of_build_file(path)) is not None:
            packages.add(package)
        else:
            packages.add(found["package"])
    return ImageInputs(frozenset(files), frozenset(packages))
