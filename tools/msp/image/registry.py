"""A registry (https://github.com/opencontainers/distribution-spec/blob/main/spec.md), one method per request."""

import json
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin, urlsplit

import urllib3

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import TRANSIENT_STATUS, RemoteError, UnreachableError
from msp.gcp.http import CONNECT_SECONDS, READ_SECONDS, reason
from msp.gcp.retry import RetryPolicy, parse_retry_after
from msp.image.keychain import Keychain, is_google
from msp.image.layout import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from msp.image.token_authentication import Authenticator, login_hint
from msp.names.references import Repository

_ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
_MAX_REDIRECTS = 5
_PROBE_SECONDS = 2.0
# A registry answers a blob only when it has stored and hashed it.
_UPLOAD_SECONDS = 300.0

Body = Callable[[], Iterable[bytes]]


class RegistryError(RemoteError):
    """A registry refused.

    Attributes:
        code: Its own code, such as `DENIED` or `NAME_UNKNOWN`; empty where it gave none.
        http_status: The HTTP status.
    """

    code = ""
    http_status = 0


class Registry:
    """Registries, reached over one pool with one keychain."""

    def __init__(
        self, pool: urllib3.PoolManager, keychain: Keychain, endpoints: Endpoints, retry: RetryPolicy | None = None
    ) -> None:
        self._pool = pool
        self._keychain = keychain
        self._endpoints = endpoints
        self.retry = retry or RetryPolicy()

    def repository(self, repository: Repository, *, mount_from: Sequence[str] = ()) -> "RemoteRepository":
        """A client for one repository.

        Args:
            repository: Which.
            mount_from: Names of other repositories of the same registry, which the login must be able to read.
        """
        url = self._endpoints.registry_url(repository.host, repository.name)
        if url.startswith("http:") and not self._endpoints.is_local and speaks_tls(repository.host):
            url = "https" + url.removeprefix("http")
        origin = url[: url.index("/v2/")]
        prefix = url[len(origin) + len("/v2/") :].removesuffix(repository.name)
        scopes = [f"repository:{prefix}{repository.name}:pull,push"]
        scopes += [f"repository:{prefix}{name}:pull" for name in mount_from if name != repository.name]
        # A local cloud stands for many registries, and has one login: its own address's.
        host = urlsplit(origin).netloc if self._endpoints.is_local else repository.host
        authenticator = Authenticator(self._pool, self._keychain, host=host, origin=origin, scopes=scopes)
        return RemoteRepository(self._pool, authenticator, repository, url, prefix)


