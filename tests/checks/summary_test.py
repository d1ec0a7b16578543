"""The sum of a test run's cases, from what Bazel wrote."""

import json
from pathlib import Path

import pytest

from checks import summary

SUITE = '<testsuites><testsuite name="t" tests="5" failures="1" errors="1" skipped="1"/></testsuites>'


def event(label: str, status: str, xml: Path | None) -> str:
    outputs = [{"name": "test.log", "uri": "file:///nowhere"}]
    if xml is not None:
        outputs.append({"name": "test.xml", "uri": xml.as_uri()})
    return json.dumps(
        {"id": {"testResult": {"label": label}}, "testResult": {"status": status, "testActionOutput": outputs}}
    )


@pytest.fixture
def xml(tmp_path: Path) -> Path:
    path = tmp_path / "a b.xml"
    path.write_text(SUITE)
    return path


def run(tmp_path: Path, *events: str) -> int:
    file = tmp_path / "events.json"
    file.write_text("\n".join(['{"id": {"started": {}}}', *events]))
    return summary.main(file)


def test_cases_are_summed_over_targets(tmp_path: Path, xml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, event("//a:a", "FAILED", xml), event("//b:b", "FAILED", xml)) == 1
    assert capsys.readouterr().out.splitlines() == ["failed: //a:a", "failed: //b:b", "4 passed, 4 failed, 2 skipped"]


def test_a_run_that_left_no_result_is_one_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, event("//a:a", "TIMEOUT", None)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_no_test_at_all_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert capsys.readouterr().out == "0 passed, 0 failed, 0 skipped\n"


def test_passing_run_succeeds(tmp_path: Path) -> None:
    xml = tmp_path / "test.xml"
    xml.write_text('<testsuite tests="3" failures="0" errors="0" skipped="0"/>')
    assert run(tmp_path, event("//a:a", "PASSED", xml)) == 0
