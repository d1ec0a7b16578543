"""Where a registry may send its client: for uploads, by redirects, and to its token service.

The distribution specification lets an upload go on at another host ("does not necessarily need to be provided by the
registry itself"), and registries send to their storage. All large clients follow: go-containerregistry (crane) refuses
literal loopback, link-local and private addresses unless the host is the registry's own, keeps the registry's scheme at
its own host, and takes a token service without TLS only where the registry has none; containerd drops the login; Docker
and skopeo go wherever they are sent. Here all of these bounds hold, and for names by the addresses that they stand for,
so that a registry on the internet can't reach into the network in which this runs.
"""

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from msp.image.errors import DirectionError
from msp.text import harmless

_MAX_ADDRESS = 16 << 10
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolve(host: str) -> tuple[str, ...]:
    """The addresses of a host, `("93.184.215.14",)`; none where it isn't known."""
    try:
        return tuple({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return ()


class Origin:
    """A registry's own address, and where it may send us.

    Args:
        url: `https://us.gcr.io`, without a path.
        resolve: Finds the addresses of a host; replaced in tests.
    """

    def __init__(self, url: str, resolve: Callable[[str], tuple[str, ...]] = resolve) -> None:
        self._own = urlsplit(url)
        self._resolve = resolve
        self._kinds: dict[str, frozenset[str]] = {}

    @property
    def has_tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self._own.scheme == "https"

    def owns(self, url: str) -> bool:
        """Whether a checked address is the registry's own: scheme, host and port. Only there its login may go."""
        parts = urlsplit(url)
        return (parts.scheme, parts.hostname, _port(parts)) == (self._own.scheme, self._own.hostname, _port(self._own))

    def target(self, base: str, location: str) -> str:
        """The address to go on at.

        Args:
            base: The address that was asked.
            location: What it said: a path, or a whole address.

        Raises:
            DirectionError: It is no address, or none to go to; the message has the host, and no query that may be
                signed.
        """
        name = self._own.hostname
        if not location or len(location) > _MAX_ADDRESS or not _is_plain(location):
            raise DirectionError(f"{name} pointed to something that is no address")
        parts = _split(base, location)
        host, port = (parts.hostname, _port(parts)) if parts else (None, None)
        if parts is None or parts.scheme not in _DEFAULT_PORTS or not host or not port:
            raise DirectionError(f"{name} pointed to an address that is not HTTP, or none at all")
        if "@" in parts.netloc:
            raise DirectionError(f"{name} pointed to an address with a login in it")
        parts = parts._replace(fragment="")
        # Registries behind a proxy that ends TLS often take themselves to be without.
        if host == name and self.has_tls and parts.scheme == "http" and port in {80, _port(self._own)}:
            parts = parts._replace(scheme=self._own.scheme, netloc=self._own.netloc)
        self._check(host, parts.scheme)
        return urlunsplit(parts)

    def _check(self, host: str, scheme: str) -> None:
        shown = f"{self._own.hostname} pointed to {harmless(host, limit=100)}"
        if self.has_tls and scheme != "https":
            raise DirectionError(f"{shown} without TLS: nothing was sent there")
        if host == self._own.hostname:
            return
        inward = self._kinds_of(host) - {"public"}
        if inward and not inward <= self._kinds_of(self._own.hostname or ""):
            what = " and ".join(sorted(inward))
            raise DirectionError(f"{shown}, a {what} address, and isn't at one itself: nothing was sent there")

    def _kinds_of(self, host: str) -> frozenset[str]:
        if host not in self._kinds:
            self._kinds[host] = frozenset(map(_kind, self._resolve(host)))
        return self._kinds[host]


def _kind(text: str) -> str:
    address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    return "public" if address.is_global and not address.is_multicast else "private"


def _embedded(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _split(base: str, location: str) -> SplitResult | None:
    try:
        parts = urlsplit(urljoin(base, location))
        _ = parts.port
    except ValueError:
        return None
    return parts


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _is_plain(text: str) -> bool:
    # Before urllib looks at it, which takes line ends and tabs out without a word.
    return text.isascii() and text.isprintable() and " " not in text
