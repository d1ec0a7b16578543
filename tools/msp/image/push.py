"""Bringing a layout to a registry: every blob at most once, manifests after what they refer to, the tag last."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from msp.gcp.deadline import NO_DEADLINE, Deadline
from msp.gcp.retry import RetryPolicy
from msp.image.errors import RegistryError
from msp.image.layout import Descriptor, Layout, Manifest
from msp.image.parallel import run_all
from msp.image.progress import BlobStatus, Progress
from msp.image.registry import Registry
from msp.image.repository import RemoteRepository
from msp.image.upload import BlobUpload, StoppedError, Uploader
from msp.names.references import InvalidReferenceError, Reference, Repository

# Enough to hide a slow link's latency behind the layers of an ordinary image.
WORKERS = 16
# A nearby registry answers within this time; a distant one is asked for the blobs meanwhile.
_HEAD_START_SECONDS = 0.02

# Notes on where a blob came from: containerd's on a layer, the OCI's on an image (image-spec, annotations.md).
_SOURCE_ANNOTATION = "containerd.io/distribution.source."
_BASE_ANNOTATION = "org.opencontainers.image.base.name"


@dataclass(frozen=True)
class PushResult:
    """What a push has done.

    Attributes:
        repository: Where the image is now.
        tag: Its tag: `0123456789ab_482`.
        digest: Its digest, as the registry confirms for the tag.
        size: Bytes of all its blobs.
        blobs_uploaded: Blobs that were sent.
        blobs_mounted: Blobs that the registry took from another repository.
        blobs_present: Blobs that were there before.
        bytes_uploaded: Bytes of the blobs that were sent.
    """

    repository: Repository
    tag: str
    digest: str
    size: int
    blobs_uploaded: int
    blobs_mounted: int
    blobs_present: int
    bytes_uploaded: int


def push(
    layout: Layout,
    repository: Repository,
    tag: str,
    registry: Registry,
    progress: Progress,
    *,
    mount_from: str = "",
    gate: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> PushResult:
    """Pushes an image. Safe to repeat, and to be interrupted at any point: the tag is set when all the rest is there.

    Args:
        layout: The image, as an OCI layout.
        repository: Where to: `us.gcr.io/sourcegraph-dev/msp-example`.
        tag: The tag to give it: `0123456789ab_482`.
        registry: Speaks to registries: `Clients.registry`.
        progress: Told of all that happens, from many threads; closed at the end, whatever that is.
        mount_from: The name of another repository of the same registry that may hold the blobs, or nothing. It is tried
            for those of which the image itself doesn't say where they come from (its base image, containerd's notes).
        gate: Called when all blobs are there and no manifest is written yet; what it raises ends the push.
        stop: Set by somebody else to have the push end soon, with a `StoppedError`.
        deadline: When it has to be done.

    Raises:
        LayoutError: A blob is corrupt.
        RegistryError: The registry refused.
        UnreachableError: The registry can't be reached.
        DirectionError: The registry sent us where we don't go.
        DeadlineError: It was not done in time.
        CredentialsError: The registry wants a login, and there is none or a wrong one.
    """
    sources = _sources(layout, repository, mount_from)
    remote = registry.repository(repository, mount_from=sorted(set(sources.values())), deadline=deadline)
    retry = replace(registry.retry, notify=progress.retrying)
    try:
        run = _Push(layout, remote, tag, retry=retry, progress=progress, sources=sources, stop=stop, deadline=deadline)
        return run.run(gate)
    finally:
        progress.close()  # Before anybody says what went wrong.


class _Push:
    """One push under way; its notes are shared by the threads."""

    def __init__(
        self,
        layout: Layout,
        remote: RemoteRepository,
        tag: str,
        *,
        retry: RetryPolicy,
        progress: Progress,
        sources: dict[str, str],
        stop: threading.Event | None,
        deadline: Deadline,
    ) -> None:
        self._layout = layout
        self._remote = remote
        self._tag = tag
        self._retry = retry
        self._progress = progress
        self._sources = sources
        self._stop = stop or threading.Event()
        self._deadline = deadline
        self._uploader = Uploader(layout, remote, progress, self._stop)
        self._lock = threading.Lock()
        self._outcomes: dict[str, BlobStatus] = {}
        self._found: dict[str, str | None] = {}
        self._looked_up = threading.Event()

    def run(self, gate: Callable[[], None]) -> PushResult:
        self._progress.begin(f"{self._remote.repository}:{self._tag}", self._layout.blobs)
        lookups = [partial(self._look_up, self._tag), partial(self._look_up, self._layout.digest)]
        largest_first = sorted(self._layout.blobs, key=lambda blob: -blob.size)
        self._run([*lookups, *(partial(self._push_blob, blob) for blob in largest_first)])
        gate()
        if not self._is_there():
            self._push_children()
        if self._found[self._tag] != self._layout.digest:
            self._retry.run(lambda: self._remote.put_manifest(self._layout.root, self._tag))
            self._retry.run(self._verify_tag)
        self._progress.end()
        return self._pushed()

    def _run(self, tasks: Sequence[Callable[[], None]]) -> None:
        run_all(tasks, workers=WORKERS, stop=self._stop, deadline=self._deadline)
        if self._stop.is_set():
            raise StoppedError("the push was stopped")

    def _look_up(self, reference: str) -> None:
        digest = self._retry.run(lambda: self._remote.manifest_digest(reference))
        with self._lock:
            self._found[reference] = digest
            if len(self._found) == 2 or digest == self._layout.digest:
                self._looked_up.set()

    def _is_there(self) -> bool:
        """Whether the repository has this image: a registry takes a manifest only when it has what that names."""
        with self._lock:
            return self._layout.digest in self._found.values()

    def _push_blob(self, blob: Descriptor) -> None:
        self._looked_up.wait(_HEAD_START_SECONDS)
        if self._is_there():
            outcome = BlobStatus.PRESENT
        else:
            upload = BlobUpload(self._uploader, blob, self._sources.get(blob.digest, ""))
            outcome = self._retry.run(upload.attempt)
        with self._lock:
            self._outcomes[blob.digest] = outcome
        self._progress.ended(blob, outcome)

    def _push_children(self) -> None:
        """Stores all manifests but the topmost, which comes with the tag: the deepest first."""
        below = [manifest for manifest in self._layout.manifests if manifest is not self._layout.root]
        for height in range(self._layout.root.height):
            self._run([partial(self._put, manifest) for manifest in below if manifest.height == height])

    def _put(self, manifest: Manifest) -> None:
        self._retry.run(lambda: self._remote.put_manifest(manifest, manifest.descriptor.digest))

    def _verify_tag(self) -> None:
        digest = self._remote.manifest_digest(self._tag)
        if digest is None:
            # Some registries take a moment until what was stored can be read.
            error = RegistryError(f"{self._remote.repository}:{self._tag} was stored, and is not there")
            error.transient = True
            raise error
        if digest != self._layout.digest:
            raise RegistryError(
                f"{self._remote.repository}:{self._tag} is {digest}, and {self._layout.digest} was pushed",
                hint="somebody else may have pushed this tag at the same time: run this again with a tag of its own",
            )

    def _pushed(self) -> PushResult:
        def having(outcome: BlobStatus) -> list[int]:
            return [blob.size for blob in self._layout.blobs if self._outcomes[blob.digest] is outcome]

        return PushResult(
            repository=self._remote.repository,
            tag=self._tag,
            digest=self._layout.digest,
            size=sum(blob.size for blob in self._layout.blobs),
            blobs_uploaded=len(having(BlobStatus.UPLOADED)),
            blobs_mounted=len(having(BlobStatus.MOUNTED)),
            blobs_present=len(having(BlobStatus.PRESENT)),
            bytes_uploaded=sum(having(BlobStatus.UPLOADED)),
        )


def _sources(layout: Layout, repository: Repository, other: str) -> dict[str, str]:
    """By a blob's digest: the repository of the same registry that it may be mounted from."""
    sources: dict[str, str] = {}
    for manifest in layout.manifests:
        fallback = _base_image(manifest, repository) or other
        for blob in manifest.blobs:
            noted = blob.annotations.get(_SOURCE_ANNOTATION + repository.host, "").partition(",")[0]
            source = _name(f"{repository.host}/{noted}", repository) or fallback
            if source and source != repository.name:
                sources.setdefault(blob.digest, source)
    return sources


def _base_image(manifest: Manifest, repository: Repository) -> str:
    return _name(manifest.annotations.get(_BASE_ANNOTATION, ""), repository)


def _name(text: str, repository: Repository) -> str:
    """The repository's name in a reference to the same registry; nothing where the text is something else."""
    try:
        found = Reference.parse(text).repository
    except InvalidReferenceError:
        return ""
    return found.name if found.host == repository.host else ""
