import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msp.image.layout import DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Layout, LayoutError

if TYPE_CHECKING:
    from tests.image.conftest import LayoutBuilder


def test_reads_an_image(builder: "LayoutBuilder") -> None:
    image = builder.image(b"one", b"two", b"one", annotations={"a": "b", "n": 1})
    layout = Layout(builder.root(image))
    assert layout.digest == image["digest"]
    assert [manifest.descriptor.digest for manifest in layout.manifests] == [image["digest"]]
    assert layout.root.annotations == {"a": "b"}
    assert len(layout.blobs) == 3  # The config, and the same layer only once.
    assert [b"".join(layout.read(blob)) for blob in layout.blobs[1:]] == [b"one", b"two"]


def test_reads_nested_indexes_children_first(builder: "LayoutBuilder") -> None:
    arm, amd = builder.image(b"shared", b"arm"), builder.image(b"shared", b"amd", media_type=DOCKER_MANIFEST)
    inner = builder.index(arm, amd, media_type=DOCKER_LIST)
    outer = builder.index(inner, arm)
    layout = Layout(builder.root(outer))
    assert [m.descriptor.digest for m in layout.manifests] == [d["digest"] for d in (arm, amd, inner, outer)]
    assert len(layout.blobs) == 5


def test_layers_that_registries_refuse_are_left_where_they_are(builder: "LayoutBuilder") -> None:
    foreign = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": "sha256:" + "0" * 64,
        "size": 9,
        "urls": ["https://example.com/layer"],
    }
    layout = Layout(builder.root(builder.image(b"one", foreign)))
    assert len(layout.blobs) == 2


def test_a_large_blob_is_read_in_pieces_and_from_the_middle(builder: "LayoutBuilder") -> None:
    content = bytes(range(256)) * 4096
    layout = Layout(builder.root(builder.image(content)))
    blob = layout.blobs[1]
    assert max(map(len, layout.read(blob))) <= 256 << 10
    for start in (0, 1, 262143, 262144, 262145, len(content) - 1, len(content)):
        assert b"".join(layout.read(blob, start=start)) == content[start:]


def test_a_corrupt_blob_is_never_given_out_whole(builder: "LayoutBuilder") -> None:
    content = b"x" * (600 << 10)
    layer = builder.blob(content)
    layout = Layout(builder.root(builder.image(layer)))
    builder.file(layer).write_bytes(b"y" + content[1:])
    got = bytearray()
    with pytest.raises(LayoutError, match="corrupt") as raised:
        got.extend(itertools.chain.from_iterable(layout.read(layout.blobs[1])))
    assert len(got) < len(content)
    assert str(builder.file(layer)) in raised.value.message
    assert raised.value.hint == "build the image again"


def test_a_blob_that_grew_or_shrank_meanwhile_is_noticed(builder: "LayoutBuilder") -> None:
    layer = builder.blob(b"0123456789")
    layout = Layout(builder.root(builder.image(layer)))
    for content in (b"0123456789a", b"012345678", b""):
        builder.file(layer).write_bytes(content)
        with pytest.raises(LayoutError, match="corrupt"):
            list(layout.read(layout.blobs[1]))


def refused(path: Path) -> str:
    with pytest.raises(LayoutError) as raised:
        Layout(path)
    return raised.value.message


def test_no_such_image(tmp_path: Path) -> None:
    assert "no such image" in refused(tmp_path / "none")


def test_a_file_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "file.tar").touch()
    assert "not a directory" in refused(tmp_path / "file.tar")


