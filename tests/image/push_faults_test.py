"""A registry that fails, loses, waits or refuses: what a push repeats, takes up again, or gives up."""

import json
from typing import TYPE_CHECKING

import pytest

from msp.gcp.deadline import Deadline, DeadlineError
from msp.gcp.errors import UnreachableError
from msp.image.errors import RegistryError
from msp.image.layout import Layout

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry, Push, Recorder, Request

LARGE = b"0123456789abcdef" * (12 << 16)  # 12 MiB: large enough for an upload to be taken up again.


STEPS = ["HEAD manifest", "HEAD blob", "POST upload", "PUT upload", "PUT manifest"]


@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504])
def test_a_failure_on_the_way_is_repeated(
    *,
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: "Push",
    recorder: "Recorder",
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", what: str
) -> None:
    layout = Layout(builder.root(builder.image(b"one", b"two")))
    memory_registry.fail(what, make_fault(lose=True))
    pushed = send(layout)  # The registry itself fails the test if a blob is uploaded twice.
    assert (pushed.digest, pushed.blobs_uploaded) == (layout.digest, 3)


def test_waits_as_long_as_the_registry_asks(
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: "Push",
    recorder: "Recorder",
    make_fault: "type[Fault]",
) -> None:
    memory_registry.fail("PUT manifest", make_fault(429, headers={"Retry-After": "7"}))
    send(Layout(builder.root(builder.image(b"one"))))
    assert [seconds for _, seconds in recorder.retries] == [7]


def test_an_upload_that_breaks_off_is_taken_up_where_it_stands(
    builder: "LayoutBuilder",
    memory_registry: "MemoryRegistry",
    send: "Push",
    recorder: "Recorder",
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", code: str
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    memory_registry.fail("PUT upload", make_fault(400, body=b'{"errors": [{"code": "%s"}]}' % code.encode()))
    assert send(layout).digest == layout.digest


def test_a_registry_that_stays_broken_is_given_up(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
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
    send: "Push",
    recorder: "Recorder",
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


def test_a_registry_that_drops_every_connection(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
) -> None:
    memory_registry.fault = lambda _request: make_fault(0)
    with pytest.raises(UnreachableError, match=f"{memory_registry.host} can't be reached: the connection was dropped"):
        send(Layout(builder.root(builder.image(b"one"))))


def test_what_a_registry_says_is_shown_harmlessly(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", body: bytes
) -> None:
    memory_registry.fault = lambda request: make_fault(418, body=body) if request.what == "POST upload" else None
    with pytest.raises(RegistryError, match=r"the registry answered 418 to beginning an upload$"):
        send(Layout(builder.root(builder.image(b"one"))))


def test_a_push_ends_with_its_time(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", recorder: "Recorder"
) -> None:
    seconds = iter([0.0, 1.0, 2.0])
    deadline = Deadline.after(30, lambda: next(seconds, 31.0))
    with pytest.raises(DeadlineError, match=r"it was not done within 30 s") as raised:
        send(Layout(builder.root(builder.image(LARGE))), deadline=deadline)
    assert raised.value.hint
    assert recorder.closes == 1
    assert not memory_registry.manifests
