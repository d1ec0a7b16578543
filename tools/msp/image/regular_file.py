"""Reading files that somebody else made: a FIFO, a device or a file without end must not hold us up."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegularError(OSError):
    """It is there, and is something else than a file: a directory, a FIFO, a device."""


class TooLargeError(OSError):
    """It is larger than it may be."""


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading, unbuffered; links are followed.

    Raises:
        NotRegularError: It is no regular file.
        OSError: It can't be opened.
    """
    try:
        # Opening a FIFO would wait for somebody to write to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError:
        raise OSError(None, "not a path") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(None, "not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0)


def read_regular(path: Path, limit: int) -> bytes:
    """All of a file of at most `limit` bytes.

    Raises:
        TooLargeError: It is larger.
        NotRegularError: It is no regular file.
        OSError: It can't be read.
    """
    pieces: list[bytes] = []
    left = limit + 1
    with open_regular(path) as file:
        while left > 0 and (piece := file.read(left)):
            pieces.append(piece)
            left -= len(piece)
    if left == 0:
        raise TooLargeError(None, f"larger than {limit} bytes")
    return b"".join(pieces)
