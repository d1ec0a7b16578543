"""Who may do what: no check, basic authentication, or bearer tokens from a token endpoint.

Bearer tokens follow Docker's token authentication (https://distribution.github.io/distribution/spec/auth/token/).
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import parse_qs

from msp.localcloud.clock import Clock
from msp.localcloud.registry.errors import RegistryError

AuthMode = Literal["none", "basic", "bearer"]


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who may come in.

    Attributes:
        username: The name; Google's registries take `oauth2accesstoken`.
        password: The password or access token.
        push: Whether they may push and delete.
    """

    username: str
    password: str
    push: bool = True


DEFAULT_ACCOUNTS = (Account("oauth2accesstoken", "local-token"),)


@dataclass(frozen=True, slots=True)
class Access:
    """What a request needs: actions on a repository, or `*` on the catalog.

    Attributes:
        kind: `repository` or `registry`.
        name: The repository's name, or `catalog`.
        actions: Of `pull`, `push`, `delete`, `*`.
    """

    kind: str
    name: str
    actions: tuple[str, ...]

    @classmethod
    def parse(cls, scope: str) -> "Access | None":
        """Reads a scope, `repository:us.gcr.io/p/app:pull,push`; `None` when it isn't one."""
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        return cls(kind, name, tuple(actions.split(","))) if kind and name else None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(self.actions)}"


class Authenticator:
    """Checks requests, and gives out tokens.

    Args:
        mode: Which check.
        clock: The time, by which tokens expire.
        accounts: Who may come in.
        token_lifetime: How long a token is good.
    """

    def __init__(
        self,
        mode: AuthMode,
        clock: Clock,
        accounts: Iterable[Account] = DEFAULT_ACCOUNTS,
        token_lifetime: timedelta = timedelta(minutes=5),
    ) -> None:
        self._mode = mode
        self._clock = clock
        self._accounts = {account.username: account for account in accounts}
        self._token_lifetime = token_lifetime
        self._key = secrets.token_bytes(32)

    def check(self, authorization: str | None, origin: str, needed: Iterable[Access]) -> None:
        """Refuses a request that may not do what it asks for.

        Args:
            authorization: Its Authorization header.
            origin: Where the client sees the registry, `http://127.0.0.1:8080`, for the challenge.
            needed: What it needs.

        Raises:
            RegistryError: `UNAUTHORIZED`, with a challenge; `DENIED`.
        """
        if self._mode == "none":
            return
        scheme, _, value = (authorization or "").partition(" ")
        if self._mode == "basic":
            account = self._account(value) if scheme.lower() == "basic" else None
            if account is None:
                raise _unauthorized('Basic realm="local cloud"')
            allowed = [Access(access.kind, access.name, _actions(account)) for access in needed]
        else:
            allowed = self._token_access(value if scheme.lower() == "bearer" else "", origin, needed)
        for access in needed:
            if not _covered(access, allowed):
                self._refuse(access, origin, needed)

    def token(self, authorization: str | None, parameters: Mapping[str, list[str]]) -> dict[str, Any]:
        """The token endpoint's answer.

        Args:
            authorization: The request's Authorization header (basic).
            parameters: Its query, or the form of the OAuth 2 variant (`username`, `password`).

        Raises:
            RegistryError: `UNAUTHORIZED`.
        """
        scheme, _, value = (authorization or "").partition(" ")
        account = self._account(value) if scheme.lower() == "basic" else None
        if account is None and "password" in parameters:
            account = self._known(parameters.get("username", [""])[0], parameters["password"][0])
        if account is None:
            raise _unauthorized('Basic realm="local cloud"')
        asked = [Access.parse(scope) for text in parameters.get("scope", []) for scope in text.split(" ")]
        actions = _actions(account)
        granted = [
            {"type": access.kind, "name": access.name, "actions": [a for a in access.actions if a in actions]}
            for access in asked
            if access
        ]
        issued = self._clock.now()
        expires = (issued + self._token_lifetime).timestamp()
        token = self._sign({"sub": account.username, "exp": expires, "access": granted})
        return {
            "token": token,
            "access_token": token,
            "expires_in": int(self._token_lifetime.total_seconds()),
            "issued_at": issued.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _token_access(self, token: str, origin: str, needed: Iterable[Access]) -> list[Access]:
        if not token:
            raise _unauthorized(_challenge(origin, needed))
        claims = self._claims(token)
        if claims is None or claims["exp"] <= self._clock.now().timestamp():
            raise _unauthorized(_challenge(origin, needed, error="invalid_token"))
        return [Access(access["type"], access["name"], tuple(access["actions"])) for access in claims["access"]]

    def _refuse(self, access: Access, origin: str, needed: Iterable[Access]) -> None:
        if self._mode == "bearer":
            raise _unauthorized(_challenge(origin, needed, error="insufficient_scope"))
        raise RegistryError("DENIED", f"requested access to the resource is denied: {access}")

    def _account(self, encoded: str) -> Account | None:
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._known(username, password)

    def _known(self, username: str, password: str) -> Account | None:
        account = self._accounts.get(username)
        if account and hmac.compare_digest(account.password.encode(), password.encode()):
            return account
        return None

    def _sign(self, claims: dict[str, Any]) -> str:
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
        return f"{body}.{hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()}"

    def _claims(self, token: str) -> dict[str, Any] | None:
        body, _, signature = token.partition(".")
        expected = hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            return None
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        return claims


def form(body: bytes) -> dict[str, list[str]]:
    """The fields of a form or a query."""
    return parse_qs(body.decode("latin-1"))


def _actions(account: Account) -> tuple[str, ...]:
    return ("pull", "push", "delete", "*") if account.push else ("pull", "*")


def _covered(needed: Access, allowed: Iterable[Access]) -> bool:
    return set(needed.actions) <= {
        action
        for access in allowed
        if (access.kind, access.name) == (needed.kind, needed.name)
        for action in access.actions
    }


def _challenge(origin: str, needed: Iterable[Access], error: str = "") -> str:
    challenge = f'Bearer realm="{origin}/v2/token",service="{origin.partition("//")[2]}"'
    if scope := " ".join(str(access) for access in needed):
        challenge += f',scope="{scope}"'
    return challenge + (f',error="{error}"' if error else "")


def _unauthorized(challenge: str) -> RegistryError:
    return RegistryError("UNAUTHORIZED", "authentication required", headers={"WWW-Authenticate": challenge})
