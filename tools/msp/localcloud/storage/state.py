"""The buckets' state, which knows nothing of HTTP."""

from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msp.localcloud.clock import Clock
from msp.localcloud.content import ContentDirectory, LengthError, pieces
from msp.localcloud.storage.buckets import Buckets
from msp.localcloud.storage.errors import StorageError, invalid
from msp.localcloud.storage.listing import Page, Query, list_objects
from msp.localcloud.storage.notifications import Notifications
from msp.localcloud.storage.objects import Address, Objects
from msp.localcloud.storage.preconditions import Preconditions
from msp.localcloud.storage.records import Object
from msp.localcloud.storage.uploads import Uploads
from msp.localcloud.store import Store


class BucketState:
    """Buckets and what is in them.

    Args:
        store: Where metadata is kept.
        directory: Where contents are kept. What a killed process left there and nothing refers to is removed.
        clock: The time.

    Attributes:
        buckets: The buckets.
        objects: The objects.
        notifications: The buckets' notification configurations.
        uploads: The uploads under way.
    """

    def __init__(self, store: Store, directory: ContentDirectory, clock: Clock) -> None:
        self._store = store
        self.buckets = Buckets(store, clock)
        self.objects = Objects(store, directory, self.buckets, clock)
        self.notifications = Notifications(store, self.buckets)
        self.uploads = Uploads(store, directory, self.objects, clock)
        directory.sweep(incoming=self.uploads.expire(), whole=self.objects.files())

    def read(self, bucket: str, name: str) -> bytes | None:
        """An object's content, `None` when it isn't there. For objects that fit in memory."""
        try:
            return self.objects.path(self.objects.get(Address(bucket, name))).read_bytes()
        except StorageError:
            return None

    async def insert(
        self, address: Address, resource: Mapping[str, Any], content: AsyncIterable[bytes], preconditions: Preconditions
    ) -> Object:
        """Makes an object of what comes in one request.

        Args:
            address: Where it goes.
            resource: What the client says of it; its `md5Hash` and `crc32c` must be true.
            content: What comes.
            preconditions: What must hold, before and after it came.

        Raises:
            StorageError: 400, 403, 404, 412.
        """
        self.objects.check(address, preconditions)
        spool = self.uploads.spool()
        try:
            await spool.append(content)
            return self.objects.insert(address, resource, spool, preconditions)
        except LengthError as error:
            raise invalid(str(error)) from None
        finally:
            self.uploads.discard(spool)

    def list(self, query: Query) -> Page:
        """A page of a bucket's objects.

        Raises:
            StorageError: 404.
        """
        self.buckets.get(query.bucket)
        return list_objects(self._store, query)

    def contents(self, objects: Sequence[Object]) -> Iterator[bytes]:
        """The contents of objects one after the other, in pieces."""
        for stored in objects:
            path: Path = self.objects.path(stored)
            yield from pieces(path)
