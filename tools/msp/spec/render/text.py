"""Problems as compilers print them: place and message, the line, and a caret under the place."""

import unicodedata
from collections.abc import Iterable

from msp.spec.problem import Problem

_WIDEST = 120
"""Longest piece of a line that is quoted, in characters."""


def render(problems: Iterable[Problem]) -> str:
    """One block of lines for each problem."""
    return "".join(f"{problem}\n{_quote(problem)}" for problem in problems)


def _quote(problem: Problem) -> str:
    before = problem.source[: problem.column - 1]
    begin = max(len(before) - _WIDEST * 2 // 3, 0)
    line = problem.source[begin : begin + _WIDEST]
    if not line.strip():
        return ""
    gutter = f"{problem.line:>5} | "
    head = "…" if begin else ""
    tail = "…" if begin + _WIDEST < len(problem.source) else ""
    blank = "".join(map(_blank, before[begin:]))
    meant = problem.source[problem.column - 1 : problem.column - 1 + problem.width][: _WIDEST // 3]
    caret = "^" + "~" * (sum(map(_columns, meant)) - 1)
    return f"{gutter}{head}{line.rstrip()}{tail}\n{' ' * 5} | {' ' * len(head)}{blank}{caret}\n"


def _blank(character: str) -> str:
    """As much white space as the character takes on a terminal."""
    return character if character == "\t" else " " * _columns(character)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
