"""Layouts made for a test, a registry in memory that can be told to fail, and a hand to push."""

import hashlib
import itertools
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import RemoteError
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.keychain import Keychain
from msp.image.layout import Descriptor, Layout
from msp.image.progress import BlobStatus, Progress
from msp.image.push import WORKERS, PushResult, push
from msp.image.registry import Registry
from msp.names.references import Repository

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Json = dict[str, Any]


class LayoutBuilder:
    """Writes an OCI layout, piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "blobs/sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, content: bytes, media_type: str = LAYER, **more: object) -> Json:
        digest = hashlib.sha256(content).hexdigest()
        (self.path / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content), **more}

    def image(self, *layers: bytes | Json, media_type: str = MANIFEST, **more: object) -> Json:
        found = [self.blob(layer) if isinstance(layer, bytes) else layer for layer in layers]
        config = self.blob(json.dumps({"os": "linux", "layers": [f["digest"] for f in found]}).encode(), CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": found, **more}
        return self.blob(json.dumps(manifest).encode(), media_type)

    def index(self, *children: Json, media_type: str = INDEX) -> Json:
        content = {"schemaVersion": 2, "mediaType": media_type, "manifests": children}
        return self.blob(json.dumps(content).encode(), media_type)

    def root(self, *descriptors: Json) -> Path:
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": descriptors}))
        return self.path

    def file(self, descriptor: Json) -> Path:
        return self.path / "blobs" / str(descriptor["digest"]).replace(":", "/")


@pytest.fixture
def builder(tmp_path: Path) -> LayoutBuilder:
    return LayoutBuilder(tmp_path / "image")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    queries: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    @property
    def what(self) -> str:
        """`PUT manifest`, `HEAD blob`, `POST upload`, …"""
        kind = re.search(r"/(manifests|blobs/uploads|blobs)/", self.path)
        names = {"manifests": "manifest", "blobs/uploads": "upload", "blobs": "blob"}
        return f"{self.method} {names[kind.group(1)] if kind else 'other'}"


@dataclass(frozen=True)
class Fault:
    """What to do in place of answering.

    Attributes:
        status: To answer with; 0 drops the connection.
        after: Bytes of the body to take first, and to keep.
        lose: Do what was asked, and drop the connection without an answer.
        headers: To answer with.
        body: To answer with.
    """

    status: int = 0
    after: int = 0
    lose: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # Clients come and go.
            super().handle_error(request, client_address)


class MemoryRegistry:
    """A registry of the distribution specification, strict about what it is sent."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.sessions = itertools.count()
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Fault | None] = lambda _request: None
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def asked(self, what: str) -> list[Request]:
        return [request for request in self.requests if request.what == what]

    def fail(self, what: str, *faults: Fault) -> None:
        """Fails so many requests of this kind, then no more."""
        left = list(faults)

        def fault(request: Request) -> Fault | None:
            with self.lock:
                return left.pop(0) if left and request.what == what else None

        self.fault = fault

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(uploads/)?([^/]*)", request.path)
        if not match:
            return 404, {}, b""
        name, kind, uploads, last = match.groups()
        if uploads:
            return self._upload(request, name, last, body)
        if kind == "manifests":
            return self._manifest(request, name, last, body)
        blob = self.blobs.get((name, last))
        return (404, {}, b"") if blob is None else (200, {"Docker-Content-Digest": last}, blob)

    def _manifest(self, request: Request, name: str, reference: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if request.method == "PUT":
            content = json.loads(body)
            named = [content["config"], *content["layers"]] if "layers" in content else []
            missing = [b for b in named if (name, b["digest"]) not in self.blobs]
            missing += [m for m in content.get("manifests", ()) if (name, m["digest"]) not in self.manifests]
            if missing or (":" in reference and reference != digest):
                return 400, {}, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "missing"}]}'
            for key in (reference, digest):
                self.manifests[name, key] = (request.headers["content-type"], body)
            return 201, {"Docker-Content-Digest": digest}, b""
        found = self.manifests.get((name, reference))
        if found is None:
            return 404, {}, b""
        digest = "sha256:" + hashlib.sha256(found[1]).hexdigest()
        return 200, {"Docker-Content-Digest": digest, "Content-Type": found[0]}, found[1]

    def _upload(self, request: Request, name: str, session: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if request.method == "POST":
            mounted = self.blobs.get((request.query.get("from", ""), request.query.get("mount", "")))
            if mounted is not None:
                self.blobs[name, request.query["mount"]] = mounted
                return 201, {}, b""
            session = str(next(self.sessions))
            self.uploads[session] = bytearray()
            return 202, {"Location": f"/v2/{name}/blobs/uploads/{session}?state=1"}, b""
        if session not in self.uploads:
            return 404, {}, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}'
        held = self.uploads[session]
        if request.method == "GET":
            at = {"Location": f"/v2/{name}/blobs/uploads/{session}?state=2", "Range": f"0-{max(0, len(held) - 1)}"}
            return 204, at, b""
        held += body
        digest = request.query["digest"]
        if "sha256:" + hashlib.sha256(held).hexdigest() != digest:
            del self.uploads[session]
            return 400, {}, b'{"errors": [{"code": "DIGEST_INVALID", "message": "wrong"}]}'
        if (name, digest) in self.blobs:
            raise AssertionError(f"{digest} was uploaded twice")
        self.blobs[name, digest] = bytes(self.uploads.pop(session))
        return 201, {"Docker-Content-Digest": digest}, b""

    def _handler(registry) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/v2/":
                    self._reply(200, {}, b"")  # Somebody wants to know whether this is TLS.
                    return
                queries = parse_qs(parts.query)
                query = {key: values[0] for key, values in queries.items()}
                headers = {key.lower(): value for key, value in self.headers.items()}
                length = int(headers.get("content-length", 0))
                form = self.rfile.read(length) if headers.get("content-type", "").endswith("urlencoded") else b""
                request = Request(self.command, parts.path, query, headers, queries, form)
                fault = registry.fault(request)
                length -= len(form)
                if fault and not fault.lose:
                    registry.requests.append(request)
                    self._fail(request, fault, length)
                    return
                body = self.rfile.read(length)
                with registry.lock:
                    registry.requests.append(request)
                    if len(body) < length:
                        return
                    status, headers, content = registry.answer(request, body)
                if fault:
                    self.close_connection = True
                    return
                self._reply(status, headers, content)

            def _fail(self, request: Request, fault: Fault, length: int) -> None:
                taken = self.rfile.read(min(fault.after, length))
                with registry.lock:
                    session = request.path.rpartition("/")[2]
                    if request.method == "PUT" and session in registry.uploads:
                        registry.uploads[session] += taken
                if fault.status == 0:
                    self.close_connection = True
                    return
                self.rfile.read(length - len(taken))
                self._reply(fault.status, fault.headers, fault.body)

            def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD" and status != 204:
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


