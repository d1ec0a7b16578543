import base64
import json
import os
from pathlib import Path
from typing import Any, cast

import pytest

from msp.gcp.credentials import ApplicationDefaultCredentials
from msp.gcp.errors import CredentialsError
from msp.image.keychain import ANONYMOUS, Keychain, Login, is_google


class Google:
    """Stands for application default credentials: a token, or none."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self.renewed = 0

    def token(self) -> str:
        if self._token is None:
            raise CredentialsError("no Google credentials were found", hint="log in")
        return self._token

    def renew(self) -> bool:
        self.renewed += 1
        return True


def google(token: str | None) -> ApplicationDefaultCredentials:
    return cast("ApplicationDefaultCredentials", Google(token))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path


def write(home: Path, config: object) -> dict[str, str]:
    (home / ".docker/config.json").write_text(json.dumps(config))
    return {"HOME": str(home), "PATH": f"{home}:{os.environ['PATH']}"}


def helper(home: Path, name: str, script: str) -> None:
    path = home / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("gcr.io", True),
        ("us.gcr.io", True),
        ("europe-west1-docker.pkg.dev", True),
        ("notgcr.io", False),
        ("gcr.io.example.com", False),
        ("docker.pkg.dev", False),
        ("gcr.io:5000", False),
        ("localhost:5000", False),
    ],
)
def test_googles_tokens_are_for_googles_registries(host: str, expected: bool) -> None:
    assert is_google(host) is expected


def test_googles_registries_take_googles_token(home: Path) -> None:
    keychain = Keychain(google("secret"), {"HOME": str(home)})
    assert keychain.login("us.gcr.io") == Login("oauth2accesstoken", "secret", bearer="secret")
    assert keychain.renew("us.gcr.io")
    assert keychain.login("registry.example.com") == ANONYMOUS
    assert not keychain.renew("registry.example.com")


def test_without_googles_credentials_dockers_do(home: Path) -> None:
    environment = write(home, {"auths": {"us.gcr.io": {"username": "_json_key", "password": "secret"}}})
    keychain = Keychain(google(None), environment)
    assert keychain.login("us.gcr.io") == Login("_json_key", "secret")
    with pytest.raises(CredentialsError) as raised:
        keychain.login("eu.gcr.io")
    assert raised.value.hint == "log in"


def test_a_local_cloud_never_gets_googles_token(home: Path) -> None:
    assert Keychain(None, {"HOME": str(home)}).login("us.gcr.io") == ANONYMOUS


AUTH = base64.b64encode(b"user:se:cret").decode()


@pytest.mark.parametrize(
    ("key", "entry", "expected"),
    [
        ("r.example.com", {"auth": AUTH}, Login("user", "se:cret")),
        ("https://r.example.com", {"auth": AUTH}, Login("user", "se:cret")),
        ("https://r.example.com/v1/", {"auth": AUTH}, Login("user", "se:cret")),
        ("r.example.com", {"username": "u", "password": "p"}, Login("u", "p")),
        ("r.example.com", {"identitytoken": "i", "auth": ""}, Login(identity_token="i")),
        ("r.example.com", {"registrytoken": "b"}, Login(bearer="b")),
        ("r.example.com", {}, ANONYMOUS),
        ("r.example.com", 7, ANONYMOUS),
        ("r.example.com", {"auth": 7}, ANONYMOUS),
        ("other.example.com", {"auth": AUTH}, ANONYMOUS),
    ],
)
def test_reads_dockers_config(home: Path, key: str, entry: object, expected: Login) -> None:
    assert Keychain(None, write(home, {"auths": {key: entry}})).login("r.example.com") == expected


def test_docker_hub_goes_by_its_old_name(home: Path) -> None:
    environment = write(home, {"auths": {"https://index.docker.io/v1/": {"auth": AUTH}}})
    assert Keychain(None, environment).login("docker.io") == Login("user", "se:cret")


@pytest.mark.parametrize("config", [{"credHelpers": {"r.example.com": "h"}, "credsStore": "none"}, {"credsStore": "h"}])
def test_asks_the_helper_once(home: Path, config: dict[str, Any]) -> None:
    log = home / "log"
    helper(home, "h", f'read key; echo "$1 $key" >> {log}; echo \'{{"Username": "u", "Secret": "s"}}\'')
    keychain = Keychain(None, write(home, config))
    assert keychain.login("r.example.com") == keychain.login("r.example.com") == Login("u", "s")
    assert log.read_text() == "get r.example.com\n"


def test_a_helper_may_give_an_identity_token(home: Path) -> None:
    helper(home, "h", 'echo \'{"Username": "<token>", "Secret": "s"}\'')
    assert Keychain(None, write(home, {"credsStore": "h"})).login("r.example.com") == Login(identity_token="s")


def test_a_helper_that_has_nothing_is_passed_over(home: Path) -> None:
    helper(home, "h", "echo credentials not found in native keychain; exit 1")
    environment = write(home, {"credsStore": "h", "auths": {"r.example.com": {"auth": AUTH}}})
    assert Keychain(None, environment).login("r.example.com") == Login("user", "se:cret")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo secret; exit 3", "failed"),
        ("echo secret", "no login"),
        ('echo \'{"Username": "secret"}\'', "no login"),
        ("echo '[\"secret\"]'", "no login"),
    ],
)
def test_a_broken_helper_is_named_and_not_quoted(home: Path, script: str, says: str) -> None:
    helper(home, "h", script)
    with pytest.raises(CredentialsError, match=f"docker-credential-h, .*{says}") as raised:
        Keychain(None, write(home, {"credsStore": "h"})).login("r.example.com")
    assert "secret" not in f"{raised.value.message} {raised.value.hint}"
    assert raised.value.__cause__ is None


def test_a_helper_that_failed_is_not_asked_again(home: Path) -> None:
    log = home / "log"
    helper(home, "h", f"echo asked >> {log}; exit 1")
    keychain = Keychain(None, write(home, {"credsStore": "h"}))
    for _ in range(3):
        with pytest.raises(CredentialsError, match=r"docker-credential-h, .* failed") as raised:
            keychain.login("r.example.com")
        assert raised.value.hint == "try: echo r.example.com | docker-credential-h get"
    assert log.read_text() == "asked\n"


def test_a_helper_that_is_not_there_or_hangs(home: Path) -> None:
    environment = write(home, {"credsStore": "none"})
    with pytest.raises(CredentialsError, match=r"docker-credential-none, .* is not on PATH"):
        Keychain(None, environment).login("r.example.com")
    helper(home, "none", "exec sleep 600")
    with pytest.raises(CredentialsError, match=r"did not answer in 0\.1 s"):
        Keychain(None, environment, 0.1).login("r.example.com")


def test_a_config_that_is_no_file_or_has_no_end(home: Path) -> None:
    path = home / ".docker/config.json"
    os.mkfifo(path)
    with pytest.raises(CredentialsError, match=r"config\.json: can't be read: not a regular file"):
        Keychain(None, {"HOME": str(home)}).login("r.example.com")
    path.unlink()
    with path.open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(CredentialsError, match=r"config\.json: can't be read: larger than 1048576 bytes"):
        Keychain(None, {"HOME": str(home)}).login("r.example.com")
    with pytest.raises(CredentialsError, match="can't be read: not a path"):
        Keychain(None, {"DOCKER_CONFIG": "a\0b"}).login("r.example.com")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"auths": {"r.example.com": {"auth": "secret!"}}}'])
def test_a_broken_config_is_named_and_not_quoted(home: Path, content: bytes) -> None:
    (home / ".docker/config.json").write_bytes(content)
    with pytest.raises(CredentialsError, match=r"config\.json") as raised:
        Keychain(None, {"HOME": str(home)}).login("r.example.com")
    assert "secret" not in f"{raised.value.message} {raised.value.hint}"


def test_the_config_can_be_elsewhere(home: Path) -> None:
    write(home, {"auths": {"r.example.com": {"auth": AUTH}}})
    assert Keychain(None, {"DOCKER_CONFIG": str(home / ".docker")}).login("r.example.com").username == "user"
    assert Keychain(None, {"DOCKER_CONFIG": str(home)}).login("r.example.com") == ANONYMOUS


def test_a_login_is_never_printed() -> None:
    login = Login("user", "secret-password", "secret-identity", "secret-bearer")
    assert "secret" not in repr(login)
    assert "user" not in repr(login)
    assert len(login.secrets) == 4


@pytest.mark.parametrize("name", ["a b", "../../bin/sh", "\r\n::error::x", "x" * 1000, "\0", "\u202e", "\ud800"])
def test_a_helper_that_no_program_is_named_after(home: Path, name: str) -> None:
    with pytest.raises(CredentialsError, match="is no credential helper") as raised:
        Keychain(None, write(home, {"credsStore": name})).login("r.example.com")
    assert raised.value.message.isprintable()
    assert name not in raised.value.message
