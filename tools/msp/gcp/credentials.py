"""Who is asking: Google's application default credentials, or nobody."""

import threading
from typing import TYPE_CHECKING, Any, Protocol

import urllib3

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CredentialsError, UnreachableError
from msp.gcp.http import reason

if TYPE_CHECKING:
    from google.auth.credentials import Credentials as GoogleCredentials

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LOGIN = (
    "run: gcloud auth application-default login\nor set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
)


class Credentials(Protocol):
    """What signs a request."""

    def headers(self) -> dict[str, str]:
        """Headers that say who is asking, valid now: renewed first where they are about to expire."""

    def renew(self) -> bool:
        """Makes the next `headers` fresh after they were turned down; False where that can't help."""


class AnonymousCredentials:
    """Nobody in particular: what a local cloud takes."""

    def headers(self) -> dict[str, str]:
        """No headers."""
        return {}

    def renew(self) -> bool:
        """Nobody can't be renewed."""
        return False


class ApplicationDefaultCredentials:
    """Google's application default credentials, found when first needed and renewed before they expire.

    Safe to use from many threads; only one of them fetches a token.
    """

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._request = _AuthRequest(pool)
        self._lock = threading.Lock()
        self._found: GoogleCredentials | None = None

    def headers(self) -> dict[str, str]:
        """`Authorization`, and the project to be billed where the credentials name one.

        Raises:
            CredentialsError: There are none, or Google no longer takes them.
            UnreachableError: The token could not be fetched.
        """
        with self._lock:
            found = self._load()
            # Not `before_request`: it would also look up the account's access boundary, in a thread that outlives us.
            if not found.valid:
                self._refresh(found)
            headers: dict[str, str] = {}
            found.apply(headers)  # type: ignore[no-untyped-call]
            return headers

    def token(self) -> str:
        """The access token alone, for protocols that carry it elsewhere. Raises as `headers` does."""
        return self.headers()["authorization"].removeprefix("Bearer ")

    def google(self) -> "GoogleCredentials":
        """The credentials as Google's own clients take them. Raises as `headers` does."""
        with self._lock:
            return self._load()

    def renew(self) -> bool:
        """Fetches a new token now. Raises as `headers` does."""
        with self._lock:
            self._refresh(self._load())
        return True

    def _load(self) -> "GoogleCredentials":
        if self._found is None:
            import google.auth
            import google.auth.exceptions

            try:
                self._found, _ = google.auth.default(scopes=[_SCOPE], request=self._request)  # type: ignore[arg-type]
            except google.auth.exceptions.DefaultCredentialsError:
                # The library's message may quote the key file, which holds the key: it is not passed on.
                raise CredentialsError("no Google credentials were found", hint=_LOGIN) from None
        return self._found

    def _refresh(self, found: "GoogleCredentials") -> None:
        import google.auth.exceptions

        try:
            found.refresh(self._request)  # type: ignore[no-untyped-call]
        except google.auth.exceptions.TransportError:
            raise UnreachableError("Google's token service can't be reached", hint="is there a network?") from None
        except google.auth.exceptions.GoogleAuthError:
            raise CredentialsError("Google no longer takes these credentials", hint=_LOGIN) from None


def default_credentials(endpoints: Endpoints, pool: urllib3.PoolManager) -> Credentials:
    """Nobody for a local cloud, application default credentials for Google. Asks nothing yet."""
    return AnonymousCredentials() if endpoints.is_local else ApplicationDefaultCredentials(pool)


class _AuthResponse:
    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.data = response.data


class _AuthRequest:
    """`google.auth.transport.Request` over our pool: the library's own for urllib3 takes 0.2 s longer to import."""

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._pool = pool

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
        **_options: Any,  # noqa: ANN401 - the library's interface
    ) -> _AuthResponse:
        import google.auth.exceptions

        options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        try:
            return _AuthResponse(self._pool.request(method, url, body=body, headers=headers, redirect=False, **options))
        except urllib3.exceptions.HTTPError as error:
            raise google.auth.exceptions.TransportError(reason(error)) from error  # type: ignore[no-untyped-call]
