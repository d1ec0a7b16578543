import json

import pytest

from msp.image.tokens import is_token, parse_token


@pytest.mark.parametrize(
    ("answer", "value", "seconds"),
    [
        ({"token": "t", "expires_in": 300}, "t", 300),
        ({"access_token": "a", "expires_in": 1.5}, "a", 1.5),
        ({"token": "t", "access_token": "a"}, "t", 60),
        ({"token": "t", "expires_in": 10**400}, "t", 86400),
        ({"token": "t", "expires_in": float("inf")}, "t", 86400),
        ({"token": "t", "expires_in": float("nan")}, "t", 60),
        ({"token": "t", "expires_in": -(10**400)}, "t", 60),
        ({"token": "t", "expires_in": 0}, "t", 60),
        ({"token": "t", "expires_in": True}, "t", 60),
        ({"token": "t", "expires_in": "300"}, "t", 60),
        ({"token": "t", "expires_in": [300]}, "t", 60),
        ({"token": "t", "expires_in": None}, "t", 60),
    ],
)
def test_reads_a_token_service(answer: object, value: str, seconds: float) -> None:
    token = parse_token(json.dumps(answer).encode())
    assert token is not None
    assert (token.value, token.seconds) == (value, seconds)
    assert value not in repr(token).replace("Token(", "")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{}", b'"t"', b"\xff", b'{"token": 1}', b'{"token": {}}', b'{"token": ""}',
        b'{"token": "a\\nb"}', b'{"token": "a b"}', b'{"token": "\\u00e4"}', b'{"token": "\\ud800"}', b"[" * 60_000,
        b'{"token": "t", "expires_in": ' + b"9" * 5000 + b"}", json.dumps({"token": "x" * (1 << 17)}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_token(data: bytes) -> None:
    assert parse_token(data) is None


@pytest.mark.parametrize("text", ["", "a\n", "a\rb", "a\0", "a b", "a\tb", "\u00e9", "\x7f", "a\u2028"])
def test_what_a_header_would_not_take(text: str) -> None:
    assert not is_token(text)
