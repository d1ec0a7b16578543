"""The registry as a deploy sees it: which images are here, and which are somebody else's affair."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from msp.localcloud.artifacts.names import PackageName
from msp.localcloud.artifacts.repositories import KIND, Repositories
from msp.localcloud.deploy.execution import join_image, split_image
from msp.localcloud.deploy.ports import Image, Images
from msp.localcloud.registry import RegistryState


@dataclass(frozen=True)
class RegistryImages:
    """Looks for the images of releases in the local registry (`msp.localcloud.deploy.ports.Images`).

    An image of a registry that the local cloud has no content of, `gcr.io/google-containers/nginx`, is taken as there:
    a sample's image is not worth a push. What should be here and isn't is missing.

    Attributes:
        registry: Holds the images.
        repositories: Artifact Registry's repositories; one that exists should hold what a release asks of it.
        port: The local cloud's HTTP port, known once it has started.
        strict: Whether every image must be here.
    """

    registry: RegistryState
    repositories: Repositories
    port: Callable[[], int]
    strict: bool = False

    def find(self, repository: str, reference: str) -> Image | None:
        """The image, or `None` when it is missing.

        Args:
            repository: As a release names it: `us.gcr.io/project/app`, or that behind the local cloud's own address,
                `127.0.0.1:8080/us.gcr.io/project/app`.
            reference: A tag, or a digest (`sha256:…`).
        """
        host, _, path = repository.partition("/")
        is_here = self._is_own(host)
        name = path if is_here else repository
        digest = self.registry.has_image(name, reference)
        if digest is not None:
            return Image(name, digest)
        if is_here or self.strict or self._has_content_of(name):
            return None
        return Image(name, reference if ":" in reference else "")

    def _is_own(self, host: str) -> bool:
        """Whether the first segment of a reference is the local cloud's own address."""
        name, _, port = host.rpartition(":")
        return port == str(self.port()) and is_loopback(name)

    def _has_content_of(self, repository: str) -> bool:
        package = PackageName.of_reference(repository)
        if package is not None:
            # It is kept from the first push on.
            return self.repositories.store.get(KIND, package.repository.full) is not None
        # Elsewhere, an owner's images: `ghcr.io/owner/`.
        owner = "/".join(repository.split("/")[:2])
        manifests = self.registry.manifests
        return manifests.created(owner) is not None or bool(manifests.repositories(prefix=f"{owner}/", limit=1))


def resolved(images: Images, reference: str) -> str | None:
    """An image's reference with its digest, where that is known; `None` when there is no such image."""
    repository, wanted = split_image(reference)
    image = images.find(repository, wanted)
    return None if image is None else join_image(image.repository, image.digest or wanted)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address, `localhost`, `127.0.0.1` or `[::1]`, is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
