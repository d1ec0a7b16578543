"""Google's own clients, each speaking over our adapter.

Over REST. What a delivery asks takes as long over gRPC, or longer (`tests/bench/clients.py`). 2,000 reads, one after
the other and with no network in between, take a third over gRPC; but there the answers' size and time are not ours to
bound in one place for all services, a local cloud needs a second port, proxies and certificate authorities have words
of their own (`GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`), and HTTP/2 must pass whatever a company has in between.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from msp.errors import MspError, UsageError
from msp.gcp.credentials import default_credentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.text import harmless

if TYPE_CHECKING:
    from google.cloud.artifactregistry_v1 import ArtifactRegistryClient
    from google.cloud.deploy_v1 import CloudDeployClient
    from google.cloud.storage import Client as StorageClient

    from msp.gcp.session import Adapter

T = TypeVar("T")


def default_adapter(endpoints: Endpoints) -> "Adapter":
    """One with a pool of its own, for whoever application default credentials name.

    Raises:
        UsageError: A proxy's address is none.
    """
    from msp.gcp.session import Adapter

    pool = connection_pool()
    return Adapter(pool, default_credentials(endpoints, pool))


def cloud_deploy_client(endpoints: Endpoints, adapter: "Adapter | None" = None) -> "CloudDeployClient":
    """A `google.cloud.deploy_v1.CloudDeployClient`.

    Args:
        endpoints: `Endpoints.google()`, or a local cloud's.
        adapter: What sends its requests; by default a new one.

    Raises:
        UsageError: The environment asks Google's libraries for something that they don't know.
    """
    with _uncollected():
        from google.cloud.deploy_v1 import CloudDeployClient
        from google.cloud.deploy_v1.services.cloud_deploy.transports import CloudDeployRestTransport

    over = adapter or default_adapter(endpoints)
    with _starting():
        return CloudDeployClient(transport=_transport(CloudDeployRestTransport, endpoints.cloud_deploy, over))


def artifact_registry_client(endpoints: Endpoints, adapter: "Adapter | None" = None) -> "ArtifactRegistryClient":
    """A `google.cloud.artifactregistry_v1.ArtifactRegistryClient`; arguments and errors as `cloud_deploy_client`."""
    with _uncollected():
        from google.cloud.artifactregistry_v1 import ArtifactRegistryClient
        from google.cloud.artifactregistry_v1.services.artifact_registry.transports import ArtifactRegistryRestTransport

    over = adapter or default_adapter(endpoints)
    with _starting():
        transport = _transport(ArtifactRegistryRestTransport, endpoints.artifact_registry, over)
        return ArtifactRegistryClient(transport=transport)


def storage_client(endpoints: Endpoints, project: str, adapter: "Adapter | None" = None) -> "StorageClient":
    """A `google.cloud.storage.Client` for buckets of `project`; arguments and errors as `cloud_deploy_client`."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client
    from requests import Session

    from msp.gcp.session import sent_over

    with _starting():
        return Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": endpoints.storage},
            _http=sent_over(adapter or default_adapter(endpoints), Session()),
        )


def _transport(make: Callable[..., T], url: str, adapter: "Adapter") -> T:
    """One of Google's transports over REST, with our adapter, which signs."""
    from google.auth.credentials import AnonymousCredentials

    from msp.gcp.session import sent_over

    scheme, host = url.split("://")
    made: Any = make(host=host, url_scheme=scheme, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    sent_over(adapter, made._session)  # There is no other way to it.
    transport: T = made
    return transport


@contextmanager
def _uncollected() -> Iterator[None]:
    """Doesn't look for garbage meanwhile: among all the classes that an import makes, that is a sixth of its time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except MspError:
        raise
    except Exception as error:  # Each library has some of its own for an environment that it doesn't understand.
        raise UsageError(
            f"Google's libraries don't start: {harmless(str(error), limit=300)}",
            hint="look at the environment's variables that begin with GOOGLE_API_ and GOOGLE_CLOUD_",
        ) from None
