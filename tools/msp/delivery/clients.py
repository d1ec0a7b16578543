"""What a deployment speaks with, over one pool and as one caller."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import urllib3

from msp.gcp.calls import Calls, Later
from msp.gcp.clients import artifact_registry_client, cloud_deploy_client
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.credentials import AnonymousCredentials, ApplicationDefaultCredentials, Credentials
from msp.gcp.deadline import Deadline
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy
from msp.gcp.storage import Storage
from msp.image.keychain import Keychain
from msp.image.registry import Registry

if TYPE_CHECKING:
    from google.cloud.artifactregistry_v1 import ArtifactRegistryClient

    from msp.gcp.session import Adapter

# Uploads and preflight go on at the same time.
_CONNECTIONS = 24


@dataclass(frozen=True)
class Clients:
    """The remote services.

    Attributes:
        deploy: Cloud Deploy.
        artifacts: Artifact Registry.
        storage: Cloud Storage.
        registry: Image registries.
        endpoints: Where they are.
        polling: How often to look at what takes time.
        retry: When to ask again.
    """

    deploy: CloudDeploy
    artifacts: "Calls[ArtifactRegistryClient]"
    storage: Storage
    registry: Registry
    endpoints: Endpoints
    polling: Polling
    retry: RetryPolicy

    @classmethod
    def connect(
        cls, endpoints: Endpoints, *, retry: RetryPolicy | None = None, polling: Polling | None = None
    ) -> "Clients":
        """Clients that ask nothing yet. Google's are imported in a thread, beside whatever is done meanwhile.

        Args:
            endpoints: Where the services are.
            retry: When to ask again.
            polling: How often to look at what takes time.

        Raises:
            UsageError: A proxy's address is none.
        """
        retry = retry or RetryPolicy()
        polling = polling or Polling()
        pool = connection_pool(connections=_CONNECTIONS)
        google = None if endpoints.is_local else ApplicationDefaultCredentials(pool)
        adapter = Later(lambda: _adapter(pool, google or AnonymousCredentials()))
        deploy = CloudDeploy(lambda: cloud_deploy_client(endpoints, adapter.get()), retry, polling)

        def artifacts() -> "ArtifactRegistryClient":
            _ = deploy.client  # First things first: two imports at once take as long as both.
            return artifact_registry_client(endpoints, adapter.get())

        return cls(
            deploy=deploy,
            artifacts=Calls(artifacts, retry),
            storage=Storage(adapter.get, endpoints, retry),
            registry=Registry(pool, Keychain(google), endpoints, retry),
            endpoints=endpoints,
            polling=polling,
            retry=retry,
        )

    def within(self, deadline: Deadline) -> "Clients":
        """The same, whose calls of Google's services end by then."""
        return replace(self, deploy=self.deploy.within(deadline), artifacts=self.artifacts.within(deadline))


def _adapter(pool: urllib3.PoolManager, credentials: Credentials) -> "Adapter":
    from msp.gcp.session import Adapter

    return Adapter(pool, credentials)
