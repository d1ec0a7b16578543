"""Which requests are answered at all: nobody is asked who they are here, and any web page can send requests here.

A page that could read the answers would see releases and archives; one whose requests are done could change what is
deployed.
"""

import ipaddress
import re
from collections.abc import Mapping

from starlette.types import Message, Scope, Send

_OWN_NAMES = frozenset({"localhost", "host.docker.internal"})
"""Names that lead to this machine wherever they are looked up; the second is how containers call it."""

_CONTAINED = {
    # What clients stored is data: opened in a browser it may neither run nor reach what the console may.
    b"content-security-policy": b"default-src 'none'; sandbox",
    b"x-content-type-options": b"nosniff",
    b"cross-origin-resource-policy": b"same-origin",
}


def refusal(scope: Scope, listening: str) -> str | None:
    """Why a request is not answered; `None` when it is.

    Args:
        scope: The request.
        listening: The address or name that the server listens on, `127.0.0.1`.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    # A foreign page can have a name of its own resolve to this machine, but neither `localhost` nor an address.
    if not _is_own(re.sub(r":\d+$", "", host), listening):
        return f"The local cloud does not answer to the name {host[:100]!r}: use localhost or its address"
    origin = headers.get(b"origin")
    if origin is not None and origin.partition("://")[2] != host:
        return "Pages of other origins may not use the local cloud"
    if headers.get(b"sec-fetch-site") in {"cross-site", "same-site"} and not _opens_the_console(scope, headers):
        return "Pages of other sites may not use the local cloud"
    return None


def contained(send: Send) -> Send:
    """Sends answers with headers that keep a browser from running them, unless they carry a policy of their own."""

    async def send_contained(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"]]
            if not any(name.lower() == b"content-security-policy" for name, _ in headers):
                message = {**message, "headers": [*headers, *_CONTAINED.items()]}
        await send(message)

    return send_contained


def _is_own(host: str, listening: str) -> bool:
    name = host.strip("[]").lower()
    if _address(name) or name in _OWN_NAMES or name.endswith(".localhost") or name == listening.lower():
        return True
    # Other machines and containers call a server that was opened to them by its name in their network.
    address = _address(listening)
    return bool(name) and "." not in name and address is not None and not address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _opens_the_console(scope: Scope, headers: Mapping[bytes, str]) -> bool:
    """Whether somebody followed a link to the page, from a build's log for instance."""
    return (
        (scope["method"], scope["path"]) == ("GET", "/")
        and headers.get(b"sec-fetch-mode") == "navigate"
        and headers.get(b"sec-fetch-dest") == "document"
    )
