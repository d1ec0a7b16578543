"""How a registry learns who is asking (https://distribution.github.io/distribution/spec/auth/token/)."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote, urlsplit

import urllib3

from msp.gcp.bounds import Answer, read_answer
from msp.gcp.deadline import NO_DEADLINE, Deadline
from msp.gcp.errors import TRANSIENT_STATUS, CredentialsError, RemoteError, UnreachableError
from msp.gcp.http import CONNECT_SECONDS, READ_SECONDS, reason
from msp.gcp.retry import parse_retry_after
from msp.image.challenges import parse_challenges
from msp.image.errors import DirectionError
from msp.image.keychain import Keychain, Login, is_google
from msp.image.origin import Origin
from msp.image.tokens import parse_token
from msp.text import harmless

# A token that has less left is fetched anew first: it would run out while a layer is on its way.
_SPARE_SECONDS = 20.0
# Google's and Docker Hub's tokens have a few KiB.
_MAX_ANSWER_BYTES = 256 << 10


class Authenticator:
    """Signs the requests to one registry, for some repositories in it. Safe to use from many threads.

    Args:
        pool: Connections to the token service.
        keychain: Knows the login to the registry.
        host: The registry, as the login is filed: `us.gcr.io`.
        origin: Its address; nothing secret goes anywhere else but to the token service that it names.
        scopes: What is to be allowed: `["repository:project/app:pull,push"]`.
        deadline: When all has to be done.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        pool: urllib3.PoolManager,
        keychain: Keychain,
        *,
        host: str,
        origin: Origin,
        scopes: Sequence[str],
        deadline: Deadline = NO_DEADLINE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._keychain = keychain
        self.host = host
        self._origin = origin
        self._scopes = scopes
        self._deadline = deadline
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._challenge: Mapping[str, str] | None = None
        self._header = ""
        self._tokens: set[str] = set()
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
        """The text without anything secret that a server may have repeated in it.

        Args:
            text: All of it: where it was cut first, half a secret may be left.
        """
        with self._lock:
            known = set(self._tokens)
        with suppress(CredentialsError, RemoteError):
            known.update(self._keychain.login(self.host).secrets)
        for secret in sorted(known - {""}, key=len, reverse=True):
            text = text.replace(secret, "…")
        return text

    def _fetch_token(self, login: Login) -> None:
        challenge = self._challenge or {}
        realm = self._checked(challenge.get("realm", ""))
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
        token = parse_token(self._ask(realm, form, login))
        if token is None:
            raise CredentialsError(f"the token service of {self.host} gave no token")
        self._header = f"Bearer {token.value}"
        self._tokens.add(token.value)
        self._expires = began + max(token.seconds - _SPARE_SECONDS, token.seconds / 2)

    def _checked(self, realm: str) -> str:
        """The token service's address, if the login may go there."""
        if self._origin.has_tls and not realm.lower().startswith("https:"):
            raise CredentialsError(f"{self.host} names a token service without TLS: nothing was sent to it")
        wrong = ""
        try:
            return self._origin.target(realm, realm)
        except DirectionError as error:
            wrong = error.message
        raise CredentialsError(f"{self.host} names a token service that is not asked: {wrong}")

    def _covers(self, scope: str) -> bool:
        return any(mine.rpartition(":")[0] == scope.rpartition(":")[0] for mine in self._scopes)

    def _ask(self, realm: str, form: str, login: Login) -> bytes:
        server = harmless(urlsplit(realm).netloc, limit=100)
        if login.identity_token:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._send("POST", realm, server, headers=headers, body=form)
        else:
            headers = {"Authorization": login.basic} if login.basic else {}
            answer = self._send("GET", realm + ("&" if "?" in realm else "?") + form, server, headers=headers)
        if answer.status in TRANSIENT_STATUS:
            busy = UnreachableError(f"the token service of {self.host}, {server}, answered {answer.status}")
            busy.retry_after = parse_retry_after(answer.headers.get("Retry-After"))
            raise busy
        if answer.status != 200:
            who = "the login" if login.basic or login.identity_token else "a request without a login"
            raise CredentialsError(
                f"{self.host} turned down {who} (its token service answered {answer.status})",
                hint=login_hint(self.host),
            )
        return answer.body

    def _send(
        self, method: str, url: str, server: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> Answer:
        limit = self._deadline.limit
        timeout = urllib3.Timeout(connect=limit(CONNECT_SECONDS), read=limit(READ_SECONDS))
        try:
            response = self._pool.request(
                method, url, headers=headers, body=body, timeout=timeout, redirect=False, preload_content=False
            )
            return read_answer(response, _MAX_ANSWER_BYTES)
        except urllib3.exceptions.HTTPError as error:
            wrong = reason(error)
        except UnicodeError:
            wrong = "the host's name is not known"  # What the library makes of a name that can't be one.
        # Raised out here so that it has no cause: the address and the headers stay out of it.
        limit(READ_SECONDS)
        raise UnreachableError(f"the token service of {self.host}, {server}, can't be reached: {harmless(wrong)}")


def login_hint(host: str) -> str:
    """How to get a login for a registry: `run: docker login registry.example.com`."""
    return "run: gcloud auth application-default login" if is_google(host) else f"run: docker login {host}"
