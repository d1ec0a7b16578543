"""Who a call is said to be made by."""

import base64
import json

import pytest

from msp.localcloud.caller import Caller, service_agent

NOBODY = "local-user@local-cloud.test"


def token(**claims: str) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])


@pytest.mark.parametrize(
    ("authorization", "principal", "delegates"),
    [
        ("", NOBODY, ()),
        ("Bearer ", NOBODY, ()),
        ("Basic b2F1dGgyYWNjZXNzdG9rZW46dA==", NOBODY, ()),
        ("Bearer alice@example.com", "alice@example.com", ()),
        ("bearer alice", "alice@local-cloud.test", ()),
        (
            "Bearer alice@example.com/ci@p.iam.gserviceaccount.com",
            "ci@p.iam.gserviceaccount.com",
            ("alice@example.com",),
        ),
        (f"Bearer {token(iss='x', sub='ci@p.iam.gserviceaccount.com')}", "ci@p.iam.gserviceaccount.com", ()),
        (f"Bearer {token(sub='117', email='bob@example.com')}", "bob@example.com", ()),
    ],
)
def test_a_bearer_token_is_its_owners_name(authorization: str, principal: str, delegates: tuple[str, ...]) -> None:
    caller = Caller.of({"authorization": authorization})
    assert (caller.principal, caller.delegates) == (principal, delegates)


@pytest.mark.parametrize("secret", ["ya29." + "a0AfB_by" * 20, "a/" * 50 + "b", "eyJh.b=.c", "\x7f", "a b"])
def test_a_token_that_names_nobody_is_not_betrayed(secret: str) -> None:
    one, same, another = (Caller.of({"authorization": f"Bearer {text}"}) for text in (secret, secret, secret + "x"))
    assert one == same != another
    assert one.principal.startswith("token-")
    assert secret not in repr(one)


def test_what_else_a_request_says() -> None:
    headers = {"x-goog-request-reason": "INC-7", "user-agent": "me/1"}
    caller = Caller.of(headers, "127.0.0.1")
    assert (caller.reason, caller.user_agent, caller.ip) == ("INC-7", "me/1", "127.0.0.1")
    assert len(Caller.of({"x-goog-request-reason": "x" * 5000}).reason) == 1024


def test_a_project_has_one_service_agent() -> None:
    assert service_agent("p") == service_agent("p") != service_agent("q")
    assert service_agent("p").endswith("@gcp-sa-clouddeploy.iam.gserviceaccount.com")
