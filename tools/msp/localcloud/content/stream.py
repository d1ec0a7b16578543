"""A file, or a part of one, as the answer to a request."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from msp.localcloud.content.ranges import Part
from msp.localcloud.http_faults import SEND_FILE

_PIECE = 256 * 1024
# So that a client who stops reading is noticed in the middle of a large file, too.
_SENT_AT_ONCE = 8 * 1024 * 1024


class FileAnswer(Response):
    """Streams a file. The file may lose its name as soon as the answer began.

    Args:
        path: The file.
        part: The part that was asked for, or `None` for all of it.
        size: The file's bytes.
        headers: The answer's headers but for Content-Length and Content-Range.
    """

    def __init__(self, path: Path, part: Part | None, size: int, headers: Mapping[str, str]) -> None:
        start, length = (part.start, part.length) if part else (0, size)
        ranged = {"Content-Range": part.content_range} if part else {}
        super().__init__(status_code=206 if part else 200, headers={**headers, **ranged, "Content-Length": str(length)})
        self._path, self._start, self._length = path, start, length

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Sends the answer; of a HEAD request, its headers."""
        with _opened(self._path, self._start) as file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            left = 0 if scope["method"] == "HEAD" else self._length
            if SEND_FILE in scope.get("extensions", {}):
                left = await self._sent_by_the_kernel(file, left, send)
            while left > 0:
                piece = await asyncio.to_thread(file.read, min(left, _PIECE))
                if not piece:
                    raise EOFError(f"{self._path} is shorter than it was")
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _sent_by_the_kernel(self, file: BinaryIO, left: int, send: Send) -> int:
        """Sends the file without reading it here; returns what is left to send."""
        offset = self._start
        while left > 0:
            count = min(left, _SENT_AT_ONCE)
            await send({"type": SEND_FILE, "file": file, "offset": offset, "count": count, "more_body": True})
            offset, left = offset + count, left - count
        return left


def _opened(path: Path, start: int) -> BinaryIO:
    file = path.open("rb")
    file.seek(start)
    return file
