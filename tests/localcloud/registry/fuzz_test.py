"""Any sequence of chunks and any manifest: the right answer or a clear error, never a crash."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from tests.localcloud.registry.client import digest, image, index

from msp.localcloud.clock import ManualClock
from msp.localcloud.content import ContentDirectory
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.manifest import MEDIA_TYPES, parse
from msp.localcloud.registry.state import RegistryState
from msp.localcloud.registry.uploads import Chunk
from msp.localcloud.store import Store

REPOSITORIES = ("us.gcr.io/p/a", "us.gcr.io/p/b")
ALGORITHMS = ("sha256", "sha512")
CONTENTS = st.binary(max_size=40)


class BrokenOffError(Exception):
    """The client went away."""


class Uploads(RuleBasedStateMachine):
    """Uploads and blobs beside a model of them: what was acknowledged, and nothing else, is there."""

    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self._root = tempfile.TemporaryDirectory()
        self._store = Store(None)
        self._clock = ManualClock()
        self._loop = asyncio.new_event_loop()
        self._open: dict[str, bytes] = {}
        self._repository: dict[str, str] = {}
        self._blobs: set[tuple[str, bytes]] = set()
        self._restart()

    def _restart(self) -> None:
        self._state = RegistryState(self._store, ContentDirectory(Path(self._root.name), durable=False), self._clock)

    def teardown(self) -> None:
        self._loop.close()
        self._store.close()
        self._root.cleanup()

    @rule(target=uploads, repository=st.sampled_from(REPOSITORIES))
    def begin(self, repository: str) -> str:
        upload = self._state.uploads.begin(repository)
        self._open[upload], self._repository[upload] = b"", repository
        return upload

    @rule(upload=uploads, content=CONTENTS, start=st.none() | st.integers(0, 80), broken=st.booleans())
    def append(self, upload: str, content: bytes, start: int | None, broken: bool) -> None:
        content_range = None if start is None or not content else f"{start}-{start + len(content) - 1}"
        chunk = Chunk(_stream(content, broken=broken), content_range, len(content))
        before = self._open[upload]
        try:
            size = self._loop.run_until_complete(self._state.uploads.append(self._repository[upload], upload, chunk))
        except BrokenOffError:
            return
        except RegistryError as error:
            assert (error.status, start == len(before)) == (416, False)  # noqa: PT017
            return
        assert not broken
        self._open[upload] = before + content
        assert size == len(before + content)

    @rule(
        upload=consumes(uploads), content=CONTENTS, right=st.booleans(), algorithm=st.sampled_from(["sha256", "sha512"])
    )
    def finish(self, upload: str, content: bytes, right: bool, algorithm: str) -> None:
        whole = self._open.pop(upload) + content
        repository = self._repository[upload]
        wanted = digest(whole if right else whole + b"!", algorithm)
        work = self._state.uploads.finish(repository, upload, Chunk(_stream(content)), wanted)
        try:
            self._loop.run_until_complete(work)
        except RegistryError as error:
            assert (error.code, right) == ("DIGEST_INVALID", False)  # noqa: PT017
            return
        assert right
        self._blobs.add((repository, whole))
        path, size = self._state.blobs.open(repository, wanted)
        assert (path.read_bytes(), size) == (whole, len(whole))

    @rule(upload=consumes(uploads))
    def cancel(self, upload: str) -> None:
        self._loop.run_until_complete(self._state.uploads.cancel(self._repository[upload], upload))
        del self._open[upload]

    @rule()
    def restart(self) -> None:
        self._restart()

    @invariant()
    def what_was_acknowledged_is_kept(self) -> None:
        for upload, content in self._open.items():
            offset = self._loop.run_until_complete(self._state.uploads.offset(self._repository[upload], upload))
            assert offset == len(content)
        incoming = {path.name for path in Path(self._root.name, "incoming").iterdir()}
        assert incoming == set(self._open)


TestUploads = Uploads.TestCase
TestUploads.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


async def _stream(content: bytes, *, broken: bool = False) -> AsyncIterator[bytes]:
    yield content[:7]
    if broken:
        raise BrokenOffError
    yield content[7:]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(), st.none() | st.text() | st.sampled_from(MEDIA_TYPES))
def test_any_bytes_are_a_manifest_or_an_error(content: bytes, content_type: str | None) -> None:
    _parse(content, content_type)


@given(data=st.data(), base=st.sampled_from([image(), index(image())]))
def test_any_change_of_a_manifest_is_a_manifest_or_an_error(data: st.DataObject, base: bytes) -> None:
    document: Any = json.loads(base)
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from([document, *_below(document)]))
        key = data.draw(st.sampled_from([*(target if isinstance(target, dict) else range(len(target))), "subject"]))
        if isinstance(target, dict):
            target[key] = data.draw(JSON | st.just(json.loads(image())["config"]))
        elif isinstance(key, int):
            target[key] = data.draw(JSON)
    _parse(json.dumps(document).encode(), data.draw(st.none() | st.sampled_from(MEDIA_TYPES)))


def _below(value: Any) -> list[Any]:
    found = []
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list) and inner:
            found += [inner, *_below(inner)]
    return found


def _parse(content: bytes, content_type: str | None) -> None:
    try:
        manifest = parse(content, content_type)
    except RegistryError as error:
        assert error.code == "MANIFEST_INVALID"  # noqa: PT017
        json.dumps(error.to_json()).encode()
    else:
        assert manifest.media_type in MEDIA_TYPES


def test_what_is_nested_without_end_is_an_error() -> None:
    for content in (b"[" * 200_000, b'{"a":' * 200_000, b'{"config": ' + b"9" * 10_000 + b"}"):
        with pytest.raises(RegistryError, match="MANIFEST_INVALID"):
            parse(content)


@pytest.mark.parametrize("value", ["NaN", r'"\ud800"'])
def test_what_could_not_be_told_again_is_an_error(value: str) -> None:
    content = json.dumps({**json.loads(image()), "annotations": {"a": "VALUE"}}).replace('"VALUE"', value)
    with pytest.raises(RegistryError, match="MANIFEST_INVALID"):
        parse(content.encode())
