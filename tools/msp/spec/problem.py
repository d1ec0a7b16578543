"""What is wrong with a specification, and where."""

import dataclasses
from dataclasses import dataclass
from typing import Final, NamedTuple

from msp.errors import MspError

MAX_PROBLEMS: Final = 500
"""How many problems of a file are told; what has more of them is not a specification that someone wrote."""

EXCERPT_LENGTH: Final = 120
"""Longest piece of a line that is quoted, in characters."""


class Excerpt(NamedTuple):
    """A piece of a line.

    Attributes:
        text: The piece, with everything that a terminal would not print replaced.
        begin: How many characters of the line come before it.
        cut: Whether the line goes on after it.
    """

    text: str = ""
    begin: int = 0
    cut: bool = False


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a file.

    Attributes:
        file: Path of the file as its reader knows it.
        line: Line, from 1.
        column: Column in characters, from 1.
        field: Path of the field, as in `environments[0].deploy.type`; empty when the file as a whole is meant.
        message: What is wrong, and what to write instead.
        excerpt: The piece of the line to be quoted.
        width: How many characters of the line are meant, at least 1.
    """

    file: str
    line: int
    column: int
    field: str
    message: str
    excerpt: Excerpt = dataclasses.field(default=Excerpt(), compare=False)
    width: int = dataclasses.field(default=1, compare=False)

    def __str__(self) -> str:
        """The problem on one line, as compilers write it: `FILE:LINE:COLUMN: error: FIELD: MESSAGE`."""
        subject = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}:{self.column}: error: {subject}{self.message}"


class SpecError(MspError):
    """A specification is not valid.

    Attributes:
        problems: Everything that was found, in the order of the file.
    """

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        from msp.spec.render import text

        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        super().__init__(f"{problems[0].file} has {count}", hint=text.render(problems).rstrip("\n"))
        self.problems = problems
