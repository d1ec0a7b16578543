"""Application default credentials, with a service account's key made here and a token service on this machine."""

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from msp.gcp.credentials import AnonymousCredentials, ApplicationDefaultCredentials, default_credentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CredentialsError, UnreachableError
from msp.gcp.http import connection_pool

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer


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
