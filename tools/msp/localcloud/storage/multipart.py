"""multipart/related: the metadata and the content of an upload in one request (RFC 2387), as a stream.

apitools separates lines by LF and quotes the boundary with `'`; both are understood, as the real service does.
"""

import re
from collections.abc import AsyncIterator

from msp.localcloud.storage.errors import invalid

_MOST_METADATA_BYTES = 1024 * 1024


class MultipartReader:
    """Reads an upload's two parts, in order.

    Args:
        content_type: The request's Content-Type.
        chunks: The request's body.

    Raises:
        StorageError: 400 `invalid`: the Content-Type names no boundary.
    """

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        found = re.search(r"""boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))""", content_type, re.IGNORECASE)
        if found is None or not content_type.lower().startswith("multipart/"):
            raise invalid("A multipart upload has the Content-Type multipart/related, with a boundary.")
        self._delimiter = b"--" + next(group for group in found.groups() if group).encode()
        self._line_end = b"\r\n"
        self._chunks = chunks
        self._buffer = bytearray()
        self.content_type: str | None = None
        """The content's own Content-Type, once `metadata` was read."""

    async def metadata(self) -> bytes:
        """The first part, and the headers of the second.

        Raises:
            StorageError: 400 `invalid`: the body is not of two parts.
        """
        opening = await self._line()
        if opening.rstrip(b"\r\n") != self._delimiter:
            raise invalid("The multipart body does not begin with its boundary.")
        if not opening.endswith(b"\r\n"):
            self._line_end = b"\n"
        await self._headers()
        first = bytearray()
        while (line := await self._line()).rstrip(b"\r\n") != self._delimiter:
            first += line
            if not line or len(first) > _MOST_METADATA_BYTES:
                raise invalid("The multipart body has no second part.")
        self.content_type = (await self._headers()).get("content-type")
        return bytes(first)

    async def content(self) -> AsyncIterator[bytes]:
        """The second part, in pieces.

        Raises:
            StorageError: 400 `invalid`: the body ends without its closing boundary.
        """
        closing = self._line_end + self._delimiter + b"--"
        while (at := self._buffer.find(closing)) < 0:
            # What may be the beginning of the closing boundary waits for more.
            sure = len(self._buffer) - len(closing) + 1
            if sure > 0:
                yield bytes(self._buffer[:sure])
                del self._buffer[:sure]
            if not await self._more():
                raise invalid("The multipart body ends without its closing boundary.")
        yield bytes(self._buffer[:at])
        async for _ in self._chunks:
            pass  # an epilogue

    async def _headers(self) -> dict[str, str]:
        headers = {}
        while line := (await self._line()).decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > 100:
                raise invalid("The multipart body has too many headers.")
        return headers

    async def _line(self) -> bytes:
        """The next line, with its end; empty at the end of the body."""
        while (at := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MOST_METADATA_BYTES:
                raise invalid("The multipart body's metadata is too long.")
            if not await self._more():
                at = len(self._buffer) - 1
                break
        line = bytes(self._buffer[: at + 1])
        del self._buffer[: at + 1]
        return line

    async def _more(self) -> bool:
        async for chunk in self._chunks:
            if chunk:
                self._buffer += chunk
                return True
        return False
