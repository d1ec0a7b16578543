"""The blobs of each repository: files shared by all, linked to those that may read them."""

import json
from datetime import datetime
from pathlib import Path

from msp.localcloud.content import ContentDirectory
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.store import Store

_KIND = "registry.blob"


class Blobs:
    """Which blob is in which repository.

    Args:
        store: Where the links are.
        directory: Where the files are.
    """

    def __init__(self, store: Store, directory: ContentDirectory) -> None:
        self._store = store
        self._directory = directory
        self._unlinked: set[str] = set()
        store.watch(self._remove_unlinked)

    def size(self, repository: str, digest: str) -> int | None:
        """A blob's bytes; `None` when it isn't in the repository."""
        payload = self._store.get(_KIND, f"{repository}@{digest}")
        return None if payload is None else int(json.loads(payload)["size"])

    def open(self, repository: str, digest: str) -> tuple[Path, int]:
        """A blob's file and its bytes.

        Raises:
            RegistryError: `BLOB_UNKNOWN`.
        """
        size = self.size(repository, digest)
        if size is None:
            raise _unknown(repository, digest)
        return self._directory.path(file_name(digest)), size

    def link(self, repository: str, digest: str, size: int, now: datetime) -> None:
        """Puts a blob whose file is in its place into a repository."""
        payload = json.dumps({"size": size, "created": now.isoformat()}).encode()
        self._store.put(_KIND, f"{repository}@{digest}", payload, parent=repository, keys={"digest": digest})

    def mount(self, source: str, repository: str, digest: str, now: datetime) -> bool:
        """Puts a blob of another repository into this one; tells whether the other has it."""
        size = self.size(source, digest)
        if size is not None:
            self.link(repository, digest, size, now)
        return size is not None

    def delete(self, repository: str, digest: str) -> None:
        """Takes a blob out of a repository; its file goes with the last link.

        Raises:
            RegistryError: `BLOB_UNKNOWN`.
        """
        if self.size(repository, digest) is None:
            raise _unknown(repository, digest)
        self._unlinked.add(digest)
        self._store.delete(_KIND, f"{repository}@{digest}")

    def delete_all(self, repository: str) -> None:
        """Takes all blobs out of a repository."""
        prefix = f"{repository}@"
        self._unlinked |= {blob.name.removeprefix(prefix) for blob in self._store.list(_KIND, prefix=prefix)}
        self._store.delete_below(_KIND, prefix)

    def below(self, prefix: str) -> dict[str, tuple[int, datetime]]:
        """The digests of the blobs of all repositories whose names begin so, with their bytes and when they came."""
        found: dict[str, tuple[int, datetime]] = {}
        for document in self._store.list(_KIND, prefix=prefix, order="oldest"):
            value = json.loads(document.payload)
            known = value["size"], datetime.fromisoformat(value["created"])
            found.setdefault(document.name.rpartition("@")[2], known)
        return found

    def files(self) -> set[str]:
        """The names of the files that some repository needs."""
        return {file_name(document.name.rpartition("@")[2]) for document in self._store.list(_KIND)}

    def _remove_unlinked(self) -> None:
        """Removes the files that no repository needs any more; called when that has been committed."""
        unlinked, self._unlinked = self._unlinked, set()
        for digest in unlinked:
            # It may be linked after all: elsewhere, again, or because the deletion was undone.
            if not self._store.list(_KIND, keys={"digest": digest}, limit=1):
                self._directory.remove(file_name(digest))


def file_name(digest: str) -> str:
    """The name of a blob's file."""
    return digest.replace(":", "-")


def _unknown(repository: str, digest: str) -> RegistryError:
    return RegistryError("BLOB_UNKNOWN", f"blob unknown to registry: {repository}@{digest}", detail={"digest": digest})
