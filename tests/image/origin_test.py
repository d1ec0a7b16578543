"""Where a registry may send us, and where it may not."""

from urllib.parse import urlsplit

import pytest

from msp.image.errors import DirectionError
from msp.image.origin import Origin

ADDRESSES = {
    "r.example.com": ("93.184.215.14",),
    "storage.example.com": ("93.184.215.15", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"),
    "inside.example.com": ("10.1.2.3",),
    "both.example.com": ("93.184.215.15", "127.0.0.1"),
    "registry.corp": ("10.0.0.5",),
    "storage.corp": ("10.0.0.6",),
    "localhost": ("127.0.0.1", "::1"),
    "127.1": ("127.0.0.1",),
    "2130706433": ("127.0.0.1",),
    "0x7f.1": ("127.0.0.1",),
}


def resolve(host: str) -> tuple[str, ...]:
    if host in ADDRESSES or host == "unknown.example.com":
        return ADDRESSES.get(host, ())
    return (host,)


def target(origin: str, location: str) -> str:
    return Origin(origin, resolve).target(f"{origin}/v2/p/app/blobs/uploads/", location)


@pytest.mark.parametrize(
    ("origin", "location", "expected"),
    [
        ("https://r.example.com", "/v2/p/app/blobs/uploads/1?state=a%2Bb", "https://r.example.com/v2/p/app/blobs/uploads/1?state=a%2Bb"),
        ("https://r.example.com", "1?state=x", "https://r.example.com/v2/p/app/blobs/uploads/1?state=x"),
        ("https://r.example.com", "https://r.example.com:8443/u", "https://r.example.com:8443/u"),
        ("https://r.example.com", "https://storage.example.com/u?signature=s", "https://storage.example.com/u?signature=s"),
        ("https://r.example.com", "//storage.example.com/u", "https://storage.example.com/u"),
        ("https://r.example.com", "https://unknown.example.com/u", "https://unknown.example.com/u"),
        ("https://r.example.com", "https://r.example.com/u#fragment", "https://r.example.com/u"),
        # Behind a proxy that ends TLS, a registry takes itself to be without.
        ("https://r.example.com", "http://r.example.com/u", "https://r.example.com/u"),
        ("https://r.example.com:5000", "http://r.example.com:5000/u", "https://r.example.com:5000/u"),
        ("https://registry.corp", "https://storage.corp/u", "https://storage.corp/u"),
        ("https://registry.corp", "https://storage.example.com/u", "https://storage.example.com/u"),
        ("https://10.0.0.5", "https://10.0.0.5/u", "https://10.0.0.5/u"),
        ("http://127.0.0.1:5000", "http://localhost:5001/u", "http://localhost:5001/u"),
        ("http://localhost:5000", "/u", "http://localhost:5000/u"),
    ],
)  # fmt: skip
def test_goes_where_large_clients_go(origin: str, location: str, expected: str) -> None:
    assert target(origin, location) == expected


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.1", "loopback"),
        ("2130706433", "loopback"),
        ("0x7f.1", "loopback"),
        ("0.0.0.0", "loopback"),
        ("localhost", "loopback"),
        ("[::1]", "loopback"),
        ("[::]", "loopback"),
        ("[::ffff:127.0.0.1]", "loopback"),
        ("169.254.169.254", "link-local"),
        ("[fe80::1]", "link-local"),
        ("[::ffff:169.254.169.254]", "link-local"),
        ("[64:ff9b::a9fe:a9fe]", "link-local"),
        ("[2002:a9fe:a9fe::1]", "link-local"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("224.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("[fd00:ec2::254]", "private"),
        ("inside.example.com", "private"),
        ("both.example.com", "loopback"),
    ],
)
def test_a_registry_on_the_internet_does_not_reach_inside(host: str, kind: str) -> None:
    with pytest.raises(DirectionError, match=f"a {kind} address") as raised:
        target("https://r.example.com", f"https://{host}/u?signature=secret")
    assert "secret" not in raised.value.message
    assert not raised.value.transient


@pytest.mark.parametrize(
    ("origin", "location"),
    [
        ("https://registry.corp", "https://169.254.169.254/"),
        ("https://registry.corp", "https://127.0.0.1/"),
        ("http://127.0.0.1:5000", "http://169.254.169.254/"),
        ("http://127.0.0.1:5000", "http://10.0.0.5/"),
    ],
)
def test_a_registry_inside_reaches_its_own_kind_only(origin: str, location: str) -> None:
    with pytest.raises(DirectionError, match="address, and isn't at one itself"):
        target(origin, location)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("", "no address"),
        ("http://[bad", "not HTTP, or none at all"),
        ("https://r.example.com:port/", "not HTTP, or none at all"),
        ("https://r.example.com:99999/", "not HTTP, or none at all"),
        ("file:///etc/passwd", "not HTTP, or none at all"),
        ("ftp://storage.example.com/u", "not HTTP, or none at all"),
        ("gopher://storage.example.com:70/u", "not HTTP, or none at all"),
        ("https://user:secret@r.example.com/u", "with a login in it"),
        ("https://r.example.com\r\nX: secret", "no address"),
        ("https://r.example.com/\tsecret", "no address"),
        ("https://r\u00e4.example.com/", "no address"),
        ("/" + "x" * 20_000, "no address"),
        ("http://storage.example.com/u", "without TLS"),
        ("http://r.example.com:8080/u", "without TLS"),
    ],
)
def test_what_is_no_place_to_go_is_told(location: str, says: str) -> None:
    with pytest.raises(DirectionError, match=says) as raised:
        target("https://r.example.com", location)
    assert "secret" not in raised.value.message
    assert raised.value.__context__ is None


@pytest.mark.parametrize("scheme", ["gopher", "ftp", "ws"])
def test_another_scheme_with_a_port_is_refused(scheme: str) -> None:
    with pytest.raises(DirectionError):
        target("http://localhost:5000", f"{scheme}://localhost:5000/u")


def test_the_login_is_for_the_registrys_own_address() -> None:
    origin = Origin("https://r.example.com", resolve)
    assert origin.owns("https://r.example.com/v2/")
    assert origin.owns("https://r.example.com:443/v2/")
    for other in ("http://r.example.com/", "https://r.example.com:8443/", "https://x.example.com/"):
        assert not origin.owns(other), urlsplit(other)


def test_a_hosts_addresses_are_asked_for_once() -> None:
    asked: list[str] = []

    def count(host: str) -> tuple[str, ...]:
        asked.append(host)
        return resolve(host)

    origin = Origin("https://r.example.com", count)
    for _ in range(3):
        origin.target("https://r.example.com/", "https://storage.example.com/u")
    assert asked == ["storage.example.com"]
