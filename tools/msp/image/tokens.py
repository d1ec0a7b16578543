"""What a token service answers, and what a token can be at all."""

from dataclasses import dataclass, field

from msp.gcp.bounds import json_object

# What the specification says for an answer that doesn't tell.
_DEFAULT_SECONDS = 60.0
# No registry's token lasts longer, whatever it says of itself.
_MAX_SECONDS = 86400.0
# More than servers take as a header.
_MAX_TOKEN = 64 << 10


@dataclass(frozen=True)
class Token:
    """A bearer token.

    Attributes:
        value: What stands in a header after `Bearer `. Never printed.
        seconds: For how long it lasts.
    """

    value: str = field(repr=False)
    seconds: float = _DEFAULT_SECONDS


def is_token(text: str) -> bool:
    """Whether the text can stand in a header as a token: a line end in it would end the header, for one."""
    return 0 < len(text) <= _MAX_TOKEN and text.isascii() and text.isprintable() and " " not in text


def parse_token(data: bytes) -> Token | None:
    """The token in an answer (https://distribution.github.io/distribution/spec/auth/token/), None where there is none.

    Args:
        data: `{"token": "…", "expires_in": 300}`; OAuth 2 calls it `access_token`.
    """
    answer = json_object(data) or {}
    value = answer.get("token") or answer.get("access_token")
    if not isinstance(value, str) or not is_token(value):
        return None
    seconds = answer.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        return Token(value)
    return Token(value, float(min(seconds, _MAX_SECONDS)))  # Compared first: an integer may be too large for a float.
