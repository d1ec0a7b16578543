"""The source archive in its bucket."""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from msp import names
from msp.gcp.calls import ATTEMPT_SECONDS, CALL_SECONDS, understood
from msp.gcp.deadline import Deadline
from msp.gcp.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError, about, api_error
from msp.gcp.retry import RetryPolicy
from msp.pipeline.live.state import LiveArchive

if TYPE_CHECKING:
    from google.cloud.storage import Bucket
    from google.cloud.storage import Client as StorageClient

_MAX_PAGES = 10  # of buckets with the prefix
_ARCHIVE_LIMIT = 1 << 20  # bytes; an object that is larger is none of ours, and differs without being read


class SourceArchive:
    """What releases of a project are rendered from.

    Args:
        client: Cloud Storage's.
        retry: After which answers and waits a call is made again.
        project: The pipeline's project, which has to own the bucket: `msp-example-prod-0000`.
        region: Where the bucket is made if it isn't there: `us-central1`.
    """

    def __init__(self, client: "StorageClient", retry: RetryPolicy, *, project: str, region: str) -> None:
        self._client = client
        self._retry = retry
        self._project = project
        self._region = region

    def read(self) -> LiveArchive:
        """The archive as it is.

        Raises:
            RemoteError: It could not be read.
        """
        with about(names.source_uri(self._project)):
            bucket = self._bucket()
            if bucket is None:
                return LiveArchive()
            try:
                blob = self._call(bucket.get_blob, names.SOURCE_OBJECT)
            except NotFoundError:
                return LiveArchive(bucket_exists=True)
            content = b""
            if blob.size <= _ARCHIVE_LIMIT:
                content = self._call(blob.download_as_bytes, raw_download=True)
            return LiveArchive(bucket_exists=True, content=content, generation=blob.generation)

    def upload(self, live: LiveArchive, archive: bytes) -> None:
        """Replaces the archive, and makes the bucket where there is none.

        Args:
            live: The archive as it was read; if it has changed since, it is not replaced.
            archive: What it should be.

        Raises:
            RemoteError: It could not be made, or the bucket is somebody else's.
        """
        with about(names.source_uri(self._project)):
            name = names.source_bucket(self._project)
            bucket = self._client.bucket(name) if live.bucket_exists else self._create_bucket()
            blob = bucket.blob(names.SOURCE_OBJECT)
            try:
                self._call(
                    blob.upload_from_string,
                    archive,
                    content_type="application/gzip",
                    checksum="crc32c",
                    if_generation_match=live.generation,
                )
            except FailedPreconditionError:
                # The answer to an upload that was repeated may be lost; what counts is what is there.
                if self.read().content != archive:
                    raise

    def _bucket(self) -> "Bucket | None":
        """The archive's bucket, or None where this project has none.

        Bucket names are global: one of that name may belong to somebody else, who would then say what is deployed.
        """
        name = names.source_bucket(self._project)
        # Names come in order, and this one is the shortest with the prefix; pages may be empty.
        found = self._call(
            lambda **call: list(islice(self._client.list_buckets(prefix=name, **call).pages, _MAX_PAGES))
        )
        return next((bucket for page in found for bucket in page if bucket.name == name), None)

    def _create_bucket(self) -> "Bucket":
        bucket = self._client.bucket(names.source_bucket(self._project))
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = "enforced"
        try:
            self._call(self._client.create_bucket, bucket, location=self._region)
        except AlreadyExistsError:
            # Our own call repeated, or another run of this just now; or else it is somebody else's.
            if self._bucket() is None:
                raise api_error(
                    f"bucket {bucket.name} exists in another project",
                    code="ALREADY_EXISTS",
                    hint="bucket names are global; find out whose it is",
                ) from None
        return bucket

    def _call(self, method: Callable[..., Any], *arguments: object, **options: object) -> Any:  # noqa: ANN401 - untyped
        """Calls a method of Google's client; each is safe to repeat: a read, or a change under a precondition."""

        def attempt() -> Any:  # noqa: ANN401
            with understood():
                return method(*arguments, timeout=min(ATTEMPT_SECONDS, deadline.left), retry=None, **options)

        deadline = Deadline.after(CALL_SECONDS)
        return self._retry.run(attempt, deadline=deadline)
