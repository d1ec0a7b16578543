"""Requests to a registry: signed at its own address only, followed to where it may send us, and bounded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import urllib3

from msp.gcp.bounds import Answer, read_answer
from msp.gcp.deadline import Deadline
from msp.gcp.errors import UnreachableError
from msp.gcp.http import CONNECT_SECONDS, READ_SECONDS, reason
from msp.image.errors import DirectionError
from msp.image.origin import Origin
from msp.image.token_authentication import Authenticator
from msp.text import harmless

_MAX_REDIRECTS = 5
# What registries take, and so give, at most as a manifest; errors are far smaller.
MAX_ANSWER_BYTES = 4 << 20

Body = Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """What to ask.

    Attributes:
        method: `PUT`.
        url: A whole address.
        accept: Media types, as the header has them.
        content_type: The body's; empty where there is none.
        body: Gives the bytes; called again where they must be sent again. None where the method has no body.
        size: How many they are.
        seconds: How long the answer may take once the body is sent.
    """

    method: str
    url: str
    accept: str = "*/*"
    content_type: str = ""
    body: Body | None = None
    size: int = 0
    seconds: float = READ_SECONDS

    @property
    def headers(self) -> dict[str, str]:
        """Those that go with it wherever it goes."""
        headers = {"User-Agent": "rules_msp", "Accept": self.accept}
        if self.content_type:
            headers["Content-Type"] = self.content_type
        if self.body is not None:
            headers["Content-Length"] = str(self.size)
        return headers


class Transport:
    """The way to one registry. Safe to use from many threads.

    Args:
        pool: Connections whose read timeout is for a whole answer.
        authenticator: Signs each request, and gets new tokens.
        origin: The registry's address.
        deadline: When all has to be done.
    """

    def __init__(
        self, pool: urllib3.PoolManager, authenticator: Authenticator, origin: Origin, deadline: Deadline
    ) -> None:
        self._pool = pool
        self._authenticator = authenticator
        self._origin = origin
        self._deadline = deadline

    def ask(self, request: Request) -> Answer:
        """The answer, of whatever status, and at most 4 MiB of its body.

        Raises:
            UnreachableError: There is none.
            DirectionError: The registry sent us where we don't go, or around in circles.
            CredentialsError: It wants a login, and there is none or a wrong one.
            DeadlineError: The time is over.
        """
        used = self._authenticator.header()
        answer = self._follow(request, used)
        if answer.status == 401 and self._authenticator.accept(answer.headers.getlist("WWW-Authenticate"), used):
            answer = self._follow(request, self._authenticator.header())
        return answer

    def next_address(self, request: Request, answer: Answer) -> str:
        """Where the answer's `Location` says to go on.

        Raises:
            DirectionError: It says nothing, or a place where we don't go.
        """
        return self._origin.target(request.url, answer.headers.get("Location", ""))

    def _follow(self, request: Request, authorization: str) -> Answer:
        """Sends a request, and again to where the registry points; the login goes to its own address only."""
        for _ in range(_MAX_REDIRECTS):
            own = self._origin.owns(request.url)
            answer = self._send(request, {"Authorization": authorization} if own and authorization else {})
            if answer.status not in {301, 302, 303, 307, 308} or "Location" not in answer.headers:
                return answer
            if answer.status not in {307, 308} and request.method not in {"GET", "HEAD"}:
                return answer  # Following these would make a GET of it (RFC 9110 section 15.4).
            request = replace(request, url=self.next_address(request, answer))
        raise DirectionError(f"{urlsplit(request.url).hostname} answered with too many redirects")

    def _send(self, request: Request, login: dict[str, str]) -> Answer:
        deadline = self._deadline
        timeout = urllib3.Timeout(connect=deadline.limit(CONNECT_SECONDS), read=deadline.limit(request.seconds))
        try:
            response = self._pool.request(
                request.method,
                request.url,
                headers=request.headers | login,
                body=None if request.body is None else self._in_time(request.body()),
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            return read_answer(response, MAX_ANSWER_BYTES)
        except urllib3.exceptions.HTTPError as error:
            wrong = reason(error)
        except UnicodeError:
            wrong = "the host's name is not known"  # What the library makes of a name that can't be one.
        # Raised out here so that it has no cause: that one's text has the whole address, which may be signed.
        deadline.limit(request.seconds)
        raise UnreachableError(harmless(f"{urlsplit(request.url).netloc} can't be reached: {wrong}", limit=400))

    def _in_time(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for piece in body:
            self._deadline.limit(CONNECT_SECONDS)
            yield piece
