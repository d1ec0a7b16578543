"""Problems as a SARIF log, for code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""

import json
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import quote

from msp.spec.problem import Problem

_RULE = "service-specification"


def render(problems: Iterable[Problem]) -> str:
    """A log of one run, with a result for each problem."""
    driver = {
        "name": "rules_msp",
        "rules": [{"id": _RULE, "shortDescription": {"text": "A service specification (service.yaml) is valid."}}],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem) for problem in problems],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _result(problem: Problem) -> dict[str, object]:
    subject = f"{problem.field}: " if problem.field else ""
    region = {
        "startLine": problem.line,
        "startColumn": problem.column,
        "endColumn": problem.column + problem.width,
        "snippet": {"text": problem.excerpt.text},
    }
    location: dict[str, object] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(problem.file)}, "region": region},
    }
    if problem.field:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.field}]
    return {
        "ruleId": _RULE,
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": subject + problem.message},
        "locations": [location],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
