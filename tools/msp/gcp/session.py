"""Requests to Google's REST APIs: signed, timed, repeated where that is safe, errors made plain."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import urllib3

from msp.gcp.credentials import Credentials
from msp.gcp.errors import ApiError, UnreachableError, api_error
from msp.gcp.http import reason
from msp.gcp.retry import RetryPolicy, parse_retry_after

Json = dict[str, Any]


class Session:
    """Speaks JSON with Google's APIs, over one pool and as one caller."""

    def __init__(self, pool: urllib3.PoolManager, credentials: Credentials, retry: RetryPolicy | None = None) -> None:
        self._pool = pool
        self._credentials = credentials
        self.retry = retry or RetryPolicy()

    def get(self, url: str, query: Mapping[str, str] | None = None, *, timeout: float | None = None) -> Json:
        """The resource at `url`; asked for again where an attempt fails on the way.

        Args:
            url: An address of ours, not yet quoted.
            query: Parameters; empty ones are left out.
            timeout: Seconds for each attempt; the pool's where None.

        Raises:
            ApiError: The service's own error, of the class that belongs to its code.
            UnreachableError: The service could not be reached.
            CredentialsError: There are no credentials.
        """
        return self.retry.run(lambda: self._ask("GET", url, query, None, timeout))

    def post(
        self,
        url: str,
        body: Json,
        query: Mapping[str, str] | None = None,
        *,
        repeatable: bool,
        timeout: float | None = None,
    ) -> Json:
        """Sends `body`, again only where `repeatable`, as a request with a `requestId` is. Raises as `get` does."""
        if repeatable:
            return self.retry.run(lambda: self._ask("POST", url, query, body, timeout))
        return self._ask("POST", url, query, body, timeout)

    def _ask(
        self, method: str, url: str, query: Mapping[str, str] | None, body: Json | None, timeout: float | None
    ) -> Json:
        response = self._send(method, url, query, body, timeout)
        if response.status == 401 and self._credentials.renew():
            response = self._send(method, url, query, body, timeout)
        if response.status >= 300:
            raise _error(response)  # A redirect too: the token stays with the host it is for.
        try:
            answer = json.loads(response.data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            # A proxy or a captive portal in between; what was asked for may have happened, as with a lost answer.
            raise UnreachableError(f"{_host(url)} answered {method} with something that is not JSON")
        return answer

    def _send(
        self, method: str, url: str, query: Mapping[str, str] | None, body: Json | None, timeout: float | None
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "rules_msp", **self._credentials.headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        try:
            return self._pool.request(
                method,
                _with_query(url, query),
                body=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
                headers=headers,
                redirect=False,
                **options,
            )
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(
                f"{_host(url)} can't be reached: {reason(error)}", hint="is there a network?"
            ) from error


def _with_query(url: str, query: Mapping[str, str] | None) -> str:
    pairs = [f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in (query or {}).items() if value]
    return url + "?" + "&".join(pairs) if pairs else url


def _host(url: str) -> str:
    return url.split("/")[2]


def _error(response: urllib3.BaseHTTPResponse) -> ApiError:
    message, code = "", ""
    try:
        error = json.loads(response.data)["error"]
        message, code = str(error["message"]), str(error.get("status", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # Not in Google's shape: a proxy's page, say. The status has to do.
    return api_error(
        message or f"HTTP {response.status} {response.reason or ''}".rstrip(),
        http_status=response.status,
        code=code,
        retry_after=parse_retry_after(response.headers.get("Retry-After")),
    )
