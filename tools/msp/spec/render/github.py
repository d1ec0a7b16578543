"""Problems as annotations of a GitHub Actions run.

The format is https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message,
its escapes are those of https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts.
"""

from collections.abc import Iterable

from msp.spec.problem import Problem

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def render(problems: Iterable[Problem]) -> str:
    """One line for each problem."""
    return "".join(map(_command, problems))


def _command(problem: Problem) -> str:
    place = f"line={problem.line},col={problem.column},endColumn={problem.column + problem.width}"
    properties = f"file={problem.file.translate(_PROPERTY)},{place},title=Service specification"
    subject = f"{problem.field}: " if problem.field else ""
    return f"::error {properties}::{(subject + problem.message).translate(_DATA)}\n"
