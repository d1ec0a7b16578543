"""What a deployment speaks with, over one pool and as one caller."""

from dataclasses import dataclass

from msp.gcp.artifact_registry import ArtifactRegistry
from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.credentials import AnonymousCredentials, ApplicationDefaultCredentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.polling import Polling
from msp.gcp.retry import RetryPolicy
from msp.gcp.session import Session
from msp.gcp.storage import Storage
from msp.image.keychain import Keychain
from msp.image.registry import Registry

# Uploads and preflight go on at the same time.
_CONNECTIONS = 24


@dataclass(frozen=True)
class Clients:
    """The remote services.

    Attributes:
        deploy: Cloud Deploy, in the plan's project and region.
        artifacts: Artifact Registry.
        storage: Cloud Storage.
        registry: Image registries.
        endpoints: Where they are.
        polling: How often to look at what takes time.
        retry: When to ask again.
    """

    deploy: CloudDeploy
    artifacts: ArtifactRegistry
    storage: Storage
    registry: Registry
    endpoints: Endpoints
    polling: Polling
    retry: RetryPolicy

    @classmethod
    def connect(
        cls,
        endpoints: Endpoints,
        *,
        project: str,
        region: str,
        retry: RetryPolicy | None = None,
        polling: Polling | None = None,
    ) -> "Clients":
        """Clients for one project and region. Asks nothing yet.

        Args:
            endpoints: Where the services are.
            project: The pipeline's.
            region: The pipeline's.
            retry: When to ask again.
            polling: How often to look at what takes time.
        """
        retry = retry or RetryPolicy()
        polling = polling or Polling()
        pool = connection_pool(connections=_CONNECTIONS)
        google = None if endpoints.is_local else ApplicationDefaultCredentials(pool)
        session = Session(pool, google or AnonymousCredentials(), retry)
        return cls(
            deploy=CloudDeploy(session, endpoints, project=project, region=region, polling=polling),
            artifacts=ArtifactRegistry(session, endpoints),
            storage=Storage(session, endpoints),
            registry=Registry(pool, Keychain(google), endpoints, retry),
            endpoints=endpoints,
            polling=polling,
            retry=retry,
        )
