"""Odd tokens and passwords, from wherever they can come: none shows up in an error, its cause or its trace."""

import base64
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from msp.errors import MspError
from msp.gcp.credentials import ApplicationDefaultCredentials
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.keychain import Keychain
from msp.image.registry import Registry
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import Fault, MemoryRegistry, Request

SECRET = "hunter2"
DIGEST = "sha256:" + "0" * 64
# As they stand in JSON.
ODD = ["\n", "\r\n", "\rX-Other: 1", "\0", "\x7f", "\x85", "\ud800", "\u2028\n", "\x1b[31m"]


def shown(error: BaseException) -> str:
    """All that anybody could print of an error."""
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and one not in seen:
            seen.append(one)
            left += [one.__cause__, one.__context__]
    texts = [f"{one} {one!r} {one.args!r} {vars(one)!r}" for one in seen]
    return "\n".join([*texts, *traceback.format_exception(error)])


def ask(registry: "MemoryRegistry", keychain: Keychain) -> None:
    client = Registry(connection_pool(), keychain, Endpoints.google(), RetryPolicy(attempts=1))
    client.repository(Repository(registry.host, "p/app")).has_blob(DIGEST)


def entry(tmp_path: Path, host: str, **values: str) -> Keychain:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: values}}))
    return Keychain(None, {"DOCKER_CONFIG": str(tmp_path)})


def of_auth(tmp_path: Path, host: str, secret: str) -> Keychain:
    content = f"user:{secret}".encode(errors="surrogatepass")
    return entry(tmp_path, host, auth=base64.b64encode(content).decode())


def of_password(tmp_path: Path, host: str, secret: str) -> Keychain:
    return entry(tmp_path, host, username="user", password=secret)


def of_username(tmp_path: Path, host: str, secret: str) -> Keychain:
    return entry(tmp_path, host, username=secret, password="p")


def of_identity_token(tmp_path: Path, host: str, secret: str) -> Keychain:
    return entry(tmp_path, host, identitytoken=secret)


def of_registry_token(tmp_path: Path, host: str, secret: str) -> Keychain:
    return entry(tmp_path, host, registrytoken=secret)


def of_helper(tmp_path: Path, _host: str, secret: str, username: str = "user") -> Keychain:
    answer = tmp_path / "answer"
    answer.write_text(json.dumps({"Username": username, "Secret": secret}))
    program = tmp_path / "docker-credential-h"
    program.write_text(f"#!/bin/sh\ncat {answer}\n")
    program.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "h"}')
    return Keychain(None, {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"})


def of_helpers_token(tmp_path: Path, host: str, secret: str) -> Keychain:
    return of_helper(tmp_path, host, secret, "<token>")


PLACES: list[Callable[[Path, str, str], Keychain]] = [
    of_auth, of_password, of_username, of_identity_token, of_registry_token, of_helper, of_helpers_token,
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("place", PLACES)
def test_a_login_that_can_not_be_sent(
    memory_registry: "MemoryRegistry",
    make_fault: "type[Fault]",
    tmp_path: Path,
    place: Callable[[Path, str, str], Keychain],
    odd: str,
) -> None:
    challenge = f'Bearer realm="http://{memory_registry.host}/token"'
    memory_registry.fault = lambda _request: make_fault(401, headers={"WWW-Authenticate": challenge})
    keychain = place(tmp_path, memory_registry.host, f"{SECRET}{odd}{SECRET}")
    with pytest.raises(MspError) as raised:
        ask(memory_registry, keychain)
    assert SECRET not in shown(raised.value)
    assert memory_registry.requests == []  # Nothing was sent before it was looked at.
    assert "docker" in raised.value.hint or "docker-credential-h" in raised.value.hint


@pytest.mark.parametrize("odd", [*ODD, " ", "\u00e9"], ids=repr)
@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_services_answer_that_can_not_be_sent(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", odd: str, key: str
) -> None:
    body = json.dumps({key: f"{SECRET}{odd}{SECRET}", "expires_in": 300}).encode()

    def fault(request: "Request") -> "Fault":
        if request.path == "/token":
            return make_fault(200, body=body)
        return make_fault(401, headers={"WWW-Authenticate": f'Bearer realm="http://{memory_registry.host}/token"'})

    memory_registry.fault = fault
    with pytest.raises(MspError, match="gave no token") as raised:
        ask(memory_registry, Keychain(None, {}))
    assert SECRET not in shown(raised.value)


class Google:
    def token(self) -> str:
        return f"{SECRET}\n"


def test_googles_token_with_a_line_end() -> None:
    keychain = Keychain(cast("ApplicationDefaultCredentials", Google()), {})
    with pytest.raises(MspError) as raised:
        keychain.login("us.gcr.io")
    assert SECRET not in shown(raised.value)


NOT_UTF_8 = base64.b64encode(b"\xff" + SECRET.encode()).decode()


@pytest.mark.parametrize(
    "content",
    [
        f'{{"auths": "{SECRET}'.encode(),
        f'["{SECRET}"]'.encode(),
        json.dumps({"auths": {"r.example.com": {"auth": f"{SECRET}!"}}}).encode(),
        json.dumps({"auths": {"r.example.com": {"auth": NOT_UTF_8}}}).encode(),
        SECRET.encode() + b"\xff",
    ],
)
def test_a_broken_config_is_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(MspError) as raised:
        Keychain(None, {"DOCKER_CONFIG": str(tmp_path)}).login("r.example.com")
    assert SECRET not in shown(raised.value)


@pytest.mark.parametrize(
    "said",
    [
        "no: {secret}",
        "x" * 296 + "{secret}",  # Cut in the middle, half of it would be left.
        "{basic}",
    ],
)
def test_what_a_registry_repeats_of_a_secret_is_taken_out(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", tmp_path: Path, said: str
) -> None:
    basic = base64.b64encode(f"user:{SECRET}".encode()).decode()
    message = said.format(secret=SECRET, basic=basic)
    # As some encoders write it.
    body = json.dumps({"errors": [{"code": "DENIED", "message": message}]}).replace("hu", "\\u0068\\u0075").encode()
    memory_registry.fault = lambda _request: make_fault(403, body=body)
    with pytest.raises(MspError) as raised:
        ask(memory_registry, of_password(tmp_path, memory_registry.host, SECRET))
    text = shown(raised.value)
    assert not any(part in text for part in (SECRET, "hunt", basic))


def test_an_unreachable_address_is_not_shown_with_its_signature(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]"
) -> None:
    location = f"http://{memory_registry.host}/v2/p/app/blobs/x?signature={SECRET}"

    def fault(request: "Request") -> "Fault":
        return make_fault(0) if request.query else make_fault(307, headers={"Location": location})

    memory_registry.fault = fault
    with pytest.raises(MspError, match="can't be reached") as raised:
        ask(memory_registry, Keychain(None, {}))
    assert SECRET not in shown(raised.value)
