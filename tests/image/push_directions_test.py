"""Where a registry leads a push: redirects, mounts and places to upload to."""

from typing import TYPE_CHECKING

import pytest

from msp.image.errors import DirectionError, RegistryError
from msp.image.layout import Layout

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry, Push, Request


def test_a_blob_is_mounted_from_where_it_is_known_to_be(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
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


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_refused_mount_becomes_an_upload(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", status: int
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", noted: str
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
    send: "Push",
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
    send: "Push",
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", status: int
) -> None:
    def fault(request: "Request") -> "Fault | None":
        asked = request.method == "HEAD" and "again" not in request.query
        return make_fault(status, headers={"Location": f"{request.path}?again=1"}) if asked else None

    memory_registry.fault = fault
    layout = Layout(builder.root(builder.image(b"one")))
    assert send(layout).digest == layout.digest


@pytest.mark.parametrize(
    "location", ["http://[bad", "http://169.254.169.254/u", "http://10.0.0.1/u", "\x85", "", "file:///u"]
)
def test_an_upload_goes_nowhere_odd(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", location: str
) -> None:
    headers = {"Location": location}
    memory_registry.fault = lambda r: make_fault(202, headers=headers) if r.what == "POST upload" else None
    with pytest.raises(DirectionError, match=r"127\.0\.0\.1 pointed to "):
        send(Layout(builder.root(builder.image(b"one"))))
