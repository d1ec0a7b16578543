"""The registry's state, which knows nothing of HTTP."""

from msp.localcloud.clock import Clock
from msp.localcloud.content import ContentDirectory
from msp.localcloud.registry.blobs import Blobs
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.manifests import Manifests
from msp.localcloud.registry.policy import Choices, OpenPolicy, RepositoryPolicy
from msp.localcloud.registry.uploads import Uploads
from msp.localcloud.store import Store


class RegistryState:
    """A registry whose repositories are named as in the real world: `us.gcr.io/project/app`.

    Args:
        store: Where metadata is kept.
        directory: Where blobs are kept. What a killed process left there and nothing refers to is removed.
        clock: The time.
        policy: What may be pushed where; by default anything anywhere.
        choices: What the specification leaves open.

    Attributes:
        blobs: The blobs of each repository.
        uploads: The uploads under way.
        manifests: The manifests and tags of each repository.
        policy: What may be pushed where.
        clock: The time.
    """

    def __init__(
        self,
        store: Store,
        directory: ContentDirectory,
        clock: Clock,
        policy: RepositoryPolicy | None = None,
        choices: Choices = Choices(),  # noqa: B008 (frozen)
    ) -> None:
        self.clock = clock
        self.policy = policy or OpenPolicy()
        self.blobs = Blobs(store, directory)
        self.uploads = Uploads(store, directory, self.blobs, clock)
        self.manifests = Manifests(store, self.blobs, clock, self.policy, choices)
        directory.sweep(incoming=self.uploads.expire(), whole=self.blobs.files())

    def has_image(self, reference: str, digest_or_tag: str) -> str | None:
        """The digest of an image, `None` when it isn't there.

        Args:
            reference: The repository as a reference names it, `us.gcr.io/project/app`.
            digest_or_tag: `sha256:…` or a tag.
        """
        try:
            return self.manifests.get(reference, digest_or_tag).digest
        except RegistryError:
            return None

    def check_accepted(self, repository: str) -> None:
        """Refuses pushes to a repository that does not exist.

        Raises:
            RegistryError: `NAME_UNKNOWN`.
        """
        if not self.policy.accepts(repository):
            raise RegistryError("NAME_UNKNOWN", f'Repository "{repository}" not found', detail={"name": repository})
