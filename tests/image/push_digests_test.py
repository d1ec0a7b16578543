"""What a registry says it has, checked against what was sent."""

import hashlib
from typing import TYPE_CHECKING

import pytest

from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.image.errors import RegistryError
from msp.image.keychain import Keychain
from msp.image.layout import Layout, LayoutError
from msp.image.registry import Registry
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry, Push, Request

LARGE = b"0123456789abcdef" * (12 << 16)  # 12 MiB: large enough for an upload to be taken up again.


def test_a_corrupt_blob_never_becomes_an_image(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push"
) -> None:
    layer = builder.blob(LARGE)
    layout = Layout(builder.root(builder.image(layer)))
    builder.file(layer).write_bytes(LARGE[:-1] + b"x")
    with pytest.raises(LayoutError, match="corrupt"):
        send(layout)
    assert layer["digest"] not in {digest for _, digest in memory_registry.blobs}
    assert not memory_registry.manifests


def test_a_tag_that_is_something_else_afterwards_is_noticed(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
) -> None:
    layout = Layout(builder.root(builder.image(b"one")))

    def fault(request: "Request") -> "Fault | None":
        content = memory_registry.manifests.get(("p/app", "t"))
        return make_fault(200, body=content[1]) if content and request.what.endswith(" manifest") else None

    memory_registry.fault = fault
    assert send(layout).digest == "sha256:" + hashlib.sha256(layout.root.content).hexdigest()


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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]", said: str
) -> None:
    def fault(request: "Request") -> "Fault | None":
        stored = ("p/app", "t") in memory_registry.manifests
        return make_fault(200, headers={"Docker-Content-Digest": said}) if stored and request.method == "HEAD" else None

    memory_registry.fault = fault
    with pytest.raises(RegistryError, match="the registry says that the digest of t is ") as raised:
        send(Layout(builder.root(builder.image(b"one"))))
    assert not raised.value.transient


def test_a_digest_that_stands_for_another_is_noticed(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
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
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", send: "Push", make_fault: "type[Fault]"
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
