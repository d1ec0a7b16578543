"""The part of a file that a request asks for with a Range header (RFC 9110, section 14)."""

import re
from dataclasses import dataclass


class RangeNotSatisfiableError(Exception):
    """The range begins past the file's end: 416."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file.

    Attributes:
        start: Its first byte, counted from 0.
        length: Its bytes.
        size: The whole file's bytes.
    """

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """The part as the Content-Range header of a 206 says it."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def requested_part(header: str | None, size: int) -> Part | None:
    """The part that a Range header asks for; `None` for the whole file.

    A header that is malformed, in other units or of several ranges is answered with the whole file, as a server may.

    Raises:
        RangeNotSatisfiableError: The range has no byte of the file.
    """
    found = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", (header or "").replace(" ", ""))
    if found is None or len(found[1]) > 18 or len(found[2]) > 18:
        return None
    first, last = found.groups()
    if first:
        start = int(first)
        stop = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    elif last:
        start, stop = max(size - int(last), 0), size
    else:
        return None
    if start >= stop:
        raise RangeNotSatisfiableError
    return Part(start, stop - start, size)
