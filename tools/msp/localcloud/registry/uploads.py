"""Upload sessions: begun, filled in order, and finished with a digest (distribution specification, "Pushing Blobs")."""

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from msp.localcloud.clock import Clock
from msp.localcloud.content import ContentDirectory, LengthError, Locks, Spool, pieces
from msp.localcloud.registry.blobs import Blobs, file_name
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.store import Store

LIFETIME = timedelta(days=1)
"""How long an upload is kept after its last chunk, at the next start."""

_KIND = "registry.upload"
_HASHES = {"sha256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Chunk:
    """The bytes of one request.

    Attributes:
        content: The request's body.
        content_range: Its Content-Range header, `start-end`, both inclusive; `None` for what comes next.
        content_length: Its Content-Length header, if it has one.
    """

    content: AsyncIterable[bytes]
    content_range: str | None = None
    content_length: int | None = None


class Uploads:
    """The uploads under way.

    An acknowledged chunk is kept when the process is killed; a chunk that broke off leaves no trace.
    """

    def __init__(self, store: Store, directory: ContentDirectory, blobs: Blobs, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._blobs = blobs
        self._clock = clock
        self._spools: dict[str, Spool] = {}
        self._locks = Locks()

    def begin(self, repository: str) -> str:
        """Begins an upload to a repository; returns its identifier."""
        identifier = str(uuid.uuid4())
        spool = Spool(self._directory.incoming(identifier), _HASHES, durable=self._directory.durable)
        try:
            self._acknowledge(repository, identifier, 0)
        except BaseException:
            spool.path.unlink()
            raise
        self._spools[identifier] = spool
        return identifier

    async def offset(self, repository: str, identifier: str) -> int:
        """How many bytes of an upload are kept.

        Raises:
            RegistryError: `BLOB_UPLOAD_UNKNOWN`.
        """
        async with self._locked(repository, identifier) as spool:
            return spool.size

    async def append(self, repository: str, identifier: str, chunk: Chunk) -> int:
        """Adds a chunk; returns how many bytes are kept now.

        Raises:
            RegistryError: `BLOB_UPLOAD_UNKNOWN`; `BLOB_UPLOAD_INVALID` with status 416: it does not begin where the
                last one ended; `SIZE_INVALID`: it is not as long as its headers say.
        """
        async with self._locked(repository, identifier) as spool:
            if await self._fill(spool, chunk):
                self._acknowledge(repository, identifier, spool.size)
            return spool.size

    async def finish(self, repository: str, identifier: str, chunk: Chunk, digest: str) -> int:
        """Adds the last chunk, which may be empty, and makes the upload a blob; returns the blob's bytes.

        Raises:
            RegistryError: As `append`; `DIGEST_INVALID`: what came has another digest. The upload is then over.
        """
        async with self._locked(repository, identifier) as spool:
            await self._fill(spool, chunk)
            algorithm = digest.partition(":")[0]
            found = f"{algorithm}:{(await self._digest(spool, algorithm)).hex()}"
            if found != digest:
                self._forget(identifier)
                raise RegistryError(
                    "DIGEST_INVALID",
                    f"provided digest did not match uploaded content: {spool.size} bytes with {found}",
                    detail={"digest": digest, "found": found},
                )
            # Its file goes away, so the upload can't be gone on with if the rest fails.
            del self._spools[identifier]
            # No await from here on: a deletion of the same blob comes before or after as a whole.
            self._directory.keep(spool, file_name(digest))
            with self._store.transaction():
                self._blobs.link(repository, digest, spool.size, self._clock.now())
                self._store.delete(_KIND, identifier)
            return spool.size

    async def cancel(self, repository: str, identifier: str) -> None:
        """Ends an upload and removes what came.

        Raises:
            RegistryError: `BLOB_UPLOAD_UNKNOWN`.
        """
        async with self._locked(repository, identifier):
            self._forget(identifier)

    async def discard(self, identifier: str) -> None:
        """Ends an upload of which nobody was told, if it is still under way."""
        async with self._locks.of(identifier):
            if identifier in self._spools:
                self._forget(identifier)

    def expire(self) -> set[str]:
        """Forgets the uploads that nobody went on with for `LIFETIME`; returns the identifiers of the others."""
        kept = set()
        for document in self._store.list(_KIND):
            if datetime.fromisoformat(json.loads(document.payload)["updated"]) + LIFETIME < self._clock.now():
                self._store.delete(_KIND, document.name)
            else:
                kept.add(document.name)
        return kept

    @asynccontextmanager
    async def _locked(self, repository: str, identifier: str) -> AsyncIterator[Spool]:
        async with self._locks.of(identifier):
            payload = self._store.get(_KIND, identifier)
            session = json.loads(payload) if payload else {}
            if session.get("repository") != repository:
                raise _unknown(identifier)
            if identifier not in self._spools:
                self._spools[identifier] = await self._reopen(identifier, session["offset"])
            yield self._spools[identifier]

    async def _reopen(self, identifier: str, offset: int) -> Spool:
        path, durable = self._directory.incoming(identifier), self._directory.durable
        try:
            return await Spool.reopen(path, _HASHES, size=offset, durable=durable)
        except ValueError:
            raise _unknown(identifier) from None

    async def _fill(self, spool: Spool, chunk: Chunk) -> int:
        expected = _expected_length(chunk, spool.size)
        try:
            return await spool.append(chunk.content, length=expected)
        except LengthError:
            raise _size_invalid(expected) from None

    def _acknowledge(self, repository: str, identifier: str, offset: int) -> None:
        session = {"repository": repository, "offset": offset, "updated": self._clock.now().isoformat()}
        self._store.put(_KIND, identifier, json.dumps(session).encode())

    def _forget(self, identifier: str) -> None:
        self._store.delete(_KIND, identifier)
        self._spools.pop(identifier).path.unlink(missing_ok=True)

    async def _digest(self, spool: Spool, algorithm: str) -> bytes:
        if algorithm in _HASHES:
            return spool.digest(algorithm)
        return await asyncio.to_thread(_file_digest, spool, algorithm)


def _file_digest(spool: Spool, algorithm: str) -> bytes:
    running = hashlib.new(algorithm)
    for piece in pieces(spool.path):
        running.update(piece)
    return running.digest()


def _expected_length(chunk: Chunk, offset: int) -> int | None:
    if chunk.content_range is None:
        return chunk.content_length
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", chunk.content_range)
    if found is None:
        raise RegistryError("BLOB_UPLOAD_INVALID", f"the Content-Range is not start-end: {chunk.content_range!r}")
    start, end = int(found[1]), int(found[2])
    if start != offset or end < start:
        raise RegistryError(
            "BLOB_UPLOAD_INVALID",
            f"the chunk {chunk.content_range} does not begin at byte {offset}, where the upload stands",
            status=416,
            headers={"Range": range_header(offset)},
        )
    length = end - start + 1
    if chunk.content_length not in {None, length}:
        raise _size_invalid(length)
    return length


def range_header(offset: int) -> str:
    """The Range header of an upload that keeps `offset` bytes; `0-0` when it keeps none, as CNCF's registry says it."""
    return f"0-{max(offset - 1, 0)}"


def _size_invalid(length: int | None) -> RegistryError:
    return RegistryError("SIZE_INVALID", f"the body is not the {length} bytes that the headers say")


def _unknown(identifier: str) -> RegistryError:
    return RegistryError("BLOB_UPLOAD_UNKNOWN", f"blob upload unknown to registry: {identifier}")
