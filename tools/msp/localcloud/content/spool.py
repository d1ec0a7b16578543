"""A file that grows by whole appends, and the running hashes of what it holds."""

import asyncio
import os
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from msp.localcloud.content.body import RequestBody

# What is hashed and written at a time, in a thread: large enough for the hop to cost little, small enough for many
# uploads at once to stay in little memory.
_PIECE = 256 * 1024

_WRITTEN_OUT_AT_ONCE = 8 * 1024 * 1024


class LengthError(Exception):
    """A stream was longer or shorter than it had to be."""


class Hash(Protocol):
    """A running hash, as hashlib's are."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Takes in more bytes."""

    def digest(self) -> bytes:
        """The hash of all bytes so far."""

    def copy(self) -> Self:
        """Another hash that goes on from here."""


class Spool:
    """A file on its way in.

    Each `append` is taken as a whole or not at all: when its stream breaks off, the file and the hashes are as before.

    Args:
        path: Where the file grows; made when it isn't there.
        hashes: The hashes to keep, by name.
        durable: Whether an append has reached the disk when it returns.

    Attributes:
        path: Where the file grows.
        size: Its bytes so far.
    """

    def __init__(self, path: Path, hashes: Mapping[str, Callable[[], Hash]], *, durable: bool) -> None:
        self.path = path
        self.size = 0
        self._hashes = {name: make() for name, make in hashes.items()}
        self._durable = durable
        path.touch()

    @classmethod
    async def reopen(cls, path: Path, hashes: Mapping[str, Callable[[], Hash]], *, size: int, durable: bool) -> "Spool":
        """Goes on with a file of an earlier process: what was not acknowledged (past `size`) is cut off.

        Raises:
            ValueError: The file is gone, or holds less than `size` bytes.
        """
        return await asyncio.to_thread(cls._reopened, path, hashes, size=size, durable=durable)

    @classmethod
    def _reopened(cls, path: Path, hashes: Mapping[str, Callable[[], Hash]], *, size: int, durable: bool) -> "Spool":
        if not path.exists() or path.stat().st_size < size:
            raise ValueError(f"{path} does not hold the {size} bytes that were acknowledged")
        os.truncate(path, size)
        spool = cls(path, hashes, durable=durable)
        for piece in pieces(path):
            spool._update(piece)
        return spool

    def digest(self, name: str) -> bytes:
        """The named hash of all that was appended."""
        return self._hashes[name].digest()

    async def append(self, chunks: AsyncIterable[bytes], *, length: int | None = None) -> int:
        """Appends a stream to the file.

        Args:
            chunks: The bytes, in pieces of any size.
            length: How many bytes must come; `None` for any number.

        Returns:
            How many bytes came.

        Raises:
            LengthError: More or fewer came. Nothing was appended.
        """
        size = self.size
        hashes = {name: running.copy() for name, running in self._hashes.items()}
        file = await asyncio.to_thread(self.path.open, "ab")
        try:
            try:
                await self._fill(file, chunks, length)
            finally:
                await asyncio.to_thread(self._settle, file)
        except BaseException:
            os.truncate(self.path, size)
            self.size, self._hashes = size, hashes
            raise
        return self.size - size

    async def _fill(self, file: BinaryIO, chunks: AsyncIterable[bytes], length: int | None) -> None:
        if (
            isinstance(chunks, RequestBody)
            and length in {None, chunks.length}
            and await chunks.pour(lambda piece: self._write(file, piece))
        ):
            return
        piece = bytearray()
        came = 0
        async for chunk in chunks:
            piece += chunk
            came += len(chunk)
            if length is not None and came > length:
                raise LengthError(f"more than {length} bytes")
            if len(piece) >= _PIECE:
                await asyncio.to_thread(self._write, file, bytes(piece))
                piece.clear()
        if length is not None and came != length:
            raise LengthError(f"{came} bytes instead of {length}")
        if piece:
            await asyncio.to_thread(self._write, file, bytes(piece))

    def _write(self, file: BinaryIO, piece: bytes | memoryview) -> None:
        file.write(piece)
        written_out = self.size // _WRITTEN_OUT_AT_ONCE * _WRITTEN_OUT_AT_ONCE
        self._update(piece)
        if self._durable and self.size - written_out >= _WRITTEN_OUT_AT_ONCE:
            _write_out(file, written_out, self.size - written_out)

    def _update(self, piece: bytes | memoryview) -> None:
        for running in self._hashes.values():
            running.update(piece)
        self.size += len(piece)

    def _settle(self, file: BinaryIO) -> None:
        with file:
            file.flush()
            if self._durable:
                os.fsync(file.fileno())


def _write_out(file: BinaryIO, start: int, length: int) -> None:
    """Has the kernel begin to write a part to the disk, so that less is left to wait for at the end."""
    if hasattr(os, "posix_fadvise"):
        # Linux begins to write out what it is told is not needed any more, and keeps it until that is done.
        os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_DONTNEED)


def pieces(path: Path) -> Iterable[bytes]:
    """A file's content, in pieces."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
