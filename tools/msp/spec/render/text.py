"""Problems as compilers print them: place and message, the line, and a caret under the place."""

import unicodedata
from collections.abc import Iterable

from msp.spec.problem import EXCERPT_LENGTH, Problem


def render(problems: Iterable[Problem]) -> str:
    """One block of lines for each problem."""
    return "".join(f"{problem}\n{_quote(problem)}" for problem in problems)


def _quote(problem: Problem) -> str:
    piece, begin, cut = problem.excerpt
    if not piece.strip():
        return ""
    start = problem.column - 1 - begin
    meant = piece[start : start + min(problem.width, EXCERPT_LENGTH // 3)]
    head, tail = "…" if begin else "", "…" if cut else ""
    blank = " " * len(head) + "".join(map(_blank, piece[:start]))
    caret = "^" + "~" * (sum(map(_columns, meant)) - 1)
    return f"{problem.line:>5} | {head}{piece.rstrip()}{tail}\n{'':>5} | {blank}{caret}\n"


def _blank(character: str) -> str:
    """As much white space as the character takes on a terminal."""
    return character if character == "\t" else " " * _columns(character)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
