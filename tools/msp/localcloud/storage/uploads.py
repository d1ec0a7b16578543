"""Resumable uploads: begun with the metadata, filled in order, queried, resumed, finished.

https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

import hashlib
import json
import re
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from copy import copy
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import google_crc32c

from msp.localcloud.clock import Clock
from msp.localcloud.content import ContentDirectory, LengthError, Locks, Spool
from msp.localcloud.storage.errors import StorageError, invalid
from msp.localcloud.storage.objects import Address, Objects
from msp.localcloud.storage.preconditions import Preconditions
from msp.localcloud.storage.records import Object
from msp.localcloud.store import Store


class Crc32c:
    """The running CRC32C of what may be a memoryview, which google_crc32c does not take."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        """Takes in more bytes."""
        self._value = google_crc32c.extend(self._value, bytes(data))

    def digest(self) -> bytes:
        """The checksum of all bytes so far, big-endian."""
        return self._value.to_bytes(4)

    def copy(self) -> "Crc32c":
        """Another checksum that goes on from here."""
        return copy(self)


HASHES: Mapping[str, Any] = {"crc32c": Crc32c, "md5": lambda: hashlib.md5(usedforsecurity=False)}
"""What is computed of every object's content."""

LIFETIME = timedelta(days=7)
"""How long an upload can be resumed, finished or not, at the next start."""

GRANULARITY = 256 * 1024
"""The fewest bytes of a chunk that is not the last one."""

