"""Requests to Google's services, whoever makes them: signed, bounded in time and size, errors made plain.

Google's clients speak through a `requests.Session`. Theirs signs, and no more: it follows redirects, waits for ever for
an answer that drips, unpacks whatever it is sent, and shows a token that is none in a traceback. This one sends each
request over our own pool, which also knows proxies and certificate authorities.
"""

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter

from msp.gcp.bounds import Answer, json_object, read_answer
from msp.gcp.credentials import Credentials
from msp.gcp.deadline import Deadline
from msp.gcp.errors import ApiError, UnreachableError, api_error
from msp.gcp.http import CONNECT_SECONDS, reason
from msp.gcp.retry import parse_retry_after

# Seconds that one request may take, from the connection to the last byte of the answer.
REQUEST_SECONDS = 60.0

# Of one answer, unpacked. A page of 1,000 releases with long annotations and many targets takes some 10 MiB.
MAX_ANSWER_BYTES = 32 << 20

# The only ones that are understood here, and that read_answer bounds.
_ENCODINGS = "gzip, deflate"


def sent_over(adapter: "Adapter", session: requests.Session) -> requests.Session:
    """The session, all of whose requests are sent by our adapter from now on."""
    session.trust_env = False  # It would take a password from ~/.netrc for the token; proxies are the pool's.
    session.headers.update({"Accept": "application/json", "Accept-Encoding": _ENCODINGS})
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class Adapter(BaseAdapter):
    """Sends what a session has prepared.

    It raises `ApiError` for every answer that is no success, of the class that belongs to its code, `UnreachableError`
    where no whole answer came in time, and `CredentialsError`. The `timeout` of a request is for all of it. No redirect
    is followed: the token stays with the host that it is for.

    Args:
        pool: What requests are sent over.
        credentials: What signs each request with a token.
    """

    def __init__(self, pool: urllib3.PoolManager, credentials: Credentials) -> None:
        super().__init__()
        self._pool = pool
        self._credentials = credentials

    def send(  # type: ignore[override]  # the rest of the library's arguments is the pool's affair
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,  # noqa: ANN401 - a number, or the pair that Storage's client gives
        **_options: object,
    ) -> requests.Response:
        """As the library's; raises what the class says."""
        deadline = Deadline.after(_seconds(timeout))
        answer = self._exchange(request, deadline, decode=not stream)
        if answer.status == 401 and self._credentials.renew():
            answer = self._exchange(request, deadline, decode=not stream)
        if answer.status >= 300:
            raise _refusal(answer)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url = request.url or ""
        response.request = request
        # Who asks for a stream wants an object as it is stored, still packed; the rest is unpacked, within bounds.
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(answer.body), answer.headers if stream else None, answer.status, preload_content=False
        )
        return response

    def close(self) -> None:
        """Nothing: the pool is shared."""

    def _exchange(self, request: requests.PreparedRequest, deadline: Deadline, *, decode: bool) -> Answer:
        headers = {**request.headers, **self._credentials.headers()}
        url = request.url or ""
        left = max(deadline.left, 0.001)  # The library takes no 0.
        try:
            response = self._pool.request(
                request.method or "GET",
                url,
                body=request.body,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), total=left),
            )
            answer = read_answer(response, MAX_ANSWER_BYTES, decode=decode)
            if answer.whole:
                return answer
            failure = UnreachableError(f"{_host(url)} sent an answer of more than {MAX_ANSWER_BYTES >> 20} MiB")
            failure.transient = False  # The same would come again.
        except urllib3.exceptions.HTTPError as error:
            why = reason(error) if deadline.left else "no whole answer within the time limit"
            failure = UnreachableError(f"{_host(url)} can't be reached: {why}", hint="is there a network?")
        except (ValueError, OSError):
            # http.client's own, for a status line or a header that is none.
            failure = UnreachableError(f"{_host(url)} does not speak HTTP")
        raise failure  # Outside of what it was made from, which holds the request and with it the token.


def _seconds(timeout: object) -> float:
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    numbers = [float(part) for part in parts if isinstance(part, int | float)]
    return max(numbers, default=REQUEST_SECONDS)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _refusal(answer: Answer) -> ApiError:
    message, code = error_message(answer.body)
    return api_error(
        message or f"HTTP {answer.status}",
        http_status=answer.status,
        code=code,
        retry_after=parse_retry_after(answer.headers.get("Retry-After")),
    )


def error_message(body: bytes) -> tuple[str, str]:
    """The message and the canonical code of an error's body; empty where it isn't in Google's shape: a proxy's page.

    Args:
        body: `{"error": {"code": 404, "message": "no such pipeline", "status": "NOT_FOUND"}}`.
    """
    error = (json_object(body) or {}).get("error")
    if not isinstance(error, Mapping):
        return "", ""
    message, code = error.get("message"), error.get("status")
    return (message if isinstance(message, str) else "", code if isinstance(code, str) else "")
