"""Application default credentials, with a service account's key made here and a token service on this machine."""

import json
import os
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from msp.gcp.credentials import AnonymousCredentials, ApplicationDefaultCredentials, default_credentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CredentialsError, UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.session import Adapter, sent_over

if TYPE_CHECKING:
    from tests.gcp.conftest import Answer, Request, ScriptedServer


@pytest.fixture
def key_file(server: "ScriptedServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "ci@p.iam.gserviceaccount.com",
        "token_uri": f"http://{server.address}/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


@pytest.fixture
def credentials() -> ApplicationDefaultCredentials:
    return ApplicationDefaultCredentials(connection_pool())


def tokens(server: "ScriptedServer", *, seconds: int) -> None:
    server.respond = lambda _request: (200, {"access_token": f"secret-{len(server.requests)}", "expires_in": seconds})


@pytest.mark.usefixtures("key_file")
class TestServiceAccount:
    def test_a_token_is_fetched_once(
        self, server: "ScriptedServer", credentials: ApplicationDefaultCredentials
    ) -> None:
        tokens(server, seconds=3600)
        threads = [threading.Thread(target=credentials.headers) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert credentials.headers()["authorization"] == "Bearer secret-1"
        assert credentials.token() == "secret-1"
        assert [request.path for request in server.requests] == ["/token"]

    def test_a_token_that_is_about_to_expire_is_renewed(
        self, server: "ScriptedServer", credentials: ApplicationDefaultCredentials
    ) -> None:
        tokens(server, seconds=60)
        assert credentials.token() == "secret-1"
        assert credentials.token() == "secret-2"

    def test_a_token_that_was_turned_down_is_renewed(
        self, server: "ScriptedServer", credentials: ApplicationDefaultCredentials
    ) -> None:
        tokens(server, seconds=3600)
        credentials.token()
        assert credentials.renew()
        assert credentials.token() == "secret-2"

    def test_an_account_that_is_no_more_says_what_to_do(
        self, server: "ScriptedServer", credentials: ApplicationDefaultCredentials
    ) -> None:
        server.answers((400, {"error": "invalid_grant", "error_description": "secret detail"}))
        with pytest.raises(CredentialsError, match="no longer takes") as raised:
            credentials.headers()
        assert "gcloud auth application-default login" in raised.value.hint
        assert raised.value.__context__ is None

    def test_a_token_service_that_drops_the_connection_may_be_asked_again(
        self, server: "ScriptedServer", credentials: ApplicationDefaultCredentials
    ) -> None:
        server.answers((0,))
        with pytest.raises(UnreachableError) as raised:
            credentials.headers()
        assert raised.value.transient


def test_a_key_file_that_is_none_is_not_quoted(key_file: Path, credentials: ApplicationDefaultCredentials) -> None:
    key_file.write_text('{"type": "service_account", "private_key": "secret"')
    with pytest.raises(CredentialsError, match="holds no JSON object") as raised:
        credentials.headers()
    assert "secret" not in f"{raised.value.message}{raised.value.hint}"


def test_no_credentials_says_how_to_get_some(
    credentials: ApplicationDefaultCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(CredentialsError) as raised:
        credentials.headers()
    assert "gcloud auth application-default login" in raised.value.hint


def test_a_local_cloud_takes_nobody() -> None:
    credentials = default_credentials(Endpoints.local("127.0.0.1:1"), connection_pool())
    assert isinstance(credentials, AnonymousCredentials)
    assert credentials.headers() == {}
    assert not credentials.renew()
    assert isinstance(default_credentials(Endpoints.google(), connection_pool()), ApplicationDefaultCredentials)


def expect_no_secret(error: BaseException) -> None:
    """Neither in what is printed of an error nor in what it hangs on to."""
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(before)
    shown = "".join(traceback.format_exception(error)) + "".join(f"{each!r} {vars(each)}" for each in chain)
    assert "S3CR3T" not in shown


ODD_TOKENS = ["S3CR3T\n", "S3CR3T\r\nX-Evil: 1", "S3CR3T\x00", "S3CR3T\u2028", "é-S3CR3T", "", " S3CR3T\t"]


@pytest.mark.usefixtures("key_file")
@pytest.mark.parametrize("token", ODD_TOKENS)
def test_a_token_that_is_none_is_not_shown(
    server: "ScriptedServer", credentials: ApplicationDefaultCredentials, token: str
) -> None:
    server.answers((200, {"access_token": token, "expires_in": 3600}))
    adapter = Adapter(connection_pool(), credentials)
    with pytest.raises(CredentialsError) as raised:
        sent_over(adapter, requests.Session()).get(f"http://{server.address}/v1/x")
    expect_no_secret(raised.value)
    assert {request.path for request in server.requests} == {"/token"}


@pytest.mark.usefixtures("key_file")
@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "S3CR3T", "expires_in": 1' + b"0" * 400 + b"}",
        b'{"access_token": "S3CR3T", "expires_in": "1e400"}',
        b'{"access_token": "S3CR3T", "expires_in": {}}',
        b'{"access_token": "S3CR3T", "expires_in": -1' + b"0" * 20 + b"}",
        b'{"access_token": ["S3CR3T"]}',
        b'{"access_token": {"S3CR3T": 1}, "expires_in": 5}',
        b'{"access_token": 7, "expires_in": 3600}',
        b'["S3CR3T"]',
        b"null",
        b"S3CR3T",
        b"\xffS3CR3T",
        b"[" * 100_000,
        b'{"access_token": "S3CR3T" ',
        b'{"access_token": "' + b"S3CR3T" * 1_000_000 + b'", "expires_in": 3600}',
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_whatever_a_token_service_answers_shows_no_secret(
    server: "ScriptedServer", credentials: ApplicationDefaultCredentials, body: bytes, status: int
) -> None:
    server.answers((status, body))
    with pytest.raises((CredentialsError, UnreachableError)) as raised:
        credentials.headers()
    expect_no_secret(raised.value)


def test_a_metadata_servers_token_is_not_shown(
    server: "ScriptedServer",
    credentials: ApplicationDefaultCredentials,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", server.address)
    monkeypatch.setenv("GCE_METADATA_IP", server.address)
    # Read from the environment when it was imported.
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", server.address, raising=False)
    google = {"Metadata-Flavor": "Google"}

    def respond(request: "Request") -> "Answer":
        if "token" in request.path:
            return 200, {"access_token": "S3CR3T\n", "expires_in": 3600, "token_type": "Bearer"}, google
        return 200, b"me", {**google, "Content-Type": "text/plain"}

    server.respond = respond
    with pytest.raises(CredentialsError) as raised:
        credentials.headers()
    expect_no_secret(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there"),
        ("directory", "is no file"),
        ("fifo", "is no file"),
        ("unreadable", "can't be read"),
        ("large", "too large"),
        (b"null", "no JSON object"),
        (b'["S3CR3T"]', "no JSON object"),
        (b"7", "no JSON object"),
        (b'"S3CR3T"', "no JSON object"),
        (b"", "no JSON object"),
        (b"\xff\xfeS3CR3T", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b"{}", "no Google credentials were found"),
        (b'{"type": "S3CR3T"}', "no Google credentials were found"),
        (b'{"type": ["S3CR3T"]}', "not what they should be|no Google credentials"),
        (b'{"type": "service_account", "private_key": "S3CR3T"}', "not what they should be|no Google credentials"),
        (b'{"type": "authorized_user", "refresh_token": {"S3CR3T": 1}}', "not what they should be|no Google cred"),
        (b'{"type": "external_account", "credential_source": "S3CR3T"}', "not what they should be|no Google cred"),
        (b'{"type": "impersonated_service_account", "source_credentials": "S3CR3T"}', "not what they|no Google cred"),
    ],
)
def test_a_key_file_that_is_none_says_what_is_wrong_with_it(
    credentials: ApplicationDefaultCredentials,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | str | None,
    message: str,
) -> None:
    path = tmp_path / "key\x1b.json"
    if content == "directory":
        path.mkdir()
    elif content == "fifo":
        os.mkfifo(path)
    elif content == "unreadable":
        path.symlink_to(path)  # A loop: permissions don't hold root back.
    elif content == "large":
        path.write_bytes(b'{"a": "' + bytes(2 << 20))
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(CredentialsError, match=message) as raised:
        credentials.headers()
    expect_no_secret(raised.value)
    assert "\x1b" not in raised.value.message
    assert "gcloud auth application-default login" in raised.value.hint
