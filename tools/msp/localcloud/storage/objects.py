"""The objects: their generations, their contents, and what can be done with them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from msp.localcloud.clock import Clock
from msp.localcloud.content import ContentDirectory, Spool
from msp.localcloud.storage.buckets import Buckets
from msp.localcloud.storage.errors import StorageError, invalid, object_not_found
from msp.localcloud.storage.names import check_object
from msp.localcloud.storage.preconditions import Preconditions
from msp.localcloud.storage.records import EPOCH, OBJECT_FIELDS, Object, chosen, dump, merged, rfc3339
from msp.localcloud.store import Store

LIVE = "storage.object"
NONCURRENT = "storage.noncurrent"
_GENERATION = "storage.generation"


@dataclass(frozen=True, slots=True)
class Address:
    """An object, or one of its generations (`None`: the live one)."""

    bucket: str
    name: str
    generation: int | None = None

    @property
    def live_name(self) -> str:
        """The name of the live generation's document."""
        return f"{self.bucket}/{self.name}"


class Objects:
    """All objects, in all buckets."""

    def __init__(self, store: Store, directory: ContentDirectory, buckets: Buckets, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._buckets = buckets
        self._clock = clock
        self._retired: list[Object] = []
        store.watch(self._remove_retired)

    def get(self, address: Address, preconditions: Preconditions | None = None) -> Object:
        """An object.

        Raises:
            StorageError: 404, and what the preconditions raise.
        """
        self._buckets.get(address.bucket)
        found = self._find(address)
        if found is None:
            raise object_not_found(address.bucket, address.name)
        (preconditions or Preconditions()).check(found.generation, found.metageneration, reading=True)
        return found

    def path(self, stored: Object) -> Path:
        """The file with an object's content."""
        return self._directory.path(stored.file)

    def check(self, address: Address, preconditions: Preconditions) -> None:
        """Refuses what could not be written now.

        Raises:
            StorageError: 400, 403, 404, 412.
        """
        check_object(address.name)
        self._buckets.get(address.bucket)
        live = self._find(Address(address.bucket, address.name))
        preconditions.check(live.generation if live else 0, live.metageneration if live else 0)
        if live:
            _check_not_held(live)

    def insert(
        self,
        address: Address,
        resource: Mapping[str, Any],
        spool: Spool,
        preconditions: Preconditions,
        *,
        components: int = 0,
    ) -> Object:
        """Makes what came an object, in the place of the one that stood there.

        Args:
            address: Where it goes.
            resource: What the client says of it; its `md5Hash` and `crc32c` must be true.
            spool: What came, with its `md5` and `crc32c`.
            preconditions: What must hold.
            components: How many objects it was composed of; 0 when it came whole.

        Raises:
            StorageError: 400, 403, 404, 412.
        """
        crc32c, md5 = (base64.b64encode(spool.digest(name)).decode() for name in ("crc32c", "md5"))
        for field, said, found in (("MD5", resource.get("md5Hash"), md5), ("CRC32C", resource.get("crc32c"), crc32c)):
            if said and said != found:
                message = f'Provided {field} hash "{said}" doesn\'t match calculated {field} hash "{found}".'
                raise StorageError(400, "invalid", message, "BadDigest")
        self.check(address, preconditions)
        properties = {"contentType": "application/octet-stream", **check_properties(resource)}
        stored = self._new(address, properties, size=spool.size, crc32c=crc32c, md5="" if components else md5)
        stored = replace(stored, components=components)
        # No await from here on: the file and its record come together for all who ask.
        self._directory.keep(spool, stored.file)
        self._make_live(stored)
        return stored

    def patch(
        self, address: Address, changes: Mapping[str, Any], preconditions: Preconditions, *, replace_all: bool = False
    ) -> Object:
        """Changes an object's metadata: a merge patch, or all of it.

        Raises:
            StorageError: 400, 404, 412.
        """
        stored = self.get(address)
        preconditions.check(stored.generation, stored.metageneration)
        given = check_properties(changes, keep_none=True)
        properties = chosen(given, OBJECT_FIELDS) if replace_all else merged(stored.properties, given)
        stored = stored.changed(properties, self._clock.now())
        self._write(stored)
        return stored

    def delete(self, address: Address, preconditions: Preconditions) -> None:
        """Deletes an object, or one generation of it. A versioned bucket keeps the live one as noncurrent.

        Raises:
            StorageError: 403, 404, 412.
        """
        stored = self.get(address)
        preconditions.check(stored.generation, stored.metageneration)
        _check_not_held(stored)
        with self._store.transaction():
            self._retire(stored, forever=address.generation is not None)

    def copy(
        self,
        source: Object,
        address: Address,
        resource: Mapping[str, Any] | None,
        preconditions: Preconditions,
    ) -> Object:
        """Copies an object; the content is shared until one of the two is deleted.

        Args:
            source: What is copied.
            address: Where it goes.
            resource: What the client says of the copy; `None` keeps what is said of the source.
            preconditions: What must hold of the destination.

        Raises:
            StorageError: 400, 403, 404, 412.
        """
        self.check(address, preconditions)
        properties = check_properties(resource) if resource else dict(source.properties)
        properties.setdefault("contentType", source.properties.get("contentType", "application/octet-stream"))
        copy = self._new(address, properties, size=source.size, crc32c=source.crc32c, md5=source.md5)
        copy = replace(copy, components=source.components)
        self._directory.link(source.file, copy.file)
        self._make_live(copy)
        return copy

    def files(self) -> set[str]:
        """The names of the files that some object needs."""
        kinds = (LIVE, NONCURRENT)
        return {read(document.payload).file for kind in kinds for document in self._store.list(kind)}

    def _find(self, address: Address) -> Object | None:
        payload = self._store.get(LIVE, address.live_name)
        live = read(payload) if payload else None
        if address.generation is None or (live and live.generation == address.generation):
            return live
        payload = self._store.get(NONCURRENT, _noncurrent_name(address.bucket, address.name, address.generation))
        return read(payload) if payload else None

    def _new(self, address: Address, properties: Mapping[str, Any], *, size: int, crc32c: str, md5: str) -> Object:
        now = self._clock.now()
        last = int(self._store.get(_GENERATION, "last") or 0)
        generation = max((now - EPOCH) // timedelta(microseconds=1), last + 1)
        created = rfc3339(now)
        return Object(
            address.bucket, address.name, generation, size, crc32c, md5, created, created, properties=properties
        )

    def _make_live(self, stored: Object) -> None:
        with self._store.transaction():
            self._store.put(_GENERATION, "last", str(stored.generation).encode())
            if before := self._find(Address(stored.bucket, stored.name)):
                self._retire(before, forever=False)
            self._write(stored)

    def _retire(self, stored: Object, *, forever: bool) -> None:
        """Takes a generation away from where it is: to the noncurrent ones, or for ever."""
        live = self._find(Address(stored.bucket, stored.name))
        noncurrent = _noncurrent_name(stored.bucket, stored.name, stored.generation)
        if live and live.generation == stored.generation:
            self._store.delete(LIVE, f"{stored.bucket}/{stored.name}")
            if self._buckets.get(stored.bucket).versioned and not forever:
                deleted = replace(stored, deleted=rfc3339(self._clock.now()))
                self._store.put(NONCURRENT, noncurrent, dump(deleted))
                return
        else:
            self._store.delete(NONCURRENT, noncurrent)
        self._retired.append(stored)

    def _write(self, stored: Object) -> None:
        if stored.deleted:
            name = _noncurrent_name(stored.bucket, stored.name, stored.generation)
            self._store.put(NONCURRENT, name, dump(stored))
        else:
            self._store.put(LIVE, f"{stored.bucket}/{stored.name}", dump(stored))

    def _remove_retired(self) -> None:
        """Removes contents that no record needs any more; called when that has been committed."""
        retired, self._retired = self._retired, []
        for gone in retired:
            # It may have been kept after all: its transaction may have failed.
            if self._find(Address(gone.bucket, gone.name, gone.generation)) is None:
                self._directory.remove(gone.file)


def read(payload: bytes) -> Object:
    """A stored object."""
    return Object(**json.loads(payload))


def check_properties(resource: Mapping[str, Any], *, keep_none: bool = False) -> dict[str, Any]:
    """What a client says of an object, as far as it may.

    Raises:
        StorageError: 400 `invalid`: a value is of the wrong type.
    """
    properties = {name: value for name, value in resource.items() if name in OBJECT_FIELDS}
    for name, value in properties.items():
        if value is None:
            continue
        if name == "metadata":
            if not isinstance(value, dict) or not all(isinstance(item, str | None) for item in value.values()):
                raise invalid("metadata must map strings to strings.")
        elif not isinstance(value, bool if name.endswith("Hold") else str):
            raise invalid(f"Invalid value for field {name}: {value!r}")
        elif isinstance(value, str) and not (value.isascii() and value.isprintable()):
            raise invalid(f"Invalid value for field {name}: it becomes a header, so it must be printable ASCII")
    return properties if keep_none else {name: value for name, value in properties.items() if value is not None}


def _noncurrent_name(bucket: str, name: str, generation: int) -> str:
    # No object's name holds a line feed.
    return f"{bucket}/{name}\n{generation:020}"


def _check_not_held(stored: Object) -> None:
    for name, kind in (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")):
        if stored.properties.get(name) is True:
            raise StorageError(
                403,
                "forbidden",
                f"Object '{stored.bucket}/{stored.name}' is under active {kind} hold and cannot be deleted, "
                "overwritten or archived until hold is removed.",
            )
