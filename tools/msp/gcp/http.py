"""The one pool of connections that everything remote goes through."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3

from msp.errors import UsageError
from msp.gcp.bounds import bound_answers

# http.client hands a file to the socket in pieces of this size; its default of 16 KiB costs more than the network.
_BLOCK_BYTES = 1 << 20

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0


def connection_pool(*, connections: int = 8, environment: Mapping[str, str] = os.environ) -> urllib3.PoolManager:
    """A pool that keeps up to `connections` open per host, and neither retries nor follows redirects by itself.

    It trusts the system's certificate authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and goes
    through the proxies that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name (in small letters too).

    Raises:
        UsageError: A proxy's address is none.
    """
    return _Pool(_proxies(environment), environment, maxsize=connections)


def reason(error: urllib3.exceptions.HTTPError) -> str:
    """What went wrong on the way, in a few words and without the address, which may hold a signed query."""
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"no trusted connection: {error}"
    return next((words for kind, words in _REASONS if isinstance(error, kind)), "the connection was dropped")


_REASONS = (
    (urllib3.exceptions.NameResolutionError, "the host's name is not known"),
    (urllib3.exceptions.ProxyError, "the proxy lets nothing through"),
    (urllib3.exceptions.NewConnectionError, "no connection could be made"),
    (urllib3.exceptions.ConnectTimeoutError, "no connection within the time limit"),
    (urllib3.exceptions.ReadTimeoutError, "no answer within the time limit"),
)


class _Pool(urllib3.PoolManager):
    """A pool that finds the proxy of each request."""

    def __init__(self, proxies: Mapping[str, str], environment: Mapping[str, str], *, maxsize: int) -> None:
        options: dict[str, Any] = {
            "num_pools": 16,
            "maxsize": maxsize,
            "blocksize": _BLOCK_BYTES,
            "retries": False,
            "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            "ca_certs": _certificate_authorities(),
        }
        super().__init__(**options)
        bound_answers(self)
        self._environment = environment
        self._through = {scheme: _proxy(url, options) for scheme, url in proxies.items()}

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override] # noqa: ANN401 - as the library has it
        """As the library's, through a proxy where there is one for this address."""
        through = self._through.get(urlsplit(url).scheme) if self._through else None
        if through is None or self._is_direct(urlsplit(url).netloc):
            return super().urlopen(method, url, redirect=redirect, **options)
        return through.urlopen(method, url, redirect=redirect, **options)

    def _is_direct(self, host: str) -> bool:
        names = self._environment.get("no_proxy") or self._environment.get("NO_PROXY") or ""
        name = host.rpartition("@")[2].lower()
        without_port = (urlsplit(f"//{name}").hostname or "").lower()
        for entry in (each.strip().lower().removeprefix("*").lstrip(".") for each in names.split(",")):
            if names.strip() == "*" or (
                entry and any(f".{each}".endswith(f".{entry}") for each in (name, without_port))
            ):
                return True
        return False


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    def named(scheme: str) -> str:
        return environment.get(f"{scheme}_proxy") or environment.get(f"{scheme.upper()}_PROXY") or ""

    # HTTP_PROXY is a request's header to a CGI program (https://httpoxy.org).
    http = environment.get("http_proxy", "") if "REQUEST_METHOD" in environment else named("http")
    found = {"https": named("https") or named("all"), "http": http or named("all")}
    return {scheme: url for scheme, url in found.items() if url}


def _proxy(url: str, options: Mapping[str, Any]) -> urllib3.ProxyManager:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        login = unquote(f"{parts.username}:{parts.password or ''}") if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        if whole:
            proxy = urllib3.ProxyManager(
                f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", proxy_headers=headers, **options
            )
            bound_answers(proxy)
            return proxy
    except (ValueError, urllib3.exceptions.HTTPError):
        pass
    # Not quoted: there may be a password in it.
    raise UsageError(
        "a proxy's address is not http://HOST:PORT", hint="look at HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
    ) from None


def _certificate_authorities() -> str | None:
    """None for the system's own; a Python that was built elsewhere may look for them where this system has none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
        return None
    import certifi

    return certifi.where()
