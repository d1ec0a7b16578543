"""The source archive in its bucket."""

from typing import TYPE_CHECKING, Any

from google.api_core import exceptions

from msp import names
from msp.pipeline.live.changes import LiveArchive
from msp.pipeline.live.failures import CloudError, told

if TYPE_CHECKING:
    from google.cloud.storage import Bucket
    from google.cloud.storage import Client as StorageClient

_ARCHIVE_LIMIT = 1 << 20  # bytes; an object that is larger is none of ours, and differs without being read


class SourceArchive:
    """What releases of a project are rendered from.

    Args:
        client: Cloud Storage's.
        call: Timeout and retry of each call.
        project: The pipeline's project.
        region: Where a bucket is made that isn't there.
    """

    def __init__(self, client: "StorageClient", call: dict[str, Any], *, project: str, region: str) -> None:
        self._client = client
        self._call = call
        self._project = project
        self._region = region

    def read(self) -> LiveArchive:
        """The archive as it is.

        Raises:
            CloudError: It could not be read.
        """
        with told(names.source_uri(self._project)):
            bucket = self._bucket()
            if bucket is None:
                return LiveArchive()
            blob = bucket.get_blob(names.SOURCE_OBJECT, **self._call)
            if blob is None:
                return LiveArchive(bucket_exists=True)
            content = b""
            if blob.size <= _ARCHIVE_LIMIT:
                content = blob.download_as_bytes(raw_download=True, **self._call)
            return LiveArchive(bucket_exists=True, content=content, generation=blob.generation)

    def upload(self, live: LiveArchive, archive: bytes) -> None:
        """Replaces the archive, and makes the bucket where there is none.

        Args:
            live: The archive as it was read; if it has changed since, it is not replaced.
            archive: What it should be.

        Raises:
            CloudError: It could not be made, or the bucket is somebody else's.
        """
        with told(names.source_uri(self._project)):
            name = names.source_bucket(self._project)
            bucket = self._client.bucket(name) if live.bucket_exists else self._create_bucket()
            blob = bucket.blob(names.SOURCE_OBJECT)
            try:
                blob.upload_from_string(
                    archive,
                    content_type="application/gzip",
                    checksum="crc32c",
                    if_generation_match=live.generation,
                    **self._call,
                )
            except exceptions.PreconditionFailed:
                # The answer to an upload that was repeated may be lost; what counts is what is there.
                if self.read().content != archive:
                    raise

    def _bucket(self) -> "Bucket | None":
        """The archive's bucket, or None where this project has none.

        Bucket names are global: one of that name may belong to somebody else, who would then say what is deployed.
        """
        name = names.source_bucket(self._project)
        found = self._client.list_buckets(prefix=name, **self._call)
        return next((bucket for bucket in found if bucket.name == name), None)

    def _create_bucket(self) -> "Bucket":
        bucket = self._client.bucket(names.source_bucket(self._project))
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = "enforced"
        try:
            self._client.create_bucket(bucket, location=self._region, **self._call)
        except exceptions.Conflict:
            # Our own call repeated, or another run of this just now; or else it is somebody else's.
            if self._bucket() is None:
                raise CloudError(
                    f"bucket {bucket.name} exists in another project",
                    hint="bucket names are global; find out whose it is",
                ) from None
        return bucket
