"""Basic authentication and bearer tokens."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from tests.localcloud.registry.client import Registry, code

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.registry import DEFAULT_ACCOUNTS, Account, Authenticator, RegistryError
from msp.localcloud.registry.auth import Access

ACCOUNT = DEFAULT_ACCOUNTS[0]
CREDENTIALS = (ACCOUNT.username, ACCOUNT.password)


@pytest.fixture
def basic() -> Iterator[Registry]:
    with CloudThread(LocalCloud(registry_auth="basic")) as cloud, Registry(cloud.http_url) as registry:
        yield registry


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(registry_auth="bearer", clock=ManualClock())) as cloud:
        yield cloud


@pytest.fixture
def bearer(cloud: CloudThread) -> Iterator[Registry]:
    with Registry(cloud.http_url) as registry:
        yield registry


def challenge(answer: requests.Response) -> dict[str, str]:
    scheme, _, parameters = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    return dict(re.findall(r'(\w+)="([^"]*)"', parameters))


def token(registry: Registry, scope: str, credentials: tuple[str, str] | None = CREDENTIALS) -> requests.Response:
    asked = challenge(registry.call("GET", "/v2/"))
    query = {"service": asked["service"], "scope": scope}
    return requests.get(asked["realm"], params=query, auth=credentials, timeout=30)


def with_token(registry: Registry, scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(registry, scope).json()['token']}"}


def test_basic(basic: Registry) -> None:
    refused = basic.call("GET", "/v2/")
    assert code(refused) == (401, "UNAUTHORIZED")
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="local cloud"'
    for wrong in (("oauth2accesstoken", "wrong"), ("nobody", ACCOUNT.password)):
        assert basic.call("GET", "/v2/", auth=wrong).status_code == 401
    assert basic.call("GET", "/v2/", headers={"Authorization": "Basic !"}).status_code == 401
    basic.session.auth = CREDENTIALS
    assert basic.call("GET", "/v2/").status_code == 200
    basic.push_image("v1")


def test_bearer(bearer: Registry) -> None:
    path = f"/v2/{bearer.repository}/blobs/uploads/"
    asked = challenge(bearer.call("POST", path))
    assert asked["realm"] == f"{bearer.url}/v2/token"
    assert asked["scope"] == f"repository:{bearer.repository}:pull,push"
    headers = with_token(bearer, asked["scope"])
    assert bearer.call("POST", path, headers=headers).status_code == 202
    other = bearer.call("POST", path.replace("p/app", "p/other"), headers=headers)
    assert challenge(other)["error"] == "insufficient_scope"
    assert bearer.call("GET", "/v2/", headers=headers).status_code == 200


def test_pulling_is_not_pushing(bearer: Registry) -> None:
    headers = with_token(bearer, f"repository:{bearer.repository}:pull")
    assert bearer.call("GET", "tags/list", headers=headers).status_code == 404
    assert challenge(bearer.call("POST", "blobs/uploads/", headers=headers))["error"] == "insufficient_scope"
    assert challenge(bearer.call("DELETE", "manifests/v1", headers=headers))["scope"].endswith(":delete")


def test_a_mount_needs_to_read_the_source(bearer: Registry) -> None:
    scope = f"repository:{bearer.repository}:pull,push"
    query = {"mount": "sha256:" + "0" * 64, "from": "us.gcr.io/p/base"}
    refused = bearer.call("POST", "blobs/uploads/", params=query, headers=with_token(bearer, scope))
    wanted = challenge(refused)["scope"]
    assert wanted == f"{scope} repository:us.gcr.io/p/base:pull"
    assert bearer.call("POST", "blobs/uploads/", params=query, headers=with_token(bearer, wanted)).status_code == 202


def test_a_challenge_says_nothing_that_was_smuggled_in(bearer: Registry) -> None:
    for source in ("a%0d%0aX:b", "a%22,realm=%22evil"):
        assert code(bearer.call("POST", f"blobs/uploads/?from={source}")) == (400, "NAME_INVALID")


def test_a_token_expires(bearer: Registry, cloud: CloudThread) -> None:
    answer = token(bearer, "").json()
    assert answer["expires_in"] == 300
    headers = {"Authorization": f"Bearer {answer['token']}"}
    cloud.advance(timedelta(seconds=299))
    assert bearer.call("GET", "/v2/", headers=headers).status_code == 200
    cloud.advance(timedelta(seconds=1))
    assert challenge(bearer.call("GET", "/v2/", headers=headers))["error"] == "invalid_token"


@pytest.mark.parametrize("forged", ["x", "x.y", ".", "é.é"])
def test_a_forged_token(bearer: Registry, forged: str) -> None:
    headers = {"Authorization": b"Bearer " + forged.encode()}
    assert challenge(bearer.call("GET", "/v2/", headers=headers))["error"] == "invalid_token"


def test_no_token_without_credentials(bearer: Registry) -> None:
    for credentials in (None, ("oauth2accesstoken", "wrong")):
        assert code(token(bearer, "", credentials)) == (401, "UNAUTHORIZED")


def test_oauth2_form(bearer: Registry) -> None:
    fields = {
        "grant_type": "password",
        "username": ACCOUNT.username,
        "password": ACCOUNT.password,
        "scope": "registry:catalog:*",
    }
    answer = bearer.call("POST", "/v2/token", data=fields).json()
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert bearer.call("GET", "/v2/_catalog", headers=headers).json() == {"repositories": []}
    assert challenge(bearer.call("GET", "/v2/_catalog"))["scope"] == "registry:catalog:*"


def test_who_may_only_read_cannot_push() -> None:
    reader = Account("reader", "secret", push=False)
    needed = [Access("repository", "p/app", ("pull", "push"))]
    basic = Authenticator("basic", ManualClock(), [reader])
    with pytest.raises(RegistryError, match="DENIED"):
        basic.check("Basic cmVhZGVyOnNlY3JldA==", "http://x", needed)
    basic.check("Basic cmVhZGVyOnNlY3JldA==", "http://x", [Access("repository", "p/app", ("pull",))])
    bearer = Authenticator("bearer", ManualClock(), [reader])
    given = bearer.token("Basic cmVhZGVyOnNlY3JldA==", {"scope": ["repository:p/app:pull,push"]})
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        bearer.check(f"Bearer {given['token']}", "http://x", needed)
