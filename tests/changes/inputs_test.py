"""Which paths count as what an image is built from."""

import pytest

from msp.changes.inputs import ImageInputs
from msp.changes.query import inputs_of

LABELS = """\
//svc:main.py
//svc:sub/data.txt
//svc:BUILD.bazel
//tools/rules:image.bzl
@@//:root.py
//:BUILD
@pip//requests:x.py
@@rules_python+//python:defs.bzl
"""


def test_labels_become_paths_and_other_repositories_are_left_out() -> None:
    inputs = inputs_of(LABELS)
    assert inputs.files == {
        "svc/main.py",
        "svc/sub/data.txt",
        "svc/BUILD.bazel",
        "tools/rules/image.bzl",
        "root.py",
        "BUILD",
    }
    assert inputs.packages == {"svc", "tools/rules", ""}


@pytest.mark.parametrize(
    ("path", "touched"),
    [
        ("svc/main.py", True),
        ("svc/other.py", False),
        (".bazelrc", True),
        ("third_party/go.MODULE.bazel", True),
        ("lib/anything", True),
        ("lib/below/file", True),
        ("unknown/file", False),
    ],
)
def test_what_counts(path: str, *, touched: bool) -> None:
    inputs = ImageInputs(files=frozenset({"svc/main.py"}), packages=frozenset({"svc"}), unsure=frozenset({"lib"}))
    assert inputs.touched_by([path]) is touched


def test_what_is_gone_counts_in_a_package_of_the_image_alone() -> None:
    inputs = ImageInputs(packages=frozenset({"svc"}))
    assert inputs.touched_by(["svc/gone.py"], gone=frozenset({"svc/gone.py"}))
    assert not inputs.touched_by(["else/gone.py"], gone=frozenset({"else/gone.py"}))
