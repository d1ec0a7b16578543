"""Problems in the formats of tools."""

import json
from xml.etree import ElementTree as ET

from msp.spec import Problem
from msp.spec.problem import Excerpt
from msp.spec.render import github, junit, objects, sarif, text

PROBLEM = Problem("a, b/ü%.yaml", 3, 5, "service.id", "100% wrong: `x`,\r\n<&>", Excerpt("  é: x\ty"), 3)
WHOLE = Problem("service.yaml", 1, 1, "", "the file is empty")


def test_text_quotes_the_line_with_a_caret_under_the_place() -> None:
    assert text.render([PROBLEM, WHOLE]).splitlines()[2:] == [
        "    3 |   é: x\ty",
        "      |     ^~~",
        "service.yaml:1:1: error: the file is empty",
    ]


def test_text_keeps_the_caret_under_tabs_and_wide_characters() -> None:
    problem = Problem("f", 1, 5, "", "m", Excerpt("\t服é: wrong"), 1)
    assert text.render([problem]).splitlines()[1:] == ["    1 | \t服é: wrong", "      | \t    ^"]


def test_text_shows_that_a_line_is_cut() -> None:
    problem = Problem("f", 1, 103, "", "m", Excerpt("abcdef", 100, cut=True), 2)
    assert text.render([problem]).splitlines()[1:] == ["    1 | …abcdef…", "      |    ^~"]


def test_json_has_the_five_fields() -> None:
    assert json.loads(objects.render([WHOLE])) == [
        {"file": "service.yaml", "line": 1, "column": 1, "field": "", "message": "the file is empty"}
    ]
    assert json.loads(objects.render([])) == []


def test_github_commands_are_escaped() -> None:
    assert github.render([PROBLEM]) == (
        "::error file=a%2C b/ü%25.yaml,line=3,col=5,endColumn=8,title=Service specification"
        "::service.id: 100%25 wrong: `x`,%0D%0A<&>\n"
    )


def test_sarif_points_at_the_place() -> None:
    (run,) = json.loads(sarif.render([PROBLEM, WHOLE]))["runs"]
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%2C%20b/%C3%BC%25.yaml"
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endColumn": 8, "snippet": {"text": "  é: x\ty"}}
    assert first["message"]["text"].startswith("service.id: 100% wrong")
    assert second["message"]["text"] == "the file is empty"
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"]


def test_junit_has_a_case_for_each_file() -> None:
    suites = ET.fromstring(junit.render({"good.yaml": (), "bad\x00.yaml": (PROBLEM,)}))  # noqa: S314 - our own
    assert suites.attrib == {"tests": "2", "failures": "1"}
    good, bad = suites.iter("testcase")
    assert (good.get("name"), list(good)) == ("good.yaml", [])
    assert bad.get("name") == "bad\ufffd.yaml"
    assert "service.id: 100% wrong" in (bad.findtext("failure") or "")
