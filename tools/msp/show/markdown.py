"""Documents as Markdown, as GitHub and Buildkite read it."""

import re
from collections.abc import Iterable, Iterator

from msp.show.document import Block, Commands, Document, Line, Section, Table, Text
from msp.text import harmless

# What would be read as markup (https://github.github.com/gfm/), as HTML, or as an address that becomes a link.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&@!]|^[#+=-]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_NUMBER = re.compile(r"^(\d+)([.)])")


def markdown(document: Document) -> str:
    """The document, with a heading."""
    return "\n".join([f"## {_escaped(document.title)}", "", *_blocks(document.blocks, 3)])


def _blocks(blocks: Iterable[Block], level: int) -> Iterator[str]:
    for block in blocks:
        match block:
            case Line(texts, mark):
                yield f"{_escaped(mark.strip())} {''.join(map(_text, texts))}".strip() + "  "
            case Table(columns, rows):
                yield ""
                yield f"| {' | '.join(_escaped(column.title) for column in columns)} |"
                yield f"|{'---|' * len(columns)}"
                yield from (f"| {' | '.join(map(_text, row))} |" for row in rows)
                yield ""
            case Commands(before, commands):
                yield from ([_escaped(before)] if before else [])
                yield from ("", "```sh", *map(harmless, commands), "```", "")
            case Section(title, inner):
                yield from ("", f"{'#' * level} {_escaped(title)}", "")
                yield from _blocks(inner, min(level + 1, 6))


def _text(text: Text) -> str:
    shown = _code(text.text) if text.code else _escaped(text.text)
    return f"[{shown}](<{harmless(text.link)}>)" if text.link.startswith("https://") and ">" not in text.link else shown


def _code(text: str) -> str:
    """A name in a fixed width; a backtick in it would end that."""
    words = harmless(text)
    return _escaped(words) if "`" in words or "|" in words or not words else f"`{words}`"


def _escaped(text: str) -> str:
    return _NUMBER.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", harmless(text)))
