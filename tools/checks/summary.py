"""Sums the cases of a `bazel test` and prints them as its last line: `summary BUILD_EVENTS_JSON`.

The build events (`--build_event_json_file`) name the results of exactly this run, cached ones too; the folder of
test logs would also hold those of targets that are gone.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Cases:
    """How many test cases passed, failed (or broke), and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Cases") -> "Cases":
        return Cases(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def results(events: Iterable[str]) -> Iterator[tuple[str, str, Path | None]]:
    """For each test run: the target, its status, and its XML result if it left one."""
    for line in events:
        event = json.loads(line)
        if "testResult" not in event:
            continue
        result = event["testResult"]
        files = {output["name"]: output.get("uri", "") for output in result.get("testActionOutput", [])}
        xml = Path(unquote(urlsplit(files["test.xml"]).path)) if files.get("test.xml") else None
        yield event["id"]["testResult"]["label"], result["status"], xml


def cases(status: str, xml: Path | None) -> Cases:
    """Counts the cases of one test run; a run that failed without saying where counts as one failed case."""
    counted = Cases()
    if xml is not None and xml.is_file():
        for suite in ET.parse(xml).getroot().iter("testsuite"):  # noqa: S314 - written by our own tests
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            counted += Cases(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    if status != "PASSED" and counted.failed == 0:
        counted += Cases(failed=1)
    return counted


def main(events: Path) -> int:
    """Names the targets that failed and prints the sum; returns 1 when a case failed or none ran."""
    total = Cases()
    with events.open() as lines:
        for label, status, xml in results(lines):
            counted = cases(status, xml)
            if counted.failed:
                print(f"failed: {label}")
            total += counted
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return int(total.failed > 0 or total.passed == 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
