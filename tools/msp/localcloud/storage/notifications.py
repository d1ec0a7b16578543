"""Buckets' notification configurations: kept, but nothing is ever published."""

import json
from collections.abc import Mapping
from typing import Any

from msp.localcloud.storage.buckets import Buckets
from msp.localcloud.storage.errors import StorageError, invalid, required
from msp.localcloud.store import Store

KIND = "storage.notification"
_FIELDS = ("topic", "payload_format", "event_types", "object_name_prefix", "custom_attributes")


class Notifications:
    """The configurations of all buckets."""

    def __init__(self, store: Store, buckets: Buckets) -> None:
        self._store = store
        self._buckets = buckets

    def insert(self, bucket: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a configuration.

        Raises:
            StorageError: 400: it has no topic or no payload format; 404.
        """
        found = self.list(bucket)
        for name in ("topic", "payload_format"):
            if not resource.get(name):
                raise required(name)
            if not isinstance(resource[name], str):
                raise invalid(f"{name} must be a string.")
        number = str(max((int(one["id"]) for one in found), default=0) + 1)
        chosen = {name: resource[name] for name in _FIELDS if name in resource}
        stored = {"kind": "storage#notification", "id": number, "etag": number, **chosen}
        self._store.put(KIND, f"{bucket}/{number}", json.dumps(stored).encode(), parent=bucket)
        return stored

    def list(self, bucket: str) -> list[dict[str, Any]]:
        """A bucket's configurations, oldest first.

        Raises:
            StorageError: 404.
        """
        self._buckets.get(bucket)
        return [json.loads(document.payload) for document in self._store.list(KIND, parent=bucket, order="oldest")]

    def get(self, bucket: str, number: str) -> dict[str, Any]:
        """A configuration.

        Raises:
            StorageError: 404.
        """
        self._buckets.get(bucket)
        payload = self._store.get(KIND, f"{bucket}/{number}")
        if payload is None:
            raise StorageError(404, "notFound", f"The requested notification {number!r} does not exist.")
        found: dict[str, Any] = json.loads(payload)
        return found

    def delete(self, bucket: str, number: str) -> None:
        """Removes a configuration.

        Raises:
            StorageError: 404.
        """
        self.get(bucket, number)
        self._store.delete(KIND, f"{bucket}/{number}")
