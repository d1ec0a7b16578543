"""Bringing one blob to a repository, taking up a broken-off upload where it stands."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext

from msp.errors import MspError
from msp.image.errors import RegistryError
from msp.image.layout import Descriptor, Layout
from msp.image.progress import BlobStatus, Progress
from msp.image.repository import RemoteRepository

# More large bodies at once only fight for the link, and for memory.
_LARGE_BODIES = 4
_LARGE_BYTES = 4 << 20

# What a registry answers about an upload that it has lost or garbled; a new one may go through.
_BROKEN_UPLOAD = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "RANGE_INVALID"})


class StoppedError(MspError):
    """Given up because something else has failed, which is what gets reported."""


class Uploader:
    """What the uploads of one push share.

    Args:
        layout: Where the blobs are.
        remote: The repository that they go to.
        progress: Told of every byte that is sent.
        stop: Set where all is to be given up.
    """

    def __init__(self, layout: Layout, remote: RemoteRepository, progress: Progress, stop: threading.Event) -> None:
        self.layout = layout
        self.remote = remote
        self.progress = progress
        self.stop = stop
        self.large = threading.BoundedSemaphore(_LARGE_BODIES)


class BlobUpload:
    """The upload of one blob; `attempt` may be called again after an error that is transient.

    Args:
        uploader: What it shares with the others.
        blob: The blob's digest and size.
        mount_from: A repository of the same registry that may hold it, or nothing.
    """

    def __init__(self, uploader: Uploader, blob: Descriptor, mount_from: str) -> None:
        self._shared = uploader
        self._remote = uploader.remote
        self._blob = blob
        self._mount_from = mount_from
        self._location: str | None = None
        self._counted = 0

    def attempt(self) -> BlobStatus:
        """Sends the blob if the repository hasn't got it.

        Raises:
            LayoutError: The blob is corrupt.
            RemoteError: As the methods of `RemoteRepository`.
            StoppedError: Something else has failed.
        """
        if self._shared.stop.is_set():
            raise StoppedError("another part of the push has failed")
        offset = self._take_up()
        if self._location is None:
            if self._remote.has_blob(self._blob.digest):
                return BlobStatus.PRESENT if self._counted == 0 else BlobStatus.UPLOADED
            self._location = self._remote.begin_upload(self._blob.digest, self._mount_from)
            if self._location is None:
                return BlobStatus.MOUNTED
        self._send(self._location, offset)
        return BlobStatus.UPLOADED

    def _take_up(self) -> int:
        """The offset to go on from: 0 where there is nothing to take up, and then `_location` is None."""
        location, self._location = self._location, None
        if location is None or self._counted < _LARGE_BYTES:
            return 0  # Sending so little again is quicker than asking.
        try:
            offset, location = self._remote.upload_offset(location)
        except RegistryError:
            return 0
        if 0 < offset < self._blob.size:
            self._location = location
            return offset
        return 0

    def _send(self, location: str, offset: int) -> None:
        large = self._blob.size >= _LARGE_BYTES
        try:
            with self._shared.large if large else nullcontext():
                self._remote.finish_upload(location, self._blob, lambda: self._body(offset), self._blob.size - offset)
        except RegistryError as error:
            if error.code in _BROKEN_UPLOAD or error.http_status in {404, 416}:
                self._location = None
                error.transient = True
            raise

    def _body(self, offset: int) -> Iterator[bytes]:
        position = offset
        self._count(position)
        for piece in self._shared.layout.read(self._blob, start=offset):
            if self._shared.stop.is_set():
                raise StoppedError("another part of the push has failed")
            yield piece
            position += len(piece)
            self._count(position)

    def _count(self, position: int) -> None:
        self._shared.progress.sent(position - self._counted)
        self._counted = position
