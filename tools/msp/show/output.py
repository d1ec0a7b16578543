"""Where a command says what it has to say: at once on a terminal, as one whole in the other formats."""

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TextIO

from msp.show.document import Block, Document, Line
from msp.show.terminal import Terminal


class Format(StrEnum):
    """How it is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class Output:
    """Takes what a command says, in order.

    Args:
        out: Where to write: stdout.
        form: How.
        terminal: How lines are shown, where they are.
    """

    def __init__(self, out: TextIO, form: Format = Format.TABLE, terminal: Terminal | None = None) -> None:
        with suppress(AttributeError):
            out.reconfigure(errors="replace")  # type: ignore[attr-defined]  # a terminal may know no such character
        self._out = out
        self._format = form
        self._terminal = terminal or Terminal()
        self._title = ""
        self._blocks: list[Block] = []
        self._data: dict[str, object] = {}

    def begin(self, title: str) -> None:
        """Says what it is about."""
        self._title = title
        if self._format is Format.TABLE:
            self._write(self._terminal.lines([Line.of(title)]))

    def say(self, *blocks: Block) -> None:
        """Says something."""
        self._blocks += blocks
        if self._format is Format.TABLE:
            self._write(self._terminal.lines(blocks))

    def progress(self, *blocks: Block) -> None:
        """Says something that only matters to somebody who watches."""
        if self._format is Format.TABLE:
            self._write(self._terminal.lines(blocks))

    def record(self, **fields: object) -> None:
        """Keeps facts for programs, as `json.dumps` takes them."""
        self._data |= fields

    def end(self) -> None:
        """Writes the whole, where it is written as one."""
        document = Document(self._title, tuple(self._blocks), self._data)
        match self._format:
            case Format.TABLE:
                return
            case Format.JSON:
                # A CI that reads logs for commands would find an older one in the midst of a text.
                self._write([json.dumps(document.data, indent=2, ensure_ascii=True).replace("##[", r"##\u005b")])
            case Format.MARKDOWN:
                from msp.show.markdown import markdown

                self._write([markdown(document)])
            case Format.HTML:
                from msp.show.html import page

                self._write([page(document)])

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._out.write(f"{line}\n")
        self._out.flush()


def shown(document: Document, output: Output, exit_code: int = 0) -> int:
    """Says a whole document, and gives back the exit code that goes with it."""
    output.begin(document.title)
    output.record(**document.data)
    output.say(*document.blocks)
    return exit_code


def terminal_of(out: TextIO, environment: Mapping[str, str]) -> Terminal:
    """What is known of the terminal behind a stream: 80 characters wide and without colours where it is none.

    Args:
        out: The stream.
        environment: `COLUMNS` says another width, `NO_COLOR` (https://no-color.org) that colours are unwanted.
    """
    is_terminal = out.isatty()
    colours = is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return Terminal(shutil.get_terminal_size().columns if is_terminal or "COLUMNS" in environment else 80, colours)
