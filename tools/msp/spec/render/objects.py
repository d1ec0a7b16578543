"""Problems as a JSON list of objects."""

import json
from collections.abc import Iterable

from msp.spec.problem import Problem


def render(problems: Iterable[Problem]) -> str:
    """A list of objects with `file`, `line`, `column`, `field` and `message`; an empty list without problems."""
    objects = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "field": problem.field,
            "message": problem.message,
        }
        for problem in problems
    ]
    return json.dumps(objects, indent=2, ensure_ascii=False) + "\n"
