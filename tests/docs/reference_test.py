"""docs/rules.md is what rules_msp/defs.bzl says: `bazel run //tools/docs:update` brings it up to date."""

from pathlib import Path

import pytest

from docs.reference import render
from docs.update import LOAD

ROOT = Path(__file__).parents[2]
EXTRACTED = ROOT / "tools/docs/defs.binaryproto"


@pytest.mark.skipif(not EXTRACTED.exists(), reason="what Bazel extracts is there only under Bazel")
def test_page_is_current() -> None:
    current = render(EXTRACTED.read_bytes(), load=LOAD)
    page = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    assert page == current, "docs/rules.md is not what defs.bzl says; run: bazel run //tools/docs:update"


@pytest.mark.skipif(not EXTRACTED.exists(), reason="what Bazel extracts is there only under Bazel")
def test_every_public_symbol_is_documented() -> None:
    page = render(EXTRACTED.read_bytes(), load=LOAD)
    exported = [
        line.split()[0] for line in (ROOT / "rules_msp/defs.bzl").read_text("utf-8").splitlines() if " = _" in line
    ]
    public = [name for name in exported if not name.startswith("_")]
    assert public
    for name in public:
        assert f"\n## {name}\n" in page
    undocumented = [line for line in page.splitlines() if line.startswith("| `") and line.endswith("` |  |")]
    assert undocumented == []


def test_text_of_bazel_7_is_read_as_it_was_written() -> None:
    # ModuleInfo.module_docstring (field 5) with "…" as Bazel 7 and as later ones write it.
    twice = "…".encode().decode("latin-1").encode()
    for text in (twice, "…".encode()):
        assert "\n…\n" in render(bytes([5 << 3 | 2, len(text)]) + text, load=LOAD)
