"""What a registry asks for in `WWW-Authenticate` (RFC 9110 section 11.6.1)."""

import re
from collections.abc import Mapping, Sequence

# Docker Hub's and Google's have about 200; a scope for each of many repositories makes them longer.
MAX_CHALLENGE_BYTES = 8 << 10
_MAX_HEADERS = 8

_SCHEMES = frozenset({"bearer", "basic"})

# A parameter, or a scheme, or what belongs to neither. All quantifiers are possessive (`*+`), and the last choices take
# whole words, so that no character is looked at more than a few times.
_ITEM = re.compile(
    r"""
    (?P<key> [\w!#$%&'*+.^`|~-]++ ) \s*+ = \s*+ (?: " (?P<quoted> (?: [^"\\] | \\. )*+ ) " | (?P<bare> [^\s,"]++ ) )
    | (?P<scheme> [\w!#$%&'*+.^`|~-]++ ) (?= [\s,] | \Z )
    | [\w!#$%&'*+.^`|~-]++
    | .
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_challenges(headers: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """The parameters of each scheme that is spoken here, in time that grows with the headers' length alone.

    Args:
        headers: The values, `Bearer realm="https://auth.example.com/token",service="registry"`; what is longer than
            8 KiB is passed over.

    Returns:
        By scheme, in lower case: `{"bearer": {"realm": "https://auth.example.com/token", "service": "registry"}}`.
        Where a scheme or a parameter stands twice, the first counts.
    """
    found: dict[str, Mapping[str, str]] = {}
    for header in headers[:_MAX_HEADERS]:
        if len(header) > MAX_CHALLENGE_BYTES:
            continue
        parameters: dict[str, str] = {}
        for item in _ITEM.finditer(header):
            if scheme := item["scheme"]:
                parameters = {}
                if scheme.lower() in _SCHEMES:
                    found.setdefault(scheme.lower(), parameters)
            elif key := item["key"]:
                value = item["bare"] or _ESCAPED.sub(r"\1", item["quoted"])
                parameters.setdefault(key.lower(), value)
    return found
