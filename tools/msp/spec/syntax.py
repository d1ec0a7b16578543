"""A YAML parser's complaint -> what its reader should do, at the place where it should be done."""

import re
from collections.abc import Iterator
from itertools import islice

import yaml

from msp.spec.node import Place
from msp.spec.patterns import quoted
from msp.spec.problem import MAX_PROBLEMS

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line (YAML 1.1, section 5.4)."""

_MESSAGES = [
    # What libyaml or PyYAML says begins or contains -> what we say.
    ("mapping values are not allowed", "a `:` can't stand here; put text with `: ` in quotes, or mend the indentation"),
    ("unknown escape character", r"this escape is unknown; in double quotes a backslash is written `\\`"),
    ("expected <document start>", "the document ended before this; is there a bracket too many?"),
    ("incompatible YAML document", "this YAML version is not supported; remove the `%YAML` line"),
    ("unknown directive name", "this directive is unknown; remove the line"),
    ("undefined tag handle", "this tag is unknown; write a plain value"),
    ("expected comment or line break", "only the text's lines follow `|` or `>`, on lines of their own"),
    ("expected chomping or indentation indicators", "only the text's lines follow `|` or `>`, on lines of their own"),
    ("expected '-' indicator", "this stands where the list's next item would; begin it with `- `, or indent it"),
    ("expected key", "this does not belong here; mend the indentation, or put the whole text in quotes"),
    ("expected <block end>", "this does not belong here; mend the indentation, or put the whole text in quotes"),
    ("expected node content", "a value is missing before this"),
    ("expected the node content", "a value is missing before this"),
]  # fmt: skip


def explain(error: yaml.MarkedYAMLError, text: str, unclosed: Place | None) -> Iterator[tuple[Place, str]]:
    """What to say about a syntax error.

    Args:
        error: What the parser complains about, with its marks.
        text: The whole document.
        unclosed: Where the innermost `[` or `{` is that was not closed before the error.
    """
    lines = LINE_BREAK.split(text)
    mark = error.problem_mark or error.context_mark
    if mark is None:
        yield Place(1, 1), str(error.problem)
        return
    place = _visible(Place(mark.line + 1, mark.column + 1), lines)
    if "\t" in _indentation(lines[place.line - 1]):
        yield from islice(_tabs(lines), MAX_PROBLEMS)
    else:
        yield _explain_one(error, lines, place, unclosed)


def _explain_one(
    error: yaml.MarkedYAMLError, lines: list[str], place: Place, unclosed: Place | None
) -> tuple[Place, str]:
    problem, context = str(error.problem), str(error.context)
    begun = Place(error.context_mark.line + 1, error.context_mark.column + 1) if error.context_mark else place
    at_end = not "".join([lines[place.line - 1][place.column :], *lines[place.line :]]).strip()
    if ("quoted scalar" in context and "end of" in problem) or "document separator" in problem:
        return begun, "this quote is opened and never closed"
    if "simple key" in context:
        return begun, "a `:` with a blank is missing after this name, or the line is indented wrongly"
    if unclosed is not None:
        bracket = lines[unclosed.line - 1][unclosed.column - 1]
        if at_end:
            return unclosed, f"`{bracket}` is opened and never closed"
        close = "]" if bracket == "[" else "}"
        return place, f"expected `,` or `{close}` here, for the `{bracket}` on line {unclosed.line}"
    if "cannot start any token" in problem:
        character = lines[place.line - 1][place.column - 1 : place.column]
        return place, f"a text can't begin with {quoted(character)}; put it in quotes"
    message = next((message for part, message in _MESSAGES if part in problem), f"this is not YAML: {problem}")
    return place, message


def _visible(place: Place, lines: list[str]) -> Place:
    """The place, or the end of the last line that has something on it, when it is past all of them."""
    line = min(place.line, len(lines))
    if line == place.line and lines[line - 1].strip():
        return place
    while line > 1 and not lines[line - 1].strip():
        line -= 1
    return Place(line, max(len(lines[line - 1].rstrip()), 1))


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _tabs(lines: list[str]) -> Iterator[tuple[Place, str]]:
    for number, line in enumerate(lines, 1):
        indentation = _indentation(line)
        if "\t" in indentation and line.strip():
            column = indentation.index("\t")
            yield (
                Place(number, column + 1, len(indentation) - column),
                "this line is indented with a tab; YAML takes only spaces",
            )
