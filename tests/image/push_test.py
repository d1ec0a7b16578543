"""Pushes to a registry in memory: what is sent, how often, in which order, and what happens when it fails."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from msp.gcp.deadline import Deadline, DeadlineError
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import RemoteError, UnreachableError
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.errors import DirectionError, RegistryError
from msp.image.keychain import Keychain
from msp.image.layout import Descriptor, Layout, LayoutError
from msp.image.progress import BlobStatus, Progress
from msp.image.push import WORKERS, PushResult, push
from msp.image.registry import Registry
from msp.image.upload import StoppedError
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry, Request

LARGE = b"0123456789abcdef" * (12 << 16)  # 12 MiB: large enough for an upload to be taken up again.


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
def send(memory_registry: "MemoryRegistry", recorder: Recorder) -> Push:
    def run(layout: Layout, name: str = "p/app", tag: str = "t", **options: Any) -> PushResult:
        retry = RetryPolicy(sleep=lambda _: None)
        pool = connection_pool(connections=WORKERS)
        registry = Registry(pool, Keychain(None, {}), Endpoints.google(), retry)
        return push(layout, Repository(memory_registry.host, name), tag, registry, recorder, **options)

    return run


def test_pushes_every_blob_once_then_the_tag(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, recorder: Recorder
) -> None:
    layout = Layout(builder.root(builder.image(*(bytes([n]) * 1000 for n in range(12)))))
    pushed = send(layout)
    assert (pushed.digest, pushed.blobs_uploaded, pushed.blobs_present) == (layout.digest, 13, 0)
    assert pushed.size == pushed.bytes_uploaded == recorder.sent_bytes == sum(blob.size for blob in layout.blobs)
    assert memory_registry.manifests["p/app", "t"][1] == layout.root.content
    for blob in layout.blobs:
        assert memory_registry.blobs["p/app", blob.digest] == b"".join(layout.read(blob))
    assert len(memory_registry.asked("PUT upload")) == 13
    assert [request.what for request in memory_registry.requests[-2:]] == ["PUT manifest", "HEAD manifest"]
    assert recorder.outcomes == [BlobStatus.UPLOADED] * 13
    assert (recorder.ends, recorder.closes) == (1, 1)


def test_an_index_comes_after_its_images(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    arm, amd = builder.image(b"base", b"arm"), builder.image(b"base", b"amd")
    layout = Layout(builder.root(builder.index(builder.index(arm, amd), arm)))
    assert send(layout).digest == layout.digest
    # The registry refuses a manifest whose parts it hasn't got, so that all are there shows their order.
    assert {digest for _, digest in memory_registry.manifests} == {
        "t",
        *(m.descriptor.digest for m in layout.manifests),
    }
    assert len(memory_registry.asked("PUT manifest")) == 4


def test_what_is_there_is_not_sent(builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push) -> None:
    send(Layout(builder.root(builder.image(b"one", b"two"))))
    layout = Layout(builder.root(builder.image(b"one", b"three")))
    memory_registry.requests.clear()
    pushed = send(layout, tag="u")
    assert (pushed.blobs_uploaded, pushed.blobs_present) == (2, 1)
    assert len(memory_registry.asked("PUT upload")) == 2


@pytest.mark.parametrize("there", [False, True])
def test_a_closed_gate_lets_blobs_through_and_no_manifest(
    *, there: bool, builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    def gate() -> None:
        raise PermissionError("closed")

    layout = Layout(builder.root(builder.image(b"layer")))
    if there:
        send(layout, tag="other")
    memory_registry.requests.clear()
    with pytest.raises(PermissionError, match="closed"):
        send(layout, gate=gate)
    assert len(memory_registry.asked("PUT upload")) == (0 if there else 2)
    assert memory_registry.asked("PUT manifest") == []


def test_a_push_that_is_stopped_writes_nothing_more(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        send(Layout(builder.root(builder.image(b"layer"))), stop=stop)
    assert memory_registry.asked("PUT upload") + memory_registry.asked("PUT manifest") == []


def test_an_image_that_is_there_only_gets_its_tag(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    send(layout)
    memory_registry.requests.clear()
    pushed = send(layout, tag="u")
    assert (pushed.digest, pushed.blobs_present, pushed.bytes_uploaded) == (layout.digest, 2, 0)
    assert {request.what for request in memory_registry.requests} <= {"HEAD manifest", "PUT manifest", "HEAD blob"}
    assert len(memory_registry.asked("PUT manifest")) == 1


def test_a_push_repeated_changes_nothing(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    first = send(layout)
    memory_registry.requests.clear()
    assert send(layout).digest == first.digest
    assert {request.method for request in memory_registry.requests} == {"HEAD"}


def test_a_blob_is_mounted_from_where_it_is_known_to_be(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    send(Layout(builder.root(builder.image(b"base", b"noted"))), name="p/base")
    base, noted = builder.blob(b"base"), builder.blob(b"noted")
    noted["annotations"] = {f"containerd.io/distribution.source.{memory_registry.host}": "p/base,p/other"}
    memory_registry.requests.clear()
    annotations = {"org.opencontainers.image.base.name": f"{memory_registry.host}/p/base:1"}
    pushed = send(Layout(builder.root(builder.image(base, b"own", annotations=annotations))))
    assert (pushed.blobs_mounted, pushed.blobs_uploaded) == (1, 2)
    pushed = send(Layout(builder.root(builder.image(noted, b"other"))), name="p/second")
    assert (pushed.blobs_mounted, pushed.blobs_uploaded) == (1, 2)
    pushed = send(Layout(builder.root(builder.image(builder.blob(b"base")))), name="p/third", mount_from="p/base")
    assert (pushed.blobs_mounted, pushed.blobs_uploaded) == (1, 1)


STEPS = ["HEAD manifest", "HEAD blob", "POST upload", "PUT upload", "PUT manifest"]


@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504])
def test_a_failure_on_the_way_is_repeated(
    *,
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: Push,
    recorder: Recorder,
    make_fault: "type[Fault]",
    what: str,
    status: int,
) -> None:
    layout = Layout(builder.root(builder.image(b"one", b"two")))
    memory_registry.fail(what, make_fault(status), make_fault(status))
    pushed = send(layout)
    assert pushed.digest == layout.digest
    assert pushed.bytes_uploaded == recorder.sent_bytes == pushed.size
    assert len(recorder.retries) == 2


@pytest.mark.parametrize("what", STEPS)
def test_a_lost_answer_does_no_harm(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", what: str
) -> None:
    layout = Layout(builder.root(builder.image(b"one", b"two")))
    memory_registry.fail(what, make_fault(lose=True))
    pushed = send(layout)  # The registry itself fails the test if a blob is uploaded twice.
    assert (pushed.digest, pushed.blobs_uploaded) == (layout.digest, 3)


def test_waits_as_long_as_the_registry_asks(
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: Push,
    recorder: Recorder,
    make_fault: "type[Fault]",
) -> None:
    memory_registry.fail("PUT manifest", make_fault(429, headers={"Retry-After": "7"}))
    send(Layout(builder.root(builder.image(b"one"))))
    assert [seconds for _, seconds in recorder.retries] == [7]


def test_an_upload_that_breaks_off_is_taken_up_where_it_stands(
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: Push,
    recorder: Recorder,
    make_fault: "type[Fault]",
) -> None:
    layout = Layout(builder.root(builder.image(LARGE)))
    faults = [make_fault(0, after=7 << 20), make_fault(503, after=2 << 20)]
    sizes: list[int] = []

    def fault(request: "Request") -> "Fault | None":
        size = int(request.headers.get("content-length", 0))
        if request.what != "PUT upload" or size < 1000:  # The config is on its way at the same time.
            return None
        sizes.append(size)
        return faults.pop(0) if faults else None

    memory_registry.fault = fault
    pushed = send(layout)
    assert memory_registry.blobs["p/app", layout.blobs[1].digest] == LARGE
    assert sizes == [12 << 20, 5 << 20, 3 << 20]
    assert recorder.sent_bytes == pushed.size


@pytest.mark.parametrize("code", ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "RANGE_INVALID"])
def test_an_upload_that_the_registry_lost_begins_again(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", code: str
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    memory_registry.fail("PUT upload", make_fault(400, body=b'{"errors": [{"code": "%s"}]}' % code.encode()))
    assert send(layout).digest == layout.digest


def test_a_registry_that_stays_broken_is_given_up(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    memory_registry.fault = lambda request: make_fault(503) if request.what == "PUT upload" else None
    with pytest.raises(RegistryError, match="the registry answered 503 to uploading blob sha256:"):
        send(layout)
    assert len(memory_registry.asked("PUT upload")) <= 10
    assert not memory_registry.asked("PUT manifest")
    memory_registry.fault = lambda _request: None
    assert send(layout).digest == layout.digest


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [(403, "DENIED", "needs the right to push"), (404, "NAME_UNKNOWN", "check the repository's name"), (400, "", "")],
)
def test_a_refusal_says_what_was_refused_and_is_not_repeated(
    *,
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: Push,
    recorder: Recorder,
    make_fault: "type[Fault]",
    status: int,
    code: str,
    hint: str,
) -> None:
    body = b'{"errors": [{"code": "%s", "message": "because"}]}' % code.encode()
    memory_registry.fault = lambda r: make_fault(status, body=body) if r.what == "POST upload" else None
    with pytest.raises(RegistryError) as raised:
        send(Layout(builder.root(builder.image(b"one"))))
    assert raised.value.message == " ".join(
        f"{memory_registry.host}/p/app: the registry answered {status} {code} to beginning an upload: because".split()
    )
    assert hint in raised.value.hint
    assert not recorder.retries


def test_a_corrupt_blob_never_becomes_an_image(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push
) -> None:
    layer = builder.blob(LARGE)
    layout = Layout(builder.root(builder.image(layer)))
    builder.file(layer).write_bytes(LARGE[:-1] + b"x")
    with pytest.raises(LayoutError, match="corrupt"):
        send(layout)
    assert layer["digest"] not in {digest for _, digest in memory_registry.blobs}
    assert not memory_registry.manifests


def test_a_tag_that_is_something_else_afterwards_is_noticed(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    other = "sha256:" + "0" * 64

    def fault(request: "Request") -> "Fault | None":
        stored = ("p/app", "t") in memory_registry.manifests
        return (
            make_fault(200, headers={"Docker-Content-Digest": other}) if stored and request.method == "HEAD" else None
        )

    memory_registry.fault = fault
    with pytest.raises(RegistryError, match=f"t is {other}, and sha256:"):
        send(Layout(builder.root(builder.image(b"one"))))


def test_a_registry_that_names_no_digest_is_read(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))

    def fault(request: "Request") -> "Fault | None":
        content = memory_registry.manifests.get(("p/app", "t"))
        return make_fault(200, body=content[1]) if content and request.what.endswith(" manifest") else None

    memory_registry.fault = fault
    assert send(layout).digest == "sha256:" + hashlib.sha256(layout.root.content).hexdigest()


def test_a_registry_that_drops_every_connection(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    memory_registry.fault = lambda _request: make_fault(0)
    with pytest.raises(UnreachableError, match=f"{memory_registry.host} can't be reached: the connection was dropped"):
        send(Layout(builder.root(builder.image(b"one"))))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_refused_mount_becomes_an_upload(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", status: int
) -> None:
    memory_registry.fault = lambda r: make_fault(status) if r.what == "POST upload" and "mount" in r.query else None
    pushed = send(Layout(builder.root(builder.image(b"one"))), mount_from="p/secret")
    assert (pushed.blobs_mounted, pushed.blobs_uploaded) == (0, 2)
    assert sorted("mount" in request.query for request in memory_registry.asked("POST upload")) == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("noted", ["../../x", "p/base?x=1", "\ud800", "", "p/base:tag@", "http://x/y", "x" * 300])
def test_odd_notes_on_where_a_blob_came_from_are_passed_over(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, noted: str
) -> None:
    layer = builder.blob(b"layer", annotations={f"containerd.io/distribution.source.{memory_registry.host}": noted})
    annotations = {"org.opencontainers.image.base.name": f"{memory_registry.host}/{noted}"}
    assert send(Layout(builder.root(builder.image(layer, annotations=annotations)))).blobs_uploaded == 2
    assert not any("mount" in request.query for request in memory_registry.asked("POST upload"))


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("what", ["POST upload", "PUT upload", "PUT manifest"])
def test_a_redirect_that_would_make_a_get_of_it_is_not_followed(
    *,
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: Push,
    make_fault: "type[Fault]",
    what: str,
    status: int,
) -> None:
    headers = {"Location": f"http://{memory_registry.host}/elsewhere"}
    memory_registry.fault = lambda request: make_fault(status, headers=headers) if request.what == what else None
    with pytest.raises(RegistryError, match=f"the registry answered {status} to "):
        send(Layout(builder.root(builder.image(b"one"))))
    assert not any(request.path == "/elsewhere" for request in memory_registry.requests)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("what", ["POST upload", "PUT upload", "PUT manifest", "HEAD blob", "HEAD manifest"])
def test_a_redirect_that_keeps_the_method_is_followed(
    *,
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: Push,
    make_fault: "type[Fault]",
    what: str,
    status: int,
) -> None:
    def fault(request: "Request") -> "Fault | None":
        if request.what != what or "again" in request.query:
            return None
        query = "&".join(f"{key}={value}" for key, value in {**request.query, "again": "1"}.items())
        return make_fault(status, headers={"Location": f"{request.path}?{query}"})

    memory_registry.fault = fault
    layout = Layout(builder.root(builder.image(b"one")))
    assert send(layout).digest == layout.digest
    followed = [request for request in memory_registry.asked(what) if "again" in request.query]
    assert followed
    assert {request.method for request in followed} == {what.partition(" ")[0]}


@pytest.mark.parametrize("status", [301, 302, 303])
def test_any_redirect_of_a_question_is_followed(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", status: int
) -> None:
    def fault(request: "Request") -> "Fault | None":
        asked = request.method == "HEAD" and "again" not in request.query
        return make_fault(status, headers={"Location": f"{request.path}?again=1"}) if asked else None

    memory_registry.fault = fault
    layout = Layout(builder.root(builder.image(b"one")))
    assert send(layout).digest == layout.digest


NO_DIGESTS = [
    "",
    "t",
    "latest",
    "sha256:",
    "sha256:" + "0" * 63,
    "sha256:" + "A" * 64,
    "md5:" + "0" * 32,
    "sha512:" + "0" * 128,
]


@pytest.mark.parametrize("said", NO_DIGESTS)
def test_what_a_registry_says_is_a_digest_or_the_push_fails(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", said: str
) -> None:
    def fault(request: "Request") -> "Fault | None":
        stored = ("p/app", "t") in memory_registry.manifests
        return make_fault(200, headers={"Docker-Content-Digest": said}) if stored and request.method == "HEAD" else None

    memory_registry.fault = fault
    with pytest.raises(RegistryError, match="the registry says that the digest of t is ") as raised:
        send(Layout(builder.root(builder.image(b"one"))))
    assert not raised.value.transient


def test_a_digest_that_stands_for_another_is_noticed(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    headers = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    memory_registry.fault = lambda r: make_fault(200, headers=headers) if r.path.endswith(layout.digest) else None
    with pytest.raises(RegistryError, match=f"the digest of {layout.digest} is 'sha256:000"):
        send(layout)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{" * 100, b"\xff", b" " * (5 << 20)])
def test_a_manifest_that_is_none_has_no_digest(
    memory_registry: "MemoryRegistry", make_fault: "type[Fault]", body: bytes
) -> None:
    memory_registry.fault = lambda _request: make_fault(200, body=body)
    registry = Registry(connection_pool(), Keychain(None, {}), Endpoints.google())
    with pytest.raises(RegistryError, match="what the registry has as t is no manifest"):
        registry.repository(Repository(memory_registry.host, "p/app")).manifest_digest("t")


def test_a_digest_is_checked_against_the_manifest(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    send(layout)
    registry = Registry(connection_pool(), Keychain(None, {}), Endpoints.google())
    remote = registry.repository(Repository(memory_registry.host, "p/app"))
    assert remote.read_digest("t") == remote.read_digest(layout.digest) == layout.digest
    assert remote.read_digest("none") is None
    headers = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    memory_registry.fault = lambda _request: make_fault(200, headers=headers, body=layout.root.content)
    with pytest.raises(RegistryError, match=f"says that t is sha256:0000.*, and it is {layout.digest}"):
        remote.read_digest("t")
    memory_registry.fault = lambda _request: make_fault(200, body=b"{}")
    with pytest.raises(RegistryError, match=f"says that {layout.digest} is {layout.digest}, and it is sha256:44136"):
        remote.read_digest(layout.digest)


def test_what_a_registry_says_is_shown_harmlessly(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]"
) -> None:
    said = "no\n::error::gotcha\r\x1b]0;title\x07\u202e\x9b31m"
    body = json.dumps({"errors": [{"code": "DENIED\n::add-mask::x", "message": said + "x" * 5000}]}).encode()
    memory_registry.fault = lambda request: make_fault(403, body=body) if request.what == "POST upload" else None
    with pytest.raises(RegistryError) as raised:
        send(Layout(builder.root(builder.image(b"one"))))
    assert raised.value.message.isprintable()
    assert "no ::error::gotcha" in raised.value.message
    assert len(raised.value.message) < 600


@pytest.mark.parametrize(
    "body",
    [
        b'{"errors": 1}', b'{"errors": {}}', b'{"errors": [1]}', b'{"errors": [{"code": {}, "message": []}]}',
        b'{"errors": [{"code": null}]}', b"\xff", b'"errors"', b"{" + b" " * (6 << 20), b"[" * 60_000,
    ],
)  # fmt: skip
def test_an_odd_error_is_told_by_its_status(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", body: bytes
) -> None:
    memory_registry.fault = lambda request: make_fault(418, body=body) if request.what == "POST upload" else None
    with pytest.raises(RegistryError, match=r"the registry answered 418 to beginning an upload$"):
        send(Layout(builder.root(builder.image(b"one"))))


@pytest.mark.parametrize(
    "location", ["http://[bad", "http://169.254.169.254/u", "http://10.0.0.1/u", "\x85", "", "file:///u"]
)
def test_an_upload_goes_nowhere_odd(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, make_fault: "type[Fault]", location: str
) -> None:
    headers = {"Location": location}
    memory_registry.fault = lambda r: make_fault(202, headers=headers) if r.what == "POST upload" else None
    with pytest.raises(DirectionError, match=r"127\.0\.0\.1 pointed to "):
        send(Layout(builder.root(builder.image(b"one"))))


def test_a_push_ends_with_its_time(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: Push, recorder: Recorder
) -> None:
    seconds = iter([0.0, 1.0, 2.0])
    deadline = Deadline.after(30, lambda: next(seconds, 31.0))
    with pytest.raises(DeadlineError, match=r"it was not done within 30 s") as raised:
        send(Layout(builder.root(builder.image(LARGE))), deadline=deadline)
    assert raised.value.hint
    assert recorder.closes == 1
    assert not memory_registry.manifests
