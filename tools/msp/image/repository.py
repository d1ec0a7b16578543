"""One repository of a registry, one method per request."""

import hashlib
import re
from urllib.parse import quote

from msp.gcp.bounds import Answer, json_object
from msp.gcp.errors import TRANSIENT_STATUS
from msp.gcp.retry import parse_retry_after
from msp.image.errors import RegistryError
from msp.image.keychain import is_google
from msp.image.layout import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from msp.image.token_authentication import Authenticator, login_hint
from msp.image.transport import Body, Request, Transport
from msp.names.grammar import is_digest
from msp.names.references import Repository
from msp.text import harmless

_ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
# A registry answers a blob only when it has stored and hashed it.
_UPLOAD_SECONDS = 300.0
# As much of what it says as is shown.
_MAX_CODE = 40
_MAX_SAID = 300

_SHA256 = re.compile(r"sha256:[a-f0-9]{64}")


class RemoteRepository:
    """One repository of a registry, as `Registry.repository` makes it.

    Each method is one request, and raises `RegistryError` where the registry refuses, `UnreachableError` where it could
    not be reached or the connection broke, `DirectionError` where it sends us to where we don't go, `DeadlineError`
    where the time is over, and `CredentialsError` where it wants a login and there is none or a wrong one. The first
    two tell by `transient` whether to ask again.

    Args:
        transport: Sends requests to the registry.
        authenticator: What knows the secrets, which must not be shown.
        repository: Its name: `us.gcr.io/sourcegraph-dev/msp-example`.
        url: Its address: `https://us.gcr.io/v2/project/app`.
        prefix: What stands before every repository's name there: nothing, or `us.gcr.io/` in a local cloud.
    """

    def __init__(
        self, transport: Transport, authenticator: Authenticator, repository: Repository, url: str, prefix: str
    ) -> None:
        self._transport = transport
        self._authenticator = authenticator
        self._url = url
        self._prefix = prefix
        self.repository = repository

    def manifest_digest(self, reference: str) -> str | None:
        """The digest of the manifest that a tag, or a digest, stands for; None where there is none.

        Args:
            reference: A tag or a digest.
        """
        answer = self._transport.ask(Request("HEAD", f"{self._url}/manifests/{reference}", accept=_ACCEPT))
        if answer.status == 404:
            return None
        self._expect(answer, 200, f"looking up {reference}")
        if "Docker-Content-Digest" not in answer.headers:
            return self.read_digest(reference)  # Optional by the specification: then the content has to say.
        return self._said_digest(answer, reference)

    def read_digest(self, reference: str) -> str | None:
        """As `manifest_digest`, and what the registry says of the digest is checked against the manifest itself."""
        answer = self._transport.ask(Request("GET", f"{self._url}/manifests/{reference}", accept=_ACCEPT))
        if answer.status == 404:
            return None
        self._expect(answer, 200, f"looking up {reference}")
        if not answer.whole or json_object(answer.body) is None:
            raise RegistryError(f"{self.repository}: what the registry has as {reference} is no manifest")
        algorithm = reference.partition(":")[0] if is_digest(reference) else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
        said = reference if is_digest(reference) else digest
        if "Docker-Content-Digest" in answer.headers:
            said = self._said_digest(answer, reference)
        if said != digest:
            raise RegistryError(f"{self.repository}: the registry says that {reference} is {said}, and it is {digest}")
        return digest

    def _said_digest(self, answer: Answer, reference: str) -> str:
        said = answer.headers.get("Docker-Content-Digest", "")
        if said == reference if is_digest(reference) else _SHA256.fullmatch(said):
            return said
        shown = repr(harmless(said, limit=150))
        raise RegistryError(f"{self.repository}: the registry says that the digest of {reference} is {shown}")

    def put_manifest(self, manifest: Manifest, reference: str) -> None:
        """Stores a manifest.

        Args:
            manifest: The manifest, with its content.
            reference: The tag to give it, or its digest.
        """
        request = Request(
            "PUT",
            f"{self._url}/manifests/{reference}",
            content_type=manifest.descriptor.media_type,
            body=lambda: (manifest.content,),
            size=len(manifest.content),
        )
        self._expect(self._transport.ask(request), 201, f"storing the manifest {reference}")

    def has_blob(self, digest: str) -> bool:
        """Whether the repository holds a blob, `sha256:…`."""
        answer = self._transport.ask(Request("HEAD", f"{self._url}/blobs/{digest}"))
        if answer.status == 404:
            return False
        self._expect(answer, 200, f"looking up blob {digest}")
        return True

    def begin_upload(self, digest: str, mount_from: str = "") -> str | None:
        """Asks for a place to upload a blob to.

        Args:
            digest: The blob's.
            mount_from: Another repository of this registry that may hold it, by name. Where mounting is refused (the
                login may not read it, say), an ordinary upload begins, as with crane.

        Returns:
            The upload's address; None where the blob was mounted from there and nothing is left to do.
        """
        url = f"{self._url}/blobs/uploads/"
        if mount_from:
            query = f"?mount={quote(digest, safe='')}&from={quote(self._prefix + mount_from, safe='')}"
            request = Request("POST", url + query, body=tuple)
            answer = self._transport.ask(request)
            if answer.status == 201:
                return None
            refused = 400 <= answer.status < 500 and answer.status not in TRANSIENT_STATUS
            if not refused:
                self._expect(answer, 202, "beginning an upload")
                return self._transport.next_address(request, answer)
        request = Request("POST", url, body=tuple)
        answer = self._transport.ask(request)
        self._expect(answer, 202, "beginning an upload")
        return self._transport.next_address(request, answer)

    def upload_offset(self, location: str) -> tuple[int, str]:
        """How many bytes of a broken-off upload have arrived, and the address at which it goes on.

        Args:
            location: Where `begin_upload` said. Only who began an upload knows its address: no registry lists them.
        """
        request = Request("GET", location)
        answer = self._transport.ask(request)
        self._expect(answer, 204, "asking how far an upload came")
        # `0-0` stands for nothing and for one byte alike; nothing is the safe reading.
        last = answer.headers.get("Range", "").rpartition("-")[2]
        offset = int(last) + 1 if last.isascii() and last.isdecimal() and last != "0" and len(last) < 20 else 0
        return offset, self._transport.next_address(request, answer)

    def finish_upload(self, location: str, blob: Descriptor, body: Body, size: int) -> None:
        """Sends what is left of a blob, and ends the upload.

        Args:
            location: Where `begin_upload` or `upload_offset` said.
            blob: The blob's digest and size.
            body: Gives the bytes; called again where they must be sent again.
            size: Bytes that `body` gives.
        """
        url = f"{location}{'&' if '?' in location else '?'}digest={quote(blob.digest, safe='')}"
        request = Request(
            "PUT", url, content_type="application/octet-stream", body=body, size=size, seconds=_UPLOAD_SECONDS
        )
        self._expect(self._transport.ask(request), 201, f"uploading blob {blob.digest}")

    def _expect(self, answer: Answer, status: int, doing: str) -> None:
        if answer.status == status:
            return
        code, said = (self._authenticator.redact(text) for text in parse_error(answer.body))
        # Cut only here: half a secret would not be found.
        code, said = harmless(code, limit=_MAX_CODE), harmless(said, limit=_MAX_SAID)
        parts = [f"{self.repository}: the registry answered {answer.status}", code, f"to {doing}"]
        message = " ".join(part for part in parts if part) + (f": {said}" if said else "")
        error = RegistryError(message, hint=self._hint(answer.status, code))
        error.code = code
        error.http_status = answer.status
        error.transient = answer.status in TRANSIENT_STATUS
        error.retry_after = parse_retry_after(answer.headers.get("Retry-After"))
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


def parse_error(data: bytes) -> tuple[str, str]:
    """The code and message of the specification's error object, as they came; empty where there is none.

    Args:
        data: `{"errors": [{"code": "DENIED", "message": "…"}]}`.
    """
    errors = (json_object(data) or {}).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    code, said = first.get("code"), first.get("message")
    return code if isinstance(code, str) else "", said if isinstance(said, str) else ""
