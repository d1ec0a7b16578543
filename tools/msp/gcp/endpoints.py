"""Where the services are: Google's own addresses, or a local cloud."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from msp.errors import UsageError

_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}")


@dataclass(frozen=True)
class Endpoints:
    """Base addresses without a final slash, such as `https://clouddeploy.googleapis.com`.

    Attributes:
        cloud_deploy: Cloud Deploy's REST API; paths start with `/v1`.
        artifact_registry: Artifact Registry's REST API; paths start with `/v1`.
        storage: Cloud Storage; its JSON API is below `/storage/v1`.
        registry: The one server that stands for every image registry, or None where each registry is its own host.
    """

    cloud_deploy: str
    artifact_registry: str
    storage: str
    registry: str | None = None

    @classmethod
    def google(cls) -> "Endpoints":
        """Google Cloud itself."""
        return cls(
            cloud_deploy="https://clouddeploy.googleapis.com",
            artifact_registry="https://artifactregistry.googleapis.com",
            storage="https://storage.googleapis.com",
        )

    @classmethod
    def local(cls, address: str) -> "Endpoints":
        """A local cloud at `HOST:PORT`, over plain HTTP and without credentials.

        Raises:
            UsageError: `address` is not `HOST:PORT`.
        """
        base = "http://" + address.removeprefix("http://").rstrip("/")
        try:
            parts = urlsplit(base)
            whole = bool(parts.hostname and parts.port) and not (parts.path or parts.query or parts.username)
        except ValueError:
            whole = False
        if not whole:
            raise UsageError(f"not the address of a local cloud: {address!r}", hint="write HOST:PORT: 127.0.0.1:8080")
        return cls(cloud_deploy=base, artifact_registry=base, storage=base, registry=base)

    @property
    def is_local(self) -> bool:
        """Whether this is a local cloud, which takes no credentials."""
        return self.registry is not None

    def registry_url(self, host: str, name: str) -> str:
        """The address of a repository in the OCI distribution protocol.

        Args:
            host: The registry: `us.gcr.io`, `localhost:5000`.
            name: The repository in it: `sourcegraph-dev/msp-example`.

        Returns:
            `https://us.gcr.io/v2/sourcegraph-dev/msp-example`. Registries on this machine are spoken to over plain
            HTTP, as Docker and crane do. A local cloud holds all registries, so there the host is part of the name:
            `http://127.0.0.1:8080/v2/us.gcr.io/sourcegraph-dev/msp-example`.
        """
        if self.registry is not None:
            return f"{self.registry}/v2/{host}/{name}"
        if host == "docker.io":
            host = "registry-1.docker.io"  # The name of Docker Hub is not the name of its server.
        scheme = "http" if is_loopback(host) else "https"
        return f"{scheme}://{host}/v2/{name}"


def is_loopback(host: str) -> bool:
    """Whether `HOST` or `HOST:PORT` names this machine itself."""
    name = "::1" if host == "::1" else urlsplit(f"//{host}").hostname or ""
    return name == "localhost" or name.endswith(".localhost") or name == "::1" or bool(_LOOPBACK.fullmatch(name))
