"""Pushes to a registry in memory: what is sent, how often and in which order."""

import threading
from typing import TYPE_CHECKING

import pytest

from msp.image.layout import Layout
from msp.image.progress import BlobStatus
from msp.image.upload import StoppedError

if TYPE_CHECKING:
    from tests.image.conftest import LayoutBuilder, MemoryRegistry, Push, Recorder


def test_pushes_every_blob_once_then_the_tag(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", recorder: "Recorder"
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
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


def test_what_is_there_is_not_sent(builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push") -> None:
    send(Layout(builder.root(builder.image(b"one", b"two"))))
    layout = Layout(builder.root(builder.image(b"one", b"three")))
    memory_registry.requests.clear()
    pushed = send(layout, tag="u")
    assert (pushed.blobs_uploaded, pushed.blobs_present) == (2, 1)
    assert len(memory_registry.asked("PUT upload")) == 2


@pytest.mark.parametrize("there", [False, True])
def test_a_closed_gate_lets_blobs_through_and_no_manifest(
    *, there: bool, builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        send(Layout(builder.root(builder.image(b"layer"))), stop=stop)
    assert memory_registry.asked("PUT upload") + memory_registry.asked("PUT manifest") == []


def test_an_image_that_is_there_only_gets_its_tag(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    send(layout)
    memory_registry.requests.clear()
    pushed = send(layout, tag="u")
    assert (pushed.digest, pushed.blobs_present, pushed.bytes_uploaded) == (layout.digest, 2, 0)
    assert {request.what for request in memory_registry.requests} <= {"HEAD manifest", "PUT manifest", "HEAD blob"}
    assert len(memory_registry.asked("PUT manifest")) == 1


def test_a_push_repeated_changes_nothing(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))
    first = send(layout)
    memory_registry.requests.clear()
    assert send(layout).digest == first.digest
    assert {request.method for request in memory_registry.requests} == {"HEAD"}
