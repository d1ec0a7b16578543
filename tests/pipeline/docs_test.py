"""docs/pipeline.md: its commands print what it says, and what it lists is what there is."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from msp.localcloud.pytest_plugin import CloudThread, local_cloud
from msp.pipeline.files import generate
from msp.spec import load

__all__ = ["local_cloud"]

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs/pipeline.md").read_text(encoding="utf-8")
PACKAGE = TESTS / "rules/pipeline"


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_snippet_is_one_that_is_built() -> None:
    build_file = (PACKAGE / "BUILD.bazel").read_text(encoding="utf-8")
    _, *calls = block("starlark").split("\n\n")
    assert len(calls) == 2
    for call in calls:
        assert call.strip() in build_file


def test_every_file_and_its_group_is_listed() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| (`[^|]+`) \|", PAGE.partition("## From")[0], re.MULTILINE)
    listed = {name for _, names in rows for name in re.findall(r"`([^`]+)`", names)}
    assert listed == set(generate(load(PACKAGE / "service.yaml"), "us-central1", ""))
    groups = {group for groups, _ in rows for group in re.findall(r"`([^`]+)`", groups)}
    rule = (TESTS.parent / "rules_msp/private/pipeline.bzl").read_text(encoding="utf-8")
    assert groups == set(re.findall(r'^    "(\w+)": "\S+",$', rule, re.MULTILINE))


def test_the_console_shows_what_is_printed(local_cloud: CloudThread, tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_bytes((PACKAGE / "service.yaml").read_bytes())
    shown = ""
    for line in block("console").splitlines():
        if not line.startswith("$ "):
            continue
        shown += f"{line}\n"
        command = re.sub(
            r"bazel run //svc:pipeline\.(\w+)",
            rf"{shlex.quote(sys.executable)} -m msp.cli.\1 --spec=service.yaml",
            line.removeprefix("$ "),
        )
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(sys.path),
            "MSP_LOCAL_CLOUD": local_cloud.http_url,
        }
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        shown += done.stdout
    assert shown == block("console")
