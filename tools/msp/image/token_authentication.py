"""How a registry learns who is asking (https://distribution.github.io/distribution/spec/auth/token/)."""

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from msp.gcp.errors import TRANSIENT_STATUS, CredentialsError, RemoteError, UnreachableError
from msp.gcp.http import reason
from msp.gcp.retry import parse_retry_after
from msp.image.keychain import Keychain, Login

# A token that has less left is fetched anew first: it would run out while a layer is on its way.
_SPARE_SECONDS = 20.0
# What the specification says for an answer that doesn't tell.
_DEFAULT_TOKEN_SECONDS = 60.0

_SCHEME = re.compile(r"(?:^|,)\s*(bearer|basic)(?:\s+|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class Authenticator:
    """Signs the requests to one registry, for some repositories in it. Safe to use from many threads.

    Args:
        pool: For the token service.
        keychain: Knows the login.
        host: The registry, as the login is filed.
        origin: Its address, `https://us.gcr.io`; nothing secret goes anywhere else but to the token service it names.
        scopes: What is to be allowed: `repository:project/app:pull,push`.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        pool: urllib3.PoolManager,
        keychain: Keychain,
        *,
        host: str,
        origin: str,
        scopes: Sequence[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._keychain = keychain
        self.host = host
        self._origin = origin
        self._scopes = scopes
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._challenge: dict[str, str] | None = None
        self._header = ""
        self._expires = 0.0

    def header(self) -> str:
        """The value of `Authorization`, empty where the registry hasn't asked for one. Renews an old token first."""
        with self._lock:
            if self._challenge is None:
                login = self._keychain.login(self.host)
                return f"Bearer {login.bearer}" if login.bearer else self._header
            if self._monotonic() >= self._expires:
                self._fetch_token(self._keychain.login(self.host))
            return self._header

    def accept(self, challenges: Sequence[str], used: str) -> bool:
        """Answers the registry's refusal of a request.

        Args:
            challenges: Its `WWW-Authenticate` headers.
            used: The `Authorization` that it refused.

        Returns:
            Whether there is something new to try.
        """
        found = parse_challenges(challenges)
        with self._lock:
            if self._header and self._header != used:
                return True  # Another thread has done it in the meantime.
            if used and self._challenge is None:
                self._keychain.renew(self.host)
            login = self._keychain.login(self.host)
            if "bearer" in found and found["bearer"].get("realm"):
                self._challenge = found["bearer"]
                self._fetch_token(login)
            elif "basic" in found and login.basic:
                self._header = login.basic
            else:
                return False
            return self._header != used

    def redact(self, text: str) -> str:
        """The text without anything secret that a server may have repeated in it."""
        with self._lock:
            known = {self._header.rpartition(" ")[2]}
        with suppress(CredentialsError, RemoteError):
            known.update(self._keychain.login(self.host).secrets)
        for secret in known - {""}:
            text = text.replace(secret, "…")
        return text

    def _fetch_token(self, login: Login) -> None:
        challenge = self._challenge or {}
        realm = challenge["realm"]
        parts = urlsplit(realm)
        if parts.scheme != "https" and not self._origin.startswith("http:"):
            raise CredentialsError(f"{self.host} names a token service without TLS: nothing was sent to it")
        scopes = [*self._scopes, *(s for s in challenge.get("scope", "").split(" ") if s and not self._covers(s))]
        fields = [("service", challenge.get("service", "")), *(("scope", scope) for scope in scopes)]
        if login.identity_token:
            fields = [
                ("grant_type", "refresh_token"),
                ("client_id", "rules_msp"),
                ("refresh_token", login.identity_token),
                ("service", challenge.get("service", "")),
                ("scope", " ".join(scopes)),
            ]
        form = "&".join(f"{key}={quote(value, safe='')}" for key, value in fields if value)
        began = self._monotonic()
        answer = self._ask(realm, form, login, parts.netloc.rpartition("@")[2])
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise CredentialsError(f"the token service of {self.host} gave no token")
        seconds = answer.get("expires_in")
        lasts = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else _DEFAULT_TOKEN_SECONDS
        self._header = f"Bearer {token}"
        self._expires = began + max(lasts - _SPARE_SECONDS, lasts / 2)

    def _covers(self, scope: str) -> bool:
        return any(mine.rpartition(":")[0] == scope.rpartition(":")[0] for mine in self._scopes)

    def _ask(self, realm: str, form: str, login: Login, server: str) -> dict[str, Any]:
        try:
            if login.identity_token:
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                response = self._pool.request("POST", realm, body=form, headers=headers, redirect=False)
            else:
                headers = {"Authorization": login.basic} if login.basic else {}
                url = realm + ("&" if "?" in realm else "?") + form
                response = self._pool.request("GET", url, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            message = f"the token service of {self.host}, {server}, can't be reached: {reason(error)}"
            raise UnreachableError(message) from None  # The address and the headers stay out of it.
        if response.status in TRANSIENT_STATUS:
            busy = UnreachableError(f"the token service of {self.host}, {server}, answered {response.status}")
            busy.retry_after = parse_retry_after(response.headers.get("Retry-After"))
            raise busy
        if response.status != 200:
            who = "the login" if login.basic or login.identity_token else "a request without a login"
            raise CredentialsError(
                f"{self.host} turned down {who} (its token service answered {response.status})",
                hint=login_hint(self.host),
            )
        try:
            answer = json.loads(response.data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CredentialsError(f"the token service of {self.host} gave no token")
        return answer


def login_hint(host: str) -> str:
    """How to get a login for a registry."""
    from msp.image.keychain import is_google

    return "run: gcloud auth application-default login" if is_google(host) else f"run: docker login {host}"


def parse_challenges(headers: Sequence[str]) -> dict[str, dict[str, str]]:
    """The parameters of each scheme we speak in `WWW-Authenticate` headers (RFC 9110 section 11.6.1)."""
    found: dict[str, dict[str, str]] = {}
    for header in headers:
        quoted = [match.span() for match in re.finditer(r'"(?:[^"\\]|\\.)*"', header)]
        starts = [m for m in _SCHEME.finditer(header) if not any(a <= m.start() < b for a, b in quoted)]
        ends = [*(match.start() for match in starts[1:]), len(header)]
        for match, end in zip(starts, ends, strict=False):
            part = header[match.end() : end]
            parameters = {
                key.lower(): re.sub(r"\\(.)", r"\1", in_quotes) or bare
                for key, in_quotes, bare in _PARAMETER.findall(part)
            }
            found.setdefault(match.group(1).lower(), parameters)
    return found