def test_a_directory_that_is_no_layout(tmp_path: Path) -> None:
    assert "it has no oci-layout" in refused(tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    assert "it has no index.json" in refused(tmp_path)


def test_a_layout_of_another_version(builder: "LayoutBuilder") -> None:
    builder.root(builder.image())
    (builder.path / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    assert "'2.0.0' is not 1.x" in refused(builder.path)


def test_a_missing_blob(builder: "LayoutBuilder") -> None:
    layer = builder.blob(b"layer")
    path = builder.root(builder.image(layer))
    builder.file(layer).unlink()
    assert refused(path).startswith(str(builder.file(layer)))
    assert "is not there" in refused(path)


def test_a_blob_of_another_size(builder: "LayoutBuilder") -> None:
    layer = builder.blob(b"layer")
    path = builder.root(builder.image(layer))
    builder.file(layer).write_bytes(b"lay")
    assert "3 bytes, and the image says 5" in refused(path)


def test_a_missing_manifest(builder: "LayoutBuilder") -> None:
    image = builder.image(b"layer")
    path = builder.root(builder.index(image))
    builder.file(image).unlink()
    assert "is not there" in refused(path)


def test_a_corrupt_manifest(builder: "LayoutBuilder") -> None:
    image = builder.image(b"layer")
    path = builder.root(image)
    builder.file(image).write_bytes(builder.file(image).read_bytes().replace(b"linux", b"minix").replace(b":2", b":3"))
    builder.file(image).write_bytes(builder.file(image).read_bytes()[:-2] + b" }")
    assert "corrupt" in refused(path)


def test_an_unknown_media_type(builder: "LayoutBuilder") -> None:
    path = builder.root(builder.blob(b"{}", "application/vnd.docker.distribution.manifest.v1+json"))
    assert "unknown media type 'application/vnd.docker.distribution.manifest.v1+json'" in refused(path)


def test_several_images_say_how_to_make_them_one(builder: "LayoutBuilder") -> None:
    one, two = builder.image(b"1"), builder.image(b"2")
    platform = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    path = builder.root({**one, "platform": platform}, two)
    with pytest.raises(LayoutError, match="linux/arm64/v8") as raised:
        Layout(path)
    assert "oci_image_index" in raised.value.hint
    assert Layout(builder.root(one, one)).digest == one["digest"]
    assert "it lists no image" in refused(builder.root())


def test_a_manifest_that_no_registry_takes(builder: "LayoutBuilder") -> None:
    path = builder.root(builder.image(b"1", annotations={"a": "x" * (4 << 20)}))
    assert "registries take 4194304" in refused(path)


def test_indexes_nested_without_end(builder: "LayoutBuilder") -> None:
    descriptor = builder.image(b"1")
    for _ in range(20):
        descriptor = builder.index(descriptor)
    assert "nested more than" in refused(builder.root(descriptor))


def test_an_unreadable_blob(builder: "LayoutBuilder") -> None:
    layer = builder.blob(b"layer")
    layout = Layout(builder.root(builder.image(layer)))
    builder.file(layer).unlink()
    builder.file(layer).mkdir()
    with pytest.raises(LayoutError, match="can't be read"):
        list(layout.read(layout.blobs[1]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("mediaType", "digest", "size", "annotations", "platform", "config", "layers", "manifests")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_file_is_read_or_refused(builder: "LayoutBuilder", data: st.DataObject) -> None:
    image: dict[str, Any] = {"schemaVersion": 2, "config": builder.blob(b"{}"), "layers": [builder.blob(b"layer")]}
    target = data.draw(st.sampled_from([image, image["config"], image["layers"][0]]))
    target[data.draw(st.sampled_from(KEYS))] = data.draw(JSON)
    root = builder.blob(json.dumps(image).encode(), "application/vnd.oci.image.manifest.v1+json")
    if data.draw(st.booleans()):
        root[data.draw(st.sampled_from(KEYS))] = data.draw(JSON)
    builder.root(root)
    if data.draw(st.booleans()):
        (builder.path / data.draw(st.sampled_from(["index.json", "oci-layout"]))).write_bytes(data.draw(st.binary()))
    try:
        layout = Layout(builder.path)
    except LayoutError as error:
        named = str(builder.path) in error.message
    else:
        named = all(isinstance(blob, Descriptor) for blob in layout.blobs)
    assert named
    (builder.path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def test_json_nested_too_deep(builder: "LayoutBuilder") -> None:
    builder.root(builder.image())
    (builder.path / "index.json").write_text("[" * 100_000)
    assert "not JSON" in refused(builder.path)


def test_what_indexes_share_is_read_once(builder: "LayoutBuilder", monkeypatch: pytest.MonkeyPatch) -> None:
    """Read anew for each way that leads there, these would be read 390,625 times."""
    level = [builder.image(bytes([n])) for n in range(5)]
    for number in range(7):
        level = [builder.index(*level, builder.image(bytes([number, n]))) for n in range(5)]
    path = builder.root(builder.index(*level))
    read: list[str] = []
    whole = Layout.read

    def counted(self: Layout, blob: Descriptor, *, start: int = 0) -> Iterator[bytes]:
        read.append(blob.digest)
        return whole(self, blob, start=start)

    monkeypatch.setattr(Layout, "read", counted)
    layout = Layout(path)
    assert len(read) == len(set(read)) == len(layout.manifests) == 5 + 7 * 10 + 1
    assert (layout.root.height, layout.manifests[-1]) == (8, layout.root)
    seen: set[str] = set()
    for manifest in layout.manifests:
        assert {child.descriptor.digest for child in manifest.children} <= seen
        seen.add(manifest.descriptor.digest)


def test_a_shared_index_may_be_too_deep_on_one_way_only(builder: "LayoutBuilder") -> None:
    shared = builder.image(b"1")
    for _ in range(6):
        shared = builder.index(shared)
    deep = shared
    for _ in range(3):
        deep = builder.index(deep, builder.image(b"2"))
    assert "nested more than" in refused(builder.root(builder.index(shared, deep)))


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_a_file_without_end_is_not_read(builder: "LayoutBuilder", name: str) -> None:
    path = builder.root(builder.image())
    with (path / name).open("ab") as file:
        file.truncate(8 << 30)
    assert "larger than" in refused(path)
    (path / name).unlink()
    (path / name).symlink_to("/dev/zero")
    assert "not a regular file" in refused(path)


@pytest.mark.parametrize("what", ["index.json", "oci-layout", "manifest", "layer"])
def test_a_fifo_does_not_hold_anybody_up(builder: "LayoutBuilder", what: str) -> None:
    layer = builder.blob(b"layer")
    image = builder.image(layer)
    path = builder.root(image)
    file = {"manifest": builder.file(image), "layer": builder.file(layer)}.get(what, path / what)
    file.unlink()
    os.mkfifo(file)
    assert refused(path) == f"{file}: not a regular file"


def test_a_blob_that_became_a_fifo_or_has_no_end(builder: "LayoutBuilder") -> None:
    layer = builder.blob(b"layer")
    layout = Layout(builder.root(builder.image(layer)))
    builder.file(layer).unlink()
    builder.file(layer).symlink_to("/dev/zero")
    with pytest.raises(LayoutError, match="can't be read: not a regular file"):
        list(layout.read(layout.blobs[1]))
    builder.file(layer).unlink()
    with builder.file(layer).open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(LayoutError, match="corrupt"):
        list(layout.read(layout.blobs[1]))


def test_manifests_that_do_not_fit_into_memory(builder: "LayoutBuilder", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msp.image.layout._MAX_MANIFESTS_BYTES", 2000)
    Layout(builder.root(builder.index(builder.image(b"1"))))
    assert "more than 2000 bytes in all" in refused(
        builder.root(builder.index(*map(builder.image, (b"1", b"2", b"3", b"4"))))
    )


def test_what_stands_in_a_layout_is_shown_harmlessly(builder: "LayoutBuilder") -> None:
    one, two = builder.image(b"1"), builder.image(b"2")
    platform = {"os": "x\r\n::error::y", "architecture": "\x1b[31m\u202e"}
    message = refused(builder.root({**one, "platform": platform}, two))
    assert message.isprintable()
    assert refused(builder.root({**one, "mediaType": "x" * 100_000})).count("x") < 300
    assert refused(builder.root({**one, "size": 10**1000})).endswith("a size that no blob has")
