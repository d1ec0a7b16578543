"""Registries (https://github.com/opencontainers/distribution-spec/blob/main/spec.md), and how each is spoken to."""

import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import urllib3

from msp.gcp.deadline import NO_DEADLINE, Deadline
from msp.gcp.endpoints import Endpoints
from msp.gcp.retry import RetryPolicy
from msp.image import origin as origins
from msp.image.keychain import Keychain
from msp.image.repository import RemoteRepository
from msp.image.token_authentication import Authenticator
from msp.image.transport import Transport
from msp.names.references import Repository

_PROBE_SECONDS = 2.0


class Registry:
    """Registries, reached over one pool with one keychain.

    Args:
        pool: Connections, for all of them.
        keychain: Knows the logins, by host.
        endpoints: Google's own, or a local cloud that stands for every registry.
        retry: When to ask again; asking is up to the caller.
        resolve: Finds the addresses of a host: `resolve("us.gcr.io") == ("142.250.27.82",)`.
    """

    def __init__(
        self,
        pool: urllib3.PoolManager,
        keychain: Keychain,
        endpoints: Endpoints,
        retry: RetryPolicy | None = None,
        *,
        resolve: Callable[[str], tuple[str, ...]] = origins.resolve,
    ) -> None:
        self._pool = pool
        self._keychain = keychain
        self._endpoints = endpoints
        self._resolve = resolve
        self.retry = retry or RetryPolicy()

    def repository(
        self, repository: Repository, *, mount_from: Sequence[str] = (), deadline: Deadline = NO_DEADLINE
    ) -> RemoteRepository:
        """A client for one repository.

        Args:
            repository: Its name: `us.gcr.io/sourcegraph-dev/msp-example`.
            mount_from: Names of other repositories of the same registry, which the login must be able to read.
            deadline: When all that is asked of it has to be done.
        """
        url = self._endpoints.registry_url(repository.host, repository.name)
        if url.startswith("http:") and not self._endpoints.is_local and speaks_tls(repository.host):
            url = "https" + url.removeprefix("http")
        address = url[: url.index("/v2/")]
        origin = origins.Origin(address, self._resolve)
        prefix = url[len(address) + len("/v2/") :].removesuffix(repository.name)
        scopes = [f"repository:{prefix}{repository.name}:pull,push"]
        scopes += [f"repository:{prefix}{name}:pull" for name in mount_from if name != repository.name]
        # A local cloud stands for many registries, and has one login: its own address's.
        host = urlsplit(address).netloc if self._endpoints.is_local else repository.host
        authenticator = Authenticator(
            self._pool, self._keychain, host=host, origin=origin, scopes=scopes, deadline=deadline
        )
        transport = Transport(self._pool, authenticator, origin, deadline)
        return RemoteRepository(transport, authenticator, repository, url, prefix)


def speaks_tls(host: str) -> bool:
    """Whether a registry on this machine wants TLS after all: what it makes of a request in plain tells."""
    parts = urlsplit(f"//{host}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_PROBE_SECONDS) as connection:
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
            answer = connection.recv(12)
    except OSError:
        return False  # Not there, or too slow: the first request will say so.
    # A TLS alert, or the 400 with which Go's servers say that they were spoken to in plain.
    return answer[:1] == b"\x15" or (answer[:5] == b"HTTP/" and answer[9:] == b"400")
