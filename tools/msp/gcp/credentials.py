"""Who is asking: Google's application default credentials, or nobody."""

import os
import re
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import urllib3

from msp.errors import MspError
from msp.gcp.bounds import Answer, json_object, read_answer
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CredentialsError, UnreachableError
from msp.gcp.http import CONNECT_SECONDS, READ_SECONDS, reason
from msp.text import harmless

if TYPE_CHECKING:
    from google.auth.credentials import Credentials as GoogleCredentials

T = TypeVar("T")

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_KEY_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_MAX_KEY_BYTES = 1 << 20  # of a key file or a token service's answer, which have a few thousand
_TOKEN_HEADER = re.compile(r"Bearer [\x21-\x7e]+")
_HEADER = re.compile(r"[\x20-\x7e]+")
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

    def __init__(self, pool: urllib3.PoolManager, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._request = _AuthRequest(pool)
        self._lock = threading.Lock()
        self._found: GoogleCredentials | None = None

    def headers(self) -> dict[str, str]:
        """`authorization`, and the project to be billed where the credentials name one.

        Raises:
            CredentialsError: There are none, or Google no longer takes them, or what came for a token is none.
            UnreachableError: The token could not be fetched.
        """
        with self._lock:
            found = self._load()
            # Not `before_request`: it would also look up the account's access boundary, in a thread that outlives us.
            if not found.valid:
                self._refresh(found)
            headers: dict[str, str] = {}
            _in_secret(lambda: found.apply(headers))  # type: ignore[no-untyped-call]
        for name, value in headers.items():
            token = name.lower() == "authorization"
            if not (_TOKEN_HEADER if token else _HEADER).fullmatch(value):
                # Told here, and not shown: whoever sends it would quote it.
                raise CredentialsError(
                    f"what was given for {'an access token' if token else name} is none: it is empty, or holds a "
                    "character that no header can hold, such as a line end",
                    hint=_LOGIN,
                )
        return headers

    def token(self) -> str:
        """The access token alone, for protocols that carry it elsewhere. Raises as `headers` does."""
        return self.headers()["authorization"].removeprefix("Bearer ")

    def renew(self) -> bool:
        """Fetches a new token now. Raises as `headers` does."""
        with self._lock:
            self._refresh(self._load())
        return True

    def _load(self) -> "GoogleCredentials":
        if self._found is None:
            import google.auth

            check_key_file(self._environment)
            self._found, _ = _in_secret(lambda: google.auth.default(scopes=[_SCOPE], request=self._request))  # type: ignore[arg-type]
        return self._found

    def _refresh(self, found: "GoogleCredentials") -> None:
        _in_secret(lambda: found.refresh(self._request))  # type: ignore[no-untyped-call]


def check_key_file(environment: Mapping[str, str]) -> None:
    """Looks at the file that `GOOGLE_APPLICATION_CREDENTIALS` names, before a library reads it that would hang or fall.

    Raises:
        CredentialsError: It can't be one with credentials.
    """
    path = environment.get(_KEY_VARIABLE)
    if not path:
        return
    where = f"{_KEY_VARIABLE} names {harmless(path)}, which"
    why = ""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            why = "is no file"
        else:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_KEY_BYTES + 1)
            if len(content) > _MAX_KEY_BYTES:
                why = "is too large for a key file"
            elif json_object(content) is None:
                why = "holds no JSON object, as a key file does"
    except FileNotFoundError:
        why = "is not there"
    except (OSError, ValueError) as error:
        why = f"can't be read: {getattr(error, 'strerror', None) or 'that is no path'}"
    if why:
        raise CredentialsError(f"{where} {why}", hint=_LOGIN)


def _in_secret(ask: Callable[[], T]) -> T:
    """Turns whatever the library raises into an error that quotes nothing and hangs on to nothing.

    Its messages may quote the key file, or a token; and an odd one makes it fail in ways of its own.
    """
    import google.auth.exceptions

    try:
        return ask()
    except google.auth.exceptions.TransportError:
        failure: MspError = UnreachableError("Google's token service can't be reached", hint="is there a network?")
    except google.auth.exceptions.DefaultCredentialsError:
        failure = CredentialsError("no Google credentials were found", hint=_LOGIN)
    except google.auth.exceptions.RefreshError:
        failure = CredentialsError("Google no longer takes these credentials", hint=_LOGIN)
    except MspError as error:
        failure = error
    except Exception:
        failure = CredentialsError("these Google credentials are not what they should be", hint=_LOGIN)
    raise failure  # Outside of what it was made from: that may hold a secret.


def default_credentials(endpoints: Endpoints, pool: urllib3.PoolManager) -> Credentials:
    """Nobody for a local cloud, application default credentials for Google. Asks nothing yet."""
    return AnonymousCredentials() if endpoints.is_local else ApplicationDefaultCredentials(pool)


class _AuthResponse:
    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.body


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

        seconds = timeout or READ_SECONDS
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), total=seconds),
            )
            return _AuthResponse(read_answer(response, _MAX_KEY_BYTES))
        except urllib3.exceptions.HTTPError as error:
            why = reason(error)
        raise google.auth.exceptions.TransportError(why)  # type: ignore[no-untyped-call]