_KIND = "storage.upload"


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A Content-Range header of an upload: `bytes 0-99/100`, `bytes 0-99/*`, `bytes 0-*/*`, `bytes */100`, `bytes */*`.

    Attributes:
        start: The first byte sent; `None` when none is.
        end: The last byte sent; `None` when all the rest is, as Node's client says it.
        total: The bytes of the whole; `None` when the client doesn't know yet.
    """

    start: int | None
    end: int | None
    total: int | None

    @property
    def is_the_rest(self) -> bool:
        """Whether the request brings all that is still missing, however much that is."""
        return self.start is not None and self.end is None

    @classmethod
    def parse(cls, header: str) -> "ContentRange":
        """Reads a header.

        Raises:
            StorageError: 400 `invalid`.
        """
        found = re.fullmatch(r"bytes (?:([0-9]{1,18})-(?:([0-9]{1,18})|\*)|\*)/(?:([0-9]{1,18})|\*)", header.strip())
        if found is None:
            raise invalid(f"Failed to parse Content-Range header: {header!r}")
        start, end, total = (None if group is None else int(group) for group in found.groups())
        if start is not None and end is not None and (end < start or (total is not None and end >= total)):
            raise invalid(f"Failed to parse Content-Range header: {header!r}")
        return cls(start, end, total)


@dataclass(frozen=True, slots=True)
class _Session:
    """An upload under way, or (with a generation) finished."""

    bucket: str
    name: str
    resource: dict[str, Any]
    preconditions: dict[str, int | None]
    offset: int
    updated: str
    generation: int | None = None


class Uploads:
    """The resumable uploads.

    An acknowledged chunk is kept when the process is killed; a chunk that broke off leaves no trace.
    """

    def __init__(self, store: Store, directory: ContentDirectory, objects: Objects, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._objects = objects
        self._clock = clock
        self._spools: dict[str, Spool] = {}
        self._locks = Locks()

    def spool(self) -> Spool:
        """A file for content that comes in one request, to be given to `Objects.insert` or to `discard`."""
        return Spool(self._directory.incoming(uuid.uuid4().hex), HASHES, durable=self._directory.durable)

    def discard(self, spool: Spool) -> None:
        """Removes what came, unless it became an object."""
        spool.path.unlink(missing_ok=True)

    def begin(self, address: Address, resource: Mapping[str, Any], preconditions: Preconditions) -> str:
        """Begins an upload; returns its identifier.

        Raises:
            StorageError: 400, 403, 404, 412: the object could not be written now.
        """
        self._objects.check(address, preconditions)
        identifier = uuid.uuid4().hex
        session = _Session(address.bucket, address.name, dict(resource), asdict(preconditions), 0, "")
        spool = Spool(self._directory.incoming(identifier), HASHES, durable=self._directory.durable)
        try:
            self._note(identifier, session)
        except BaseException:
            spool.path.unlink()
            raise
        self._spools[identifier] = spool
        return identifier

    async def put(
        self,
        identifier: str,
        content_range: ContentRange | None,
        chunks: AsyncIterable[bytes],
        hashes: Mapping[str, str],
    ) -> Object | int:
        """Adds a chunk, or asks how far the upload is.

        Args:
            identifier: The upload.
            content_range: What the chunk is; `None` when it is the whole content.
            chunks: The chunk.
            hashes: The content's `md5Hash` and `crc32c` if the client told them with this chunk.

        Returns:
            The object when the upload is finished (now or before), else how many bytes are kept.

        Raises:
            StorageError: 404: there is no such upload; 400: the chunk is not what it says, or does not go on where
                the last one ended; what `Objects.insert` raises.
        """
        async with self._locks.of(identifier):
            session = self._session(identifier)
            if session.generation is not None:
                return self._objects.get(Address(session.bucket, session.name, session.generation))
            spool = await self._spool(identifier, session)
            if content_range is None or content_range.start is not None:
                await self._append(spool, content_range, chunks)
            total = spool.size if content_range is None or content_range.is_the_rest else content_range.total
            if total is None or spool.size < total:
                if spool.size != session.offset:
                    self._note(identifier, _with(session, offset=spool.size))
                return spool.size
            if spool.size > total:
                raise invalid(f"The upload has {spool.size} bytes already, more than the {total} of the Content-Range.")
            return self._finish(identifier, _with(session, resource={**session.resource, **hashes}), spool)

    async def cancel(self, identifier: str) -> None:
        """Ends an upload and removes what came.

        Raises:
            StorageError: 404.
        """
        async with self._locks.of(identifier):
            session = self._session(identifier)
            if session.generation is None:
                self.discard(await self._spool(identifier, session))
                del self._spools[identifier]
            self._store.delete(_KIND, identifier)

    def expire(self) -> set[str]:
        """Forgets the uploads that are older than `LIFETIME`; returns the identifiers of those to be resumed."""
        resumable = set()
        for document in self._store.list(_KIND):
            session = _Session(**json.loads(document.payload))
            if datetime.fromisoformat(session.updated) + LIFETIME < self._clock.now():
                self._store.delete(_KIND, document.name)
            elif session.generation is None:
                resumable.add(document.name)
        return resumable

    async def _append(self, spool: Spool, content_range: ContentRange | None, chunks: AsyncIterable[bytes]) -> None:
        if content_range is None or content_range.start is None or content_range.end is None:
            await self._append_rest(spool, content_range, chunks)
            return
        length = content_range.end + 1 - content_range.start
        last = content_range.total == content_range.end + 1
        if not last and length < GRANULARITY:
            raise invalid(
                "Invalid request.  The number of bytes uploaded is required to be equal or greater than "
                f"{GRANULARITY}, except for the final request (it's recommended to be the exact multiple of "
                f"{GRANULARITY}).  The received request contained {length} bytes, which does not meet this requirement."
            )
        _check_offset(content_range.start, spool.size)
        # A client that lost an answer sends again what is kept already.
        known = min(spool.size - content_range.start, length)
        try:
            await spool.append(_after(chunks, known) if known else chunks, length=length - known)
        except LengthError as error:
            raise invalid(f"The Content-Range says {length} bytes, the body is otherwise: {error}") from None

    async def _append_rest(
        self, spool: Spool, content_range: ContentRange | None, chunks: AsyncIterable[bytes]
    ) -> None:
        if content_range is None or content_range.start is None:
            if spool.size:
                raise invalid("The upload was begun in chunks; a Content-Range is needed to go on.")
            await spool.append(chunks)
            return
        _check_offset(content_range.start, spool.size)
        known = spool.size - content_range.start
        length = None if content_range.total is None else content_range.total - spool.size
        try:
            await spool.append(_after(chunks, known) if known else chunks, length=length)
        except LengthError as error:
            raise invalid(f"The Content-Range says {content_range.total} bytes in all: {error}") from None

    def _finish(self, identifier: str, session: _Session, spool: Spool) -> Object:
        address = Address(session.bucket, session.name)
        try:
            with self._store.transaction():
                stored = self._objects.insert(address, session.resource, spool, Preconditions(**session.preconditions))
                self._note(identifier, _with(session, generation=stored.generation))
        except StorageError:
            # What came can't become this object any more; the client has to begin again.
            self.discard(spool)
            self._store.delete(_KIND, identifier)
            raise
        finally:
            del self._spools[identifier]
        return stored

    def _session(self, identifier: str) -> _Session:
        payload = self._store.get(_KIND, identifier)
        if payload is None:
            raise _unknown()
        return _Session(**json.loads(payload))

    def _note(self, identifier: str, session: _Session) -> None:
        session = _with(session, updated=self._clock.now().isoformat())
        self._store.put(_KIND, identifier, json.dumps(asdict(session)).encode())

    async def _spool(self, identifier: str, session: _Session) -> Spool:
        if identifier not in self._spools:
            path, durable = self._directory.incoming(identifier), self._directory.durable
            try:
                self._spools[identifier] = await Spool.reopen(path, HASHES, size=session.offset, durable=durable)
            except ValueError:
                raise _unknown() from None
        return self._spools[identifier]


def _unknown() -> StorageError:
    return StorageError(404, "notFound", "Upload session not found: begin a new one.")


def _check_offset(start: int, size: int) -> None:
    if start > size:
        raise invalid(
            f"Invalid request.  According to the Content-Range header, the upload offset is {start} byte(s), which "
            f"exceeds already uploaded size of {size} byte(s)."
        )


async def _after(chunks: AsyncIterable[bytes], known: int) -> AsyncIterator[bytes]:
    """The stream without its first `known` bytes."""
    async for chunk in chunks:
        yield chunk[known:]
        known = max(known - len(chunk), 0)


def _with(session: _Session, **changes: Any) -> _Session:  # noqa: ANN401 (any field's value)
    return _Session(**{**asdict(session), **changes})
