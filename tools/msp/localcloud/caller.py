"""Who makes a call: what a request's headers, or gRPC's metadata, say of whoever sent it.

Nobody is asked for a password here. A bearer token is its owner's name, `alice@example.com` or `alice`; a service
account that somebody acts as stands behind them, `alice@example.com/deployer@project.iam.gserviceaccount.com`.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

DOMAIN = "local-cloud.test"
"""Where those are at home whose token is a name alone."""

REASON_HEADER = "x-goog-request-reason"
"""The header in which a caller says why (https://cloud.google.com/apis/docs/system-parameters)."""

_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]+(\.[\w-]+)*", re.ASCII)
_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}", re.ASCII)
_MOST_TEXT = 1024
_MOST_PEOPLE = 8


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a call.

    Attributes:
        principal: An e-mail address: `local-user@local-cloud.test` when nobody is named.
        delegates: Who acts as the principal, the first of a chain first; empty when the principal acts itself.
        reason: Why, as said with `X-Goog-Request-Reason`; empty when nothing was said.
        user_agent: Its program, as it calls itself.
        ip: Its address, `127.0.0.1`.
    """

    principal: str = f"local-user@{DOMAIN}"
    delegates: tuple[str, ...] = ()
    reason: str = ""
    user_agent: str = ""
    ip: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str], ip: str = "") -> "Caller":
        """The caller of a request.

        Args:
            headers: Its headers or metadata, names in lower case.
            ip: Where it came from.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        named = scheme.lower() == "bearer" and token.strip()
        *delegates, principal = _people(token.strip()) if named else [f"local-user@{DOMAIN}"]
        return cls(
            principal=principal,
            delegates=tuple(delegates),
            reason=headers.get(REASON_HEADER, "")[:_MOST_TEXT],
            user_agent=headers.get("user-agent", "")[:_MOST_TEXT],
            ip=ip,
        )


CALLER: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 (frozen)
"""Who makes the call that is being served; the transports say so, and whatever acts by itself."""


@contextlib.contextmanager
def acting_as(caller: Caller) -> Iterator[None]:
    """Has what is done in the block be done by `caller`."""
    token = CALLER.set(caller)
    try:
        yield
    finally:
        CALLER.reset(token)


def service_agent(project: str) -> str:
    """The service account that Cloud Deploy itself acts as in a project."""
    return f"service-{project_number(project)}@gcp-sa-clouddeploy.iam.gserviceaccount.com"


def project_number(project: str) -> str:
    """The number of a project: always the same for an id, as nobody here gives out numbers."""
    return str(100_000_000_000 + int(hashlib.sha256(project.encode()).hexdigest()[:12], 16) % 900_000_000_000)


def _people(token: str) -> list[str]:
    """Everybody whom a token names; of one that names nobody, a name that is its own and does not betray it."""
    parts = token.split("/")
    if len(parts) <= _MOST_PEOPLE and all(_ADDRESS.fullmatch(part) or _NAME.fullmatch(part) for part in parts):
        return [part if "@" in part else f"{part}@{DOMAIN}" for part in parts]
    address = _subject(token)
    return [address or f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}@{DOMAIN}"]


def _subject(token: str) -> str:
    """The e-mail address in a JSON web token, as Google's clients make for a service account's key."""
    try:
        _, claims, _ = token.split(".")
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (ValueError, binascii.Error):
        return ""
    texts = [str(said.get(claim, "")) for claim in ("email", "sub")] if isinstance(said, dict) else []
    return next(filter(_ADDRESS.fullmatch, texts), "")
