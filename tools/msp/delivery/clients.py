"""What a deployment speaks with, over one pool and as one caller."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import urllib3

from msp.gcp.calls import Calls, Later
from msp.gcp.clients import artifact_registry_client, cloud_deploy_client
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.credentials import AnonymousCredentials, ApplicationDefaultCredentials, Credentials
from msp.gcp.deadline import NO_DEADLINE, Deadline
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
        deploy: Cloud Deploy's client, which is imported in a thread meanwhile.
        storage: Cloud Storage's.
        registry: All image registries', with one keychain.
        endpoints: The addresses of Google's services, or of a local cloud.
        polling: How often to look at what takes time.
        retry: How often to ask again, and how long to wait before.
        adapter: What sends the requests of Google's clients, signed.
        deadline: When calls of Google's services have to be over.
    """

    deploy: CloudDeploy
    storage: Storage
    registry: Registry
    endpoints: Endpoints
    polling: Polling
    retry: RetryPolicy
    adapter: "Later[Adapter]"
    deadline: Deadline = NO_DEADLINE

    @classmethod
    def connect(
        cls, endpoints: Endpoints, *, retry: RetryPolicy | None = None, polling: Polling | None = None
    ) -> "Clients":
        """Clients that ask nothing yet. Cloud Deploy's is imported in a thread, beside whatever is done meanwhile.

        Args:
            endpoints: `Endpoints.google()`, or `Endpoints.local("127.0.0.1:8080")`.
            retry: How often to ask again, and how long to wait before; by default as `RetryPolicy` has it.
            polling: How often to look at what takes time; by default as `Polling` has it.

        Raises:
            UsageError: A proxy's address is none.
        """
        retry = retry or RetryPolicy()
        polling = polling or Polling()
        pool = connection_pool(connections=_CONNECTIONS)
        google = None if endpoints.is_local else ApplicationDefaultCredentials(pool)
        adapter = Later(lambda: _adapter(pool, google or AnonymousCredentials()))
        return cls(
            registry=Registry(pool, Keychain(google), endpoints, retry),
            deploy=CloudDeploy(lambda: cloud_deploy_client(endpoints, adapter.get()), retry, polling),
            storage=Storage(adapter.get, endpoints, retry),
            endpoints=endpoints,
            polling=polling,
            retry=retry,
            adapter=adapter,
        )

    def artifact_registry(self) -> "Calls[ArtifactRegistryClient]":
        """Artifact Registry's client. Its library is imported when this is called: a delivery seldom needs it."""
        return Calls(lambda: artifact_registry_client(self.endpoints, self.adapter.get()), self.retry).within(
            self.deadline
        )

    def within(self, deadline: Deadline) -> "Clients":
        """The same, whose calls of Google's services end by then."""
        return replace(self, deploy=self.deploy.within(deadline), deadline=deadline)


def _adapter(pool: urllib3.PoolManager, credentials: Credentials) -> "Adapter":
    from msp.gcp.session import Adapter

    return Adapter(pool, credentials)
