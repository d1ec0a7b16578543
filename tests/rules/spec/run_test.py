"""`msp_spec_test`, run: for a bad specification it fails, says why, and its XML names the file."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest


def run(name: str, xml: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [f"tests/rules/spec/{name}.sh"],
        cwd=Path(os.environ["TEST_SRCDIR"]) / os.environ["TEST_WORKSPACE"],
        env={"PATH": os.environ["PATH"], "XML_OUTPUT_FILE": str(xml)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_bad(tmp_path: Path) -> None:
    done = run("bad_test", tmp_path / "test.xml")
    assert done.returncode == 1
    assert done.stdout.startswith("tests/rules/spec/bad.yaml:1:1: error: build: is required; `bulid` on line 6")
    (case,) = ET.parse(tmp_path / "test.xml").iter("testcase")  # noqa: S314 - our own
    assert case.get("name") == "tests/rules/spec/bad.yaml"
    assert "`bulid` on line 6 looks like it" in (case.findtext("failure") or "")


def test_good(tmp_path: Path) -> None:
    done = run("good_test", tmp_path / "test.xml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "tests/rules/spec/good.yaml: valid\n", "")
    (case,) = ET.parse(tmp_path / "test.xml").iter("testcase")  # noqa: S314 - our own
    assert (case.get("name"), list(case)) == ("tests/rules/spec/good.yaml", [])


def test_canonical_json() -> None:
    path = Path(os.environ["TEST_SRCDIR"]) / os.environ["TEST_WORKSPACE"] / "tests/rules/spec/good.spec.json"
    assert path.read_text(encoding="utf-8").startswith('{"build":{"image":')


pytestmark = pytest.mark.skipif("TEST_SRCDIR" not in os.environ, reason="what Bazel built is only there under Bazel")