class RemoteRepository:
    """One repository of a registry.

    Each method is one request, and raises `RegistryError` where the registry refuses, `UnreachableError` where it could
    not be reached or the connection broke, and `CredentialsError` where it wants a login and there is none or a wrong
    one. The first two tell by `transient` whether to ask again.
    """

    def __init__(
        self, pool: urllib3.PoolManager, authenticator: Authenticator, repository: Repository, url: str, prefix: str
    ) -> None:
        self._pool = pool
        self._authenticator = authenticator
        self._url = url
        self._prefix = prefix
        self.repository = repository

    def manifest_digest(self, reference: str) -> str | None:
        """The digest of the manifest that a tag, or a digest, stands for; None where there is none."""
        response = self._ask("HEAD", f"{self._url}/manifests/{reference}", accept=_ACCEPT)
        if response.status == 404:
            return None
        self._expect(response, 200, f"looking up {reference}")
        digest = response.headers.get("Docker-Content-Digest")
        if digest is None:
            # Optional by the specification: then the content has to say.
            import hashlib

            whole = self._ask("GET", f"{self._url}/manifests/{reference}", accept=_ACCEPT)
            self._expect(whole, 200, f"looking up {reference}")
            digest = "sha256:" + hashlib.sha256(whole.data).hexdigest()
        return digest

    def put_manifest(self, manifest: Manifest, reference: str) -> None:
        """Stores a manifest under a tag or its digest."""
        response = self._ask(
            "PUT",
            f"{self._url}/manifests/{reference}",
            content_type=manifest.descriptor.media_type,
            body=lambda: (manifest.content,),
            size=len(manifest.content),
        )
        self._expect(response, 201, f"storing the manifest {reference}")

    def has_blob(self, digest: str) -> bool:
        """Whether the repository holds a blob."""
        response = self._ask("HEAD", f"{self._url}/blobs/{digest}")
        if response.status == 404:
            return False
        self._expect(response, 200, f"looking up blob {digest}")
        return True

    def begin_upload(self, digest: str, mount_from: str = "") -> str | None:
        """Asks for a place to upload a blob to.

        Args:
            digest: The blob's.
            mount_from: Another repository of this registry that may hold it, by name.

        Returns:
            The upload's address; None where the blob was mounted from there and nothing is left to do.
        """
        url = f"{self._url}/blobs/uploads/"
        if mount_from:
            url += f"?mount={quote(digest, safe='')}&from={quote(self._prefix + mount_from, safe='')}"
        response = self._ask("POST", url, body=tuple, size=0)
        if mount_from and response.status == 201:
            return None
        self._expect(response, 202, "beginning an upload")
        return self._location(url, response)

    def upload_offset(self, location: str) -> tuple[int, str]:
        """How many bytes of a broken-off upload have arrived, and the address at which it goes on."""
        response = self._ask("GET", location)
        self._expect(response, 204, "asking how far an upload came")
        # `0-0` stands for nothing and for one byte alike; nothing is the safe reading.
        last = response.headers.get("Range", "").rpartition("-")[2]
        return (int(last) + 1 if last.isdecimal() and last != "0" else 0), self._location(location, response)

    def finish_upload(self, location: str, blob: Descriptor, body: Body, size: int) -> None:
        """Sends what is left of a blob, and ends the upload.

        Args:
            location: Where `begin_upload` or `upload_offset` said.
            blob: Which.
            body: Gives the bytes; called again where they must be sent again.
            size: How many.
        """
        url = f"{location}{'&' if '?' in location else '?'}digest={quote(blob.digest, safe='')}"
        response = self._ask(
            "PUT", url, content_type="application/octet-stream", body=body, size=size, seconds=_UPLOAD_SECONDS
        )
        self._expect(response, 201, f"uploading blob {blob.digest}")

    def _ask(
        self,
        method: str,
        url: str,
        *,
        accept: str = "*/*",
        content_type: str = "",
        body: Body | None = None,
        size: int = 0,
        seconds: float = READ_SECONDS,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"User-Agent": "rules_msp", "Accept": accept}
        if content_type:
            headers["Content-Type"] = content_type
        if body is not None:
            headers["Content-Length"] = str(size)
        request = _Request(method, url, headers, body, seconds)
        used = self._authenticator.header()
        response = self._follow(request, used)
        if response.status == 401 and self._authenticator.accept(response.headers.getlist("WWW-Authenticate"), used):
            response = self._follow(request, self._authenticator.header())
        return response

    def _follow(self, request: "_Request", authorization: str) -> urllib3.BaseHTTPResponse:
        """Sends a request, and again to where the registry points; the login goes to its own address only."""
        for _ in range(_MAX_REDIRECTS):
            trusted = _origin(request.url) == _origin(self._url)
            response = self._send(request, {"Authorization": authorization} if trusted and authorization else {})
            if response.status not in {301, 302, 303, 307, 308} or "Location" not in response.headers:
                return response
            if response.status not in {307, 308} and request.method not in {"GET", "HEAD"}:
                return response  # Following these would make a GET of it (RFC 9110 section 15.4).
            request = replace(request, url=self._location(request.url, response))
        raise RegistryError(f"{self.repository.host} answered with too many redirects")

    def _send(self, request: "_Request", login: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                request.method,
                request.url,
                headers=request.headers | login,
                body=None if request.body is None else iter(request.body()),
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=request.seconds),
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            # Not chained: its text has the whole address, which may be signed.
            raise UnreachableError(f"{urlsplit(request.url).netloc} can't be reached: {reason(error)}") from None

    def _location(self, url: str, response: urllib3.BaseHTTPResponse) -> str:
        location = response.headers.get("Location")
        if not location:
            raise RegistryError(f"{self.repository.host} named no place to go on, against the specification")
        target = urljoin(url, location)
        if urlsplit(target).scheme not in {"http", "https"}:
            raise RegistryError(f"{self.repository.host} pointed to an address that is not HTTP")
        return target

    def _expect(self, response: urllib3.BaseHTTPResponse, status: int, doing: str) -> None:
        if response.status == status:
            return
        code, said = _registry_said(response.data)
        parts = [f"{self.repository}: the registry answered {response.status}", code, f"to {doing}"]
        message = " ".join(part for part in parts if part) + (f": {said}" if said else "")
        error = RegistryError(self._authenticator.redact(message), hint=self._hint(response.status, code))
        error.code = code
        error.http_status = response.status
        error.transient = response.status in TRANSIENT_STATUS
        error.retry_after = parse_retry_after(response.headers.get("Retry-After"))
        raise error

    def _hint(self, status: int, code: str) -> str:
        google = is_google(self.repository.host)
        if status == 401:
            return login_hint(self._authenticator.host)
        if status == 403 or code == "DENIED":
            role = "roles/artifactregistry.writer" if google else "the right to push"
            return f"whoever is logged in needs {role} for {self.repository}"
        if code == "NAME_UNKNOWN":
            return "the repository has to be created first" if google else "check the repository's name"
        return ""


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]
    body: Body | None
    seconds: float


def speaks_tls(host: str) -> bool:
    """Whether a registry on this machine wants TLS after all: what it makes of a request in plain tells."""
    parts = urlsplit(f"//{host}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_PROBE_SECONDS) as connection:
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
            answer = connection.recv(12)
    except OSError:
        return False  # Not there, or too slow: the first request will say so.
    # A TLS alert, or the 400 with which Go's servers say that they were spoken to in plain.
    return answer[:1] == b"\x15" or (answer[:5] == b"HTTP/" and answer[9:] == b"400")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _registry_said(data: bytes) -> tuple[str, str]:
    """The code and message of the specification's error object, empty where there is none."""
    try:
        first = json.loads(data)["errors"][0]
        return str(first.get("code", "")), str(first.get("message", ""))[:300]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", ""
