"""Writes docs/rules.md in the user's checkout: `bazel run //tools/docs:update`."""

import os
from pathlib import Path

from docs.reference import render

LOAD = "@rules_msp//rules_msp:defs.bzl"


def main() -> None:
    """Writes the page, and says where."""
    extracted = Path(__file__).with_name("defs.binaryproto").read_bytes()
    page = Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "."), "docs", "rules.md")
    page.write_text(render(extracted, load=LOAD), encoding="utf-8")
    print(f"written: {page}")


if __name__ == "__main__":
    main()
