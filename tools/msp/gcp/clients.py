"""Google's own clients, for what isn't on a deployment's critical path: importing one takes longer than a release.

Over REST everywhere, so that a local cloud's one port serves them and a proxy that knows only HTTP lets them through.
"""

from typing import TYPE_CHECKING, Any

from msp.gcp.credentials import ApplicationDefaultCredentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.artifactregistry_v1 import ArtifactRegistryClient
    from google.cloud.deploy_v1 import CloudDeployClient
    from google.cloud.storage import Client as StorageClient

# Seconds that one call may take, for the `timeout` of the clients' methods.
TIMEOUT_SECONDS = 60.0


def cloud_deploy_client(endpoints: Endpoints) -> "CloudDeployClient":
    """A `google.cloud.deploy_v1.CloudDeployClient`.

    Raises:
        CredentialsError: There are no application default credentials.
    """
    from google.cloud.deploy_v1 import CloudDeployClient
    from google.cloud.deploy_v1.services.cloud_deploy.transports import CloudDeployRestTransport

    return CloudDeployClient(transport=CloudDeployRestTransport(**_transport(endpoints, endpoints.cloud_deploy)))


def artifact_registry_client(endpoints: Endpoints) -> "ArtifactRegistryClient":
    """A `google.cloud.artifactregistry_v1.ArtifactRegistryClient`. Raises as `cloud_deploy_client` does."""
    from google.cloud.artifactregistry_v1 import ArtifactRegistryClient
    from google.cloud.artifactregistry_v1.services.artifact_registry.transports import ArtifactRegistryRestTransport

    transport = ArtifactRegistryRestTransport(**_transport(endpoints, endpoints.artifact_registry))
    return ArtifactRegistryClient(transport=transport)


def storage_client(endpoints: Endpoints, project: str) -> "StorageClient":
    """A `google.cloud.storage.Client` for buckets of `project`. Raises as `cloud_deploy_client` does."""
    from google.cloud.storage import Client

    options = {"api_endpoint": endpoints.storage} if endpoints.is_local else None
    return Client(project=project, credentials=_google_credentials(endpoints), client_options=options)


def retry(policy: RetryPolicy | None = None) -> "Retry":
    """Our policy as the clients' methods take it: `client.get_target(name=…, retry=retry(), timeout=TIMEOUT_SECONDS)`.

    Repeats what failed on the way or on the server's side. Only for what is safe to repeat: reads, and changes that
    carry a `request_id`.
    """
    import requests.exceptions
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    policy = policy or RetryPolicy()
    transient = if_exception_type(
        exceptions.TooManyRequests,
        exceptions.InternalServerError,
        exceptions.BadGateway,
        exceptions.ServiceUnavailable,
        exceptions.GatewayTimeout,
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
    )
    # The library bounds retries by time alone; this is the time that our number of attempts takes without their own.
    budget = sum(min(policy.maximum, policy.initial * 2.0**n) for n in range(policy.attempts))
    return Retry(
        predicate=transient,
        initial=policy.initial,
        maximum=policy.maximum,
        multiplier=2.0,
        timeout=max(budget, TIMEOUT_SECONDS),
    )


def _transport(endpoints: Endpoints, base: str) -> dict[str, Any]:
    scheme, host = base.split("://")
    return {"host": host, "url_scheme": scheme, "credentials": _google_credentials(endpoints)}


def _google_credentials(endpoints: Endpoints) -> Any:  # noqa: ANN401 - google-auth's types are not exported
    if endpoints.is_local:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    return ApplicationDefaultCredentials(connection_pool(connections=1)).google()
