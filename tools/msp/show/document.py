"""What a command has to say, as a value: one document, that a terminal, Markdown and a page each show in their way.

Texts may come from outside; each renderer makes them harmless.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """What a text means, for its colour."""

    PLAIN = "plain"
    QUIET = "quiet"
    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Text:
    """Words of one meaning.

    Attributes:
        text: On one line.
        tone: What they mean.
        link: An address that they lead to, where that can be shown; empty for none.
        code: Whether it is a name or a command, to be set in a fixed width where that makes a difference.
    """

    text: str
    tone: Tone = Tone.PLAIN
    link: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, of one or several texts.

    Attributes:
        texts: One after another, with no space in between.
        mark: A sign in front: `✓`, `✗`, `◐`, `note:`.
    """

    texts: tuple[Text, ...]
    mark: str = ""

    @classmethod
    def of(cls, text: str, tone: Tone = Tone.PLAIN, *, mark: str = "") -> "Line":
        """A line of one text, whose mark has its tone."""
        return cls((Text(text, tone),), mark)


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column.

    Attributes:
        title: Its head.
        shrinks: Whether its texts may be cut where a terminal is too narrow; names that people copy may not.
    """

    title: str
    shrinks: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells.

    Attributes:
        columns: The heads.
        rows: Each with a cell for each column.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands to paste.

    Attributes:
        before: What they are for, ending in a colon; empty where that is plain.
        commands: Each on a line of its own, never cut and never folded.
    """

    before: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part with a heading.

    Attributes:
        title: The heading.
        blocks: What is in it.
        tone: What the heading means.
    """

    title: str
    blocks: "tuple[Block, ...]" = ()
    tone: Tone = Tone.PLAIN


Block = Line | Table | Commands | Section


@dataclass(frozen=True, slots=True)
class Document:
    """What a command has to say.

    Attributes:
        title: What it is about: `msp-example in us-central1`.
        blocks: What there is to say.
        data: The same for programs: what `--format=json` prints, as `json.dumps` takes it.
    """

    title: str
    blocks: tuple[Block, ...] = ()
    data: dict[str, object] = field(default_factory=dict)


def lines(texts: Iterable[str], *, mark: str = "", tone: Tone = Tone.PLAIN) -> tuple[Line, ...]:
    """A line for each text."""
    return tuple(Line.of(text, tone, mark=mark) for text in texts)
