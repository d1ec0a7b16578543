"""The one pool of connections that everything remote goes through."""

import ssl
from pathlib import Path

import urllib3

# http.client hands a file to the socket in pieces of this size; its default of 16 KiB costs more than the network.
_BLOCK_BYTES = 1 << 20

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0


def connection_pool(*, connections: int = 8) -> urllib3.PoolManager:
    """A pool that keeps up to `connections` open per host, and neither retries nor follows redirects by itself.

    It trusts the system's certificate authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    """
    return urllib3.PoolManager(
        num_pools=16,
        maxsize=connections,
        blocksize=_BLOCK_BYTES,
        retries=False,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        ca_certs=_certificate_authorities(),
    )


def _certificate_authorities() -> str | None:
    """None for the system's own; a Python that was built elsewhere may look for them where this system has none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
        return None
    import certifi

    return certifi.where()


def reason(error: urllib3.exceptions.HTTPError) -> str:
    """What went wrong on the way, in a few words and without the address, which may hold a signed query."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "the host's name is not known"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "no connection could be made"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "no connection within the time limit"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "no answer within the time limit"
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"no trusted connection: {error}"
    return "the connection was dropped"
