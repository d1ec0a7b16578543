"""A specification's file: its lines, and the problems found in it so far."""

import re

from msp.spec.node import Path, Place, dotted
from msp.spec.problem import EXCERPT_LENGTH, MAX_PROBLEMS, Excerpt, Problem, SpecError
from msp.spec.syntax import LINE_BREAK

MAX_BYTES = 1 << 20
"""Largest file that is read, in bytes."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML takes only escaped, in double quotes (YAML 1.1, section 5.1)."""


class Source:
    """A file as its reader sees it.

    Attributes:
        file: Its path, as the reader knows it.
        text: Its text, without byte order mark.
    """

    def __init__(self, data: bytes, file: str) -> None:
        self.file = file
        self.text = data[:MAX_BYTES].removeprefix(_UTF8_MARK).decode(errors="surrogateescape")
        self._lines = LINE_BREAK.split(self.text)
        self._problems: set[Problem] = set()
        if len(data) > MAX_BYTES:
            self.report(Place(1, 1), (), f"the file is larger than {MAX_BYTES:,} bytes; no specification needs that")
        elif data.startswith(_UTF16_MARKS):
            self.report(Place(1, 1), (), "the file is UTF-16; save it as UTF-8")
        else:
            self._check_characters()

    def report(self, place: Place, path: Path, message: str) -> None:
        """Adds a problem; a `yaml_tree.Report`."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.add(
                Problem(self.file, place.line, place.column, dotted(path), message, self._excerpt(place), place.width)
            )

    def _excerpt(self, place: Place) -> Excerpt:
        """The piece of the place's line that shows it."""
        line = self._lines[place.line - 1]
        begin = max(place.column - 1 - EXCERPT_LENGTH * 2 // 3, 0)
        piece = line[begin : begin + EXCERPT_LENGTH]
        return Excerpt(_UNPRINTABLE.sub("\ufffd", piece), begin, begin + EXCERPT_LENGTH < len(line))

    def raise_problems(self) -> None:
        """Raises everything that was reported, in the order of the file.

        Raises:
            SpecError: Something was reported.
        """
        if self._problems:
            raise SpecError(tuple(sorted(self._problems)))

    def _check_characters(self) -> None:
        """Reports, once a line, what YAML does not take."""
        if not _UNPRINTABLE.search(self.text):
            return
        for number, line in enumerate(self._lines, 1):
            if len(self._problems) == MAX_PROBLEMS:
                break
            if found := _UNPRINTABLE.search(line):
                self.report(Place(number, found.start() + 1), (), _unprintable(ord(found[0])))


def _unprintable(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # what surrogateescape makes of a byte that is not UTF-8
        return f"the byte 0x{code - 0xDC00:02X} is not UTF-8; save the file as UTF-8"
    escape = f'"\\u{code:04x}"' if code <= 0xFFFF else f'"\\U{code:08x}"'
    return f"the character U+{code:04X} can't stand here as it is; remove it, or write {escape} in double quotes"
