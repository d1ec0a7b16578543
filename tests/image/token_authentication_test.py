"""How a registry's challenges are answered, and where secrets go and don't."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CredentialsError, UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.errors import RegistryError
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.origin import Origin
from msp.image.progress import Silent
from msp.image.push import push
from msp.image.registry import Registry
from msp.image.token_authentication import Authenticator
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry, Request

DIGEST = "sha256:" + "0" * 64


class Guard:
    """Stands before a registry in memory: wants a login, and issues tokens at `/token`."""

    def __init__(self, registry: "MemoryRegistry", make_fault: "type[Fault]", scheme: str) -> None:
        self.registry = registry
        self.make_fault = make_fault
        self.scheme = scheme
        self.tokens: list[str] = []
        self.token_requests: list[Request] = []
        self.token_fault: list[Fault] = []
        self.seconds = 300
        self.login = "Basic " + base64.b64encode(b"user:secret").decode()
        registry.fault = self

    def __call__(self, request: "Request") -> "Fault | None":
        sent = request.headers.get("authorization", "")
        if request.path == "/token":
            return self._token(request, sent)
        if self.scheme == "basic":
            if sent == self.login:
                return None
            return self.make_fault(401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
        if self.tokens and sent == f"Bearer {self.tokens[-1]}":
            return None
        challenge = f'Bearer realm="http://{self.registry.host}/token",service="registry",scope="repository:p/app:pull"'
        return self.make_fault(401, headers={"WWW-Authenticate": challenge})

    def _token(self, request: "Request", sent: str) -> "Fault":
        self.token_requests.append(request)
        if self.token_fault:
            return self.token_fault.pop(0)
        if request.method == "GET" and sent != self.login:
            return self.make_fault(401)
        self.tokens.append(f"token-{len(self.tokens)}")
        body = {"token": self.tokens[-1], "expires_in": self.seconds}
        return self.make_fault(200, body=json.dumps(body).encode())


def config(tmp_path: Path, host: str, **entry: str) -> dict[str, str]:
    """The environment of somebody who is logged in to this registry."""
    entry = entry or {"auth": base64.b64encode(b"user:secret").decode()}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: entry}}))
    return {"DOCKER_CONFIG": str(tmp_path)}


def registry(environment: dict[str, str]) -> Registry:
    retry = RetryPolicy(attempts=3, sleep=lambda _: None)
    return Registry(connection_pool(connections=16), Keychain(None, environment), Endpoints.google(), retry)


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_registry_that_wants_a_login_gets_it(
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    make_fault: "type[Fault]",
    tmp_path: Path,
    scheme: str,
) -> None:
    guard = Guard(memory_registry, make_fault, scheme)
    layout = Layout(builder.root(builder.image(*(bytes([n]) for n in range(8)))))
    client = registry(config(tmp_path, memory_registry.host))
    push(layout, Repository(memory_registry.host, "p/app"), "t", client, Silent(), mount_from="p/base")
    assert ("p/app", "t") in memory_registry.manifests
    if scheme == "bearer":
        (request,) = guard.token_requests
        assert request.query["service"] == "registry"
        assert request.query["scope"] == "repository:p/app:pull,push"
        assert "token-0" not in str(request)


def test_the_token_covers_what_is_mounted_from(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "bearer")
    client = registry(config(tmp_path, memory_registry.host))
    remote = client.repository(Repository(memory_registry.host, "p/app"), mount_from=["p/base", "p/app"])
    assert not remote.has_blob(DIGEST)
    (request,) = guard.token_requests
    assert request.queries["scope"] == ["repository:p/app:pull,push", "repository:p/base:pull"]


def test_a_token_is_used_until_it_is_about_to_expire(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    now = 0.0
    guard = Guard(memory_registry, make_fault, "bearer")
    host = memory_registry.host
    authenticator = Authenticator(
        connection_pool(),
        Keychain(None, config(tmp_path, host)),
        host=host,
        origin=Origin(f"http://{host}"),
        scopes=["repository:p/app:pull"],
        monotonic=lambda: now,
    )
    assert authenticator.header() == ""
    assert authenticator.accept([f'Bearer realm="http://{host}/token"'], "")
    for now in (0, 100, 279):  # noqa: B007
        assert authenticator.header() == "Bearer token-0"
    now = 281
    assert authenticator.header() == "Bearer token-1"
    assert len(guard.token_requests) == 2


def test_a_token_that_is_turned_down_in_the_middle_is_replaced(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "bearer")
    remote = registry(config(tmp_path, memory_registry.host)).repository(Repository(memory_registry.host, "p/app"))
    assert not remote.has_blob(DIGEST)
    guard.tokens.append("revoked")
    assert not remote.has_blob(DIGEST)
    assert len(guard.token_requests) == 2


def test_an_identity_token_is_exchanged(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "bearer")
    environment = config(tmp_path, memory_registry.host, identitytoken="secret-identity")
    remote = registry(environment).repository(Repository(memory_registry.host, "p/app"))
    assert not remote.has_blob(DIGEST)
    (request,) = guard.token_requests
    assert request.method == "POST"
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["refresh_token"]
    assert form["refresh_token"] == ["secret-identity"]
    assert form["scope"] == ["repository:p/app:pull,push"]


def test_no_login_where_one_is_wanted(memory_registry: "MemoryRegistry", make_fault: "type[Fault]") -> None:
    Guard(memory_registry, make_fault, "bearer")
    remote = registry({}).repository(Repository(memory_registry.host, "p/app"))
    with pytest.raises(CredentialsError, match="turned down a request without a login") as raised:
        remote.has_blob(DIGEST)
    assert raised.value.hint == f"run: docker login {memory_registry.host}"
    Guard(memory_registry, make_fault, "basic")
    remote = registry({}).repository(Repository(memory_registry.host, "p/app"))
    with pytest.raises(RegistryError, match="answered 401") as refused:
        remote.has_blob(DIGEST)
    assert refused.value.hint == f"run: docker login {memory_registry.host}"


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_wrong_login_is_told_without_it(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path, scheme: str
) -> None:
    Guard(memory_registry, make_fault, scheme)
    environment = config(tmp_path, memory_registry.host, username="user", password="wrong-secret")
    remote = registry(environment).repository(Repository(memory_registry.host, "p/app"))
    with pytest.raises((CredentialsError, RegistryError)) as raised:
        remote.has_blob(DIGEST)
    assert "secret" not in f"{raised.value.message} {raised.value.hint}"


def test_a_token_service_that_is_busy_is_asked_again(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "bearer")
    guard.token_fault = [make_fault(503), make_fault(0)]
    layout = Layout(builder.root(builder.image(b"one")))
    client = registry(config(tmp_path, memory_registry.host))
    push(layout, Repository(memory_registry.host, "p/app"), "t", client, Silent())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": ""}', b"\xff"])
def test_a_token_service_that_gives_no_token(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path, body: bytes
) -> None:
    guard = Guard(memory_registry, make_fault, "bearer")
    guard.token_fault = [make_fault(200, body=body)]
    remote = registry(config(tmp_path, memory_registry.host)).repository(Repository(memory_registry.host, "p/app"))
    with pytest.raises(CredentialsError, match="gave no token"):
        remote.has_blob(DIGEST)


def test_a_login_goes_to_no_token_service_without_tls(tmp_path: Path) -> None:
    host = "registry.example.com"
    authenticator = Authenticator(
        connection_pool(),
        Keychain(None, config(tmp_path, host)),
        host=host,
        origin=Origin(f"https://{host}"),
        scopes=[],
    )
    with pytest.raises(CredentialsError, match="without TLS"):
        authenticator.accept(['Bearer realm="http://registry.example.com/token"'], "")


def test_a_token_does_not_follow_a_redirect_to_another_host(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    """The registry sends uploads to its storage: the same server under another name."""
    guard = Guard(memory_registry, make_fault, "basic")
    elsewhere = f"localhost:{memory_registry.host.rpartition(':')[2]}"
    leaked: list[Request] = []

    def fault(request: "Request") -> "Fault | None":
        if request.headers["host"] == elsewhere:
            if "authorization" in request.headers:
                leaked.append(request)
            return None
        if (refusal := guard(request)) is None and request.what == "PUT upload":
            path = f"{request.path}?state=3&digest={request.query['digest']}"
            return make_fault(307, headers={"Location": f"http://{elsewhere}{path}"})
        return refusal

    memory_registry.fault = fault
    layout = Layout(builder.root(builder.image(b"one", b"two")))
    client = registry(config(tmp_path, memory_registry.host))
    push(layout, Repository(memory_registry.host, "p/app"), "t", client, Silent())
    assert any(request.headers["host"] == elsewhere for request in memory_registry.requests)
    assert not leaked


def test_an_upload_location_elsewhere_gets_no_login(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "basic")
    elsewhere = f"localhost:{memory_registry.host.rpartition(':')[2]}"
    uploads: list[Request] = []

    def fault(request: "Request") -> "Fault | None":
        if request.headers["host"] == elsewhere:
            uploads.append(request)
            return None
        if (refusal := guard(request)) is None and request.what == "POST upload":
            session = str(next(memory_registry.sessions))
            memory_registry.uploads[session] = bytearray()
            location = f"http://{elsewhere}/v2/p/app/blobs/uploads/{session}?signature=secret"
            return make_fault(202, headers={"Location": location})
        return refusal

    memory_registry.fault = fault
    layout = Layout(builder.root(builder.image(b"one")))
    client = registry(config(tmp_path, memory_registry.host))
    push(layout, Repository(memory_registry.host, "p/app"), "t", client, Silent())
    assert len(uploads) == 2
    assert not any("authorization" in request.headers for request in uploads)


def test_redirects_without_end(memory_registry: "MemoryRegistry", make_fault: "type[Fault]") -> None:
    memory_registry.fault = lambda request: make_fault(307, headers={"Location": request.path})
    with pytest.raises(RegistryError, match="too many redirects"):
        registry({}).repository(Repository(memory_registry.host, "p/app")).has_blob(DIGEST)
    memory_registry.fault = lambda _request: make_fault(307, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(RegistryError, match="not HTTP"):
        registry({}).repository(Repository(memory_registry.host, "p/app")).has_blob(DIGEST)


def test_what_a_registry_repeats_of_a_secret_is_taken_out(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "basic")
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"no: {guard.login} is user:secret"}]}).encode()
    memory_registry.fault = lambda r: guard(r) or make_fault(403, body=body)
    remote = registry(config(tmp_path, memory_registry.host)).repository(Repository(memory_registry.host, "p/app"))
    with pytest.raises(RegistryError) as raised:
        remote.has_blob(DIGEST)
    assert "secret" not in raised.value.message
    assert guard.login.removeprefix("Basic ") not in raised.value.message


def test_an_unreachable_token_service(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path
) -> None:
    guard = Guard(memory_registry, make_fault, "bearer")
    guard.token_fault = [make_fault(0)]
    remote = registry(config(tmp_path, memory_registry.host)).repository(Repository(memory_registry.host, "p/app"))
    with pytest.raises(UnreachableError, match="the token service of") as raised:
        remote.has_blob(DIGEST)
    assert "scope" not in raised.value.message