@pytest.fixture
def memory_registry() -> Iterator[MemoryRegistry]:
    registry = MemoryRegistry()
    yield registry
    registry.close()


@pytest.fixture
def make_fault() -> type[Fault]:
    return Fault


class Recorder(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.outcomes: list[BlobStatus] = []
        self.retries: list[tuple[str, float]] = []
        self.ends = 0
        self.closes = 0

    def begin(self, image: str, blobs: Sequence[Descriptor]) -> None:
        self.image, self.blobs = image, blobs

    def sent(self, size: int) -> None:
        self.sent_bytes += size

    def ended(self, _blob: Descriptor, outcome: BlobStatus) -> None:
        self.outcomes.append(outcome)

    def retrying(self, error: RemoteError, seconds: float) -> None:
        self.retries.append((error.message, seconds))

    def end(self) -> None:
        self.ends += 1

    def close(self) -> None:
        self.closes += 1


Push = Callable[..., PushResult]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def send(memory_registry: MemoryRegistry, recorder: Recorder) -> Push:
    def run(layout: Layout, name: str = "p/app", tag: str = "t", **options: Any) -> PushResult:
        retry = RetryPolicy(sleep=lambda _: None)
        pool = connection_pool(connections=WORKERS)
        registry = Registry(pool, Keychain(None, {}), Endpoints.google(), retry)
        return push(layout, Repository(memory_registry.host, name), tag, registry, recorder, **options)

    return run
