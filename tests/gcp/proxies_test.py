"""Which proxy a request goes through, and whom the pool trusts."""

import datetime as dt
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from msp.errors import UsageError
from msp.gcp.credentials import AnonymousCredentials
from msp.gcp.errors import UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.session import Adapter, sent_over

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer


def session(**environment: str) -> requests.Session:
    return sent_over(Adapter(connection_pool(environment=environment), AnonymousCredentials()), requests.Session())


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_request_goes_through_the_proxy(server: "ScriptedServer", variable: str) -> None:
    ours = session(**{variable: f"http://ada:p%40ss@{server.address}"})
    ours.get("http://deploy.invalid/v1/x")
    (request,) = server.requests
    assert request.path == "http://deploy.invalid/v1/x"
    assert request.headers["proxy-authorization"] == "Basic YWRhOnBAc3M="  # ada:p@ss


def test_https_asks_the_proxy_for_a_tunnel(server: "ScriptedServer") -> None:
    server.answers((403,))
    with pytest.raises(UnreachableError, match="the proxy lets nothing through"):
        session(HTTPS_PROXY=server.address).get("https://deploy.invalid/v1/x")


@pytest.mark.parametrize("direct", ["127.0.0.1", "other.invalid, 127.0.0.1", "*", ".0.0.1", "127.0.0.1:{port}"])
def test_what_no_proxy_names_is_asked_directly(server: "ScriptedServer", direct: str) -> None:
    port = server.address.rpartition(":")[2]
    session(HTTP_PROXY="http://127.0.0.1:1", NO_PROXY=direct.format(port=port)).get(f"http://{server.address}/x")
    assert server.requests[0].path == "/x"


def test_a_cgi_programs_client_names_no_proxy(server: "ScriptedServer") -> None:
    session(HTTP_PROXY="http://127.0.0.1:1", REQUEST_METHOD="GET").get(f"http://{server.address}/x")
    assert server.requests[0].path == "/x"


@pytest.mark.parametrize(
    "address",
    ["http://[secret", "http://secret:x@", "socks5://secret:1", "http://h:secret", "http://h:99999999", "http://h:0"],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_an_address_that_is_none_is_a_usage_error_and_not_shown(variable: str, address: str) -> None:
    with pytest.raises(UsageError, match="a proxy's address") as raised:
        connection_pool(environment={variable: address})
    assert "secret" not in f"{raised.value.message}{raised.value.hint}"
    assert raised.value.__suppress_context__


def test_trusts_whom_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    server = HTTPServer(("127.0.0.1", 0), Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}/x"
    with pytest.raises(UnreachableError, match="no trusted connection"):
        session().get(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert session().get(url).json() == {}
    server.shutdown()
    server.server_close()


class Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: object) -> None:
        pass


def self_signed(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *private)
    )
    return path
