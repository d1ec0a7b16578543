"""Documents as lines of characters, in colours where a person looks at them."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from msp.show.document import Block, Column, Commands, Line, Section, Table, Text, Tone
from msp.text import harmless

# https://en.wikipedia.org/wiki/ANSI_escape_code#Select_Graphic_Rendition_parameters
_COLOURS = {Tone.QUIET: "2", Tone.GOOD: "32", Tone.WAITING: "33", Tone.BAD: "31"}
_GAP = "  "
_LEAST = 8  # cells that are left of a column that shrinks


@dataclass(frozen=True)
class Terminal:
    """How a terminal shows documents.

    Attributes:
        width: Characters in a line; tables are made to fit.
        colours: Whether it knows any, and they are wanted.
    """

    width: int = 80
    colours: bool = False

    def lines(self, blocks: Iterable[Block]) -> Iterator[str]:
        """Blocks as lines, with no line ends."""
        for block in blocks:
            match block:
                case Line(texts, mark):
                    shown = "".join(map(self._text, texts))
                    tone = texts[0].tone if texts else Tone.PLAIN
                    yield f"{self._text(Text(mark, tone))} {shown}" if mark else shown
                case Table(columns, rows):
                    yield from self._table(columns, rows)
                case Commands(before, commands):
                    if before:
                        yield harmless(before)
                    yield from (f"  {harmless(command)}" for command in commands)
                case Section(title, inner, tone):
                    yield ""
                    yield self._text(Text(title, tone))
                    yield from (f"{_GAP}{line}" if line else "" for line in self._narrower().lines(inner))

    def _narrower(self) -> "Terminal":
        return Terminal(self.width - len(_GAP), self.colours)

    def _text(self, text: Text, cells: int = 0) -> str:
        """A text, filled up with blanks to so many cells."""
        words = harmless(text.text)
        blanks = " " * (cells - width(words))
        code = _COLOURS.get(text.tone)
        return f"\x1b[{code}m{words}\x1b[0m{blanks}" if code and self.colours and words else words + blanks

    def _table(self, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> Iterator[str]:
        heads = [Text(column.title, Tone.QUIET) for column in columns]
        table = [heads, *rows] if any(column.title for column in columns) else [*rows]
        widths = self._widths(columns, table)
        for row in table:
            cells = [self._text(_cut(text, cells), cells) for text, cells in zip(row, widths, strict=True)]
            yield _GAP.join(cells).rstrip()

    def _widths(self, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[int]:
        widths = [max((width(harmless(row[at].text)) for row in rows), default=0) for at in range(len(columns))]
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - self.width
        while over > 0:
            shrinking = [at for at, column in enumerate(columns) if column.shrinks and widths[at] > _LEAST]
            if not shrinking:
                break
            widest = max(shrinking, key=lambda at: widths[at])
            widths[widest] -= 1
            over -= 1
        return widths


def width(text: str) -> int:
    """How many cells of a terminal a text takes (https://www.unicode.org/reports/tr11/)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) or unicodedata.category(each) == "Cf"
        else 2 if unicodedata.east_asian_width(each) in "WF"
        else 1
        for each in text
    )  # fmt: skip


def _cut(text: Text, cells: int) -> Text:
    words = harmless(text.text)
    if width(words) <= cells:
        return text
    while words and width(words) > cells - 1:
        words = words[:-1]
    return Text(f"{words}…", text.tone, text.link, text.code)
