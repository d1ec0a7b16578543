"""Uploads: in one request, and resumable."""

import asyncio
import base64
import concurrent.futures
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.localcloud.storage.client import Storage, hashes, reason

from msp.localcloud import LocalCloud
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.storage.errors import StorageError
from msp.localcloud.storage.multipart import MultipartReader

QUARTER = 256 * 1024
CONTENT = bytes(range(256)) * (3 * QUARTER // 256) + b"the end"
TOTAL = len(CONTENT)


def test_media(storage: Storage) -> None:
    answer = storage.upload("a b/c", CONTENT, uploadType="media")
    resource = answer.json()
    assert (resource["md5Hash"], resource["crc32c"]) == hashes(CONTENT)
    assert (resource["name"], resource["size"], resource["metageneration"]) == ("a b/c", str(TOTAL), "1")
    assert storage.call("GET", resource["mediaLink"]).content == CONTENT
    assert storage.call("GET", resource["selfLink"]).json() == resource


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("quoted", ['"{}"', "'{}'", "{}"])
@pytest.mark.parametrize("content", [b"", b"--", b"\r\n--===x", CONTENT])
def test_multipart(storage: Storage, line_end: bytes, quoted: str, content: bytes) -> None:
    metadata = {"name": "m", "metadata": {"k": "v"}, "contentType": "text/x"}
    lines = [
        b"--===x==",
        b"Content-Type: application/json",
        b"",
        json.dumps(metadata).encode(),
        b"--===x==",
        b"Content-Type: text/plain",
        b"",
        content,
        b"--===x==--",
    ]
    answer = storage.call(
        "POST",
        "/upload/storage/v1/b/bucket-a/o?uploadType=multipart",
        data=line_end.join(lines),
        headers={"Content-Type": f"multipart/related; boundary={quoted.format('===x==')}"},
    )
    assert answer.status_code == 200, answer.text
    assert storage.read("m") == content
    assert (answer.json()["metadata"], answer.json()["contentType"]) == ({"k": "v"}, "text/x")


@given(
    content=st.binary(max_size=200) | st.lists(st.sampled_from([b"\r\n", b"--b", b"--", b"x"])).map(b"".join),
    cuts=st.lists(st.integers(1, 30), max_size=30),
)
def test_multipart_is_the_same_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    whole = b"--bound\r\n\r\n{}\r\n--bound\r\n\r\n" + content + b"\r\n--bound--\r\n"

    async def chunks() -> AsyncIterator[bytes]:
        rest = whole
        for cut in cuts:
            yield rest[:cut]
            rest = rest[cut:]
        yield rest

    async def read() -> bytes:
        reader = MultipartReader("multipart/related; boundary=bound", chunks())
        assert json.loads(await reader.metadata()) == {}
        return b"".join([piece async for piece in reader.content()])

    assert asyncio.run(read()) == content


@given(body=st.binary(max_size=100) | st.lists(st.sampled_from([b"\r\n", b"--b", b"--", b"{}", b"\n"])).map(b"".join))
def test_multipart_that_is_none_is_an_error_not_a_crash(body: bytes) -> None:
    async def read() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield body

        reader = MultipartReader("multipart/related; boundary=b", chunks())
        await reader.metadata()
        async for _ in reader.content():
            pass

    try:
        asyncio.run(read())
    except StorageError as error:
        assert error.status == 400  # noqa: PT017 (whether it is raised depends on the body)


def test_resumable_in_chunks(storage: Storage) -> None:
    upload = storage.begin("r", json={"metadata": {"k": "v"}}, headers={"X-Upload-Content-Type": "text/plain"})
    status = storage.chunk(upload, b"", "bytes */*")
    assert (status.status_code, "Range" in status.headers) == (308, False)
    first = storage.chunk(upload, CONTENT[:QUARTER], f"bytes 0-{QUARTER - 1}/*")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{QUARTER - 1}")
    status = storage.chunk(upload, b"", f"bytes */{TOTAL}")
    assert (status.status_code, status.headers["Range"]) == (308, f"bytes=0-{QUARTER - 1}")
    last = storage.chunk(upload, CONTENT[QUARTER:], f"bytes {QUARTER}-{TOTAL - 1}/{TOTAL}")
    assert (last.status_code, last.json()["contentType"], last.json()["metadata"]) == (200, "text/plain", {"k": "v"})
    assert storage.read("r") == CONTENT


@pytest.mark.parametrize("content", [b"", CONTENT])
def test_resumable_in_one_request(storage: Storage, content: bytes) -> None:
    assert storage.call("PUT", storage.begin("r"), data=content).json()["size"] == str(len(content))
    assert storage.read("r") == content


def test_the_total_may_come_last(storage: Storage) -> None:
    upload = storage.begin("r")
    storage.chunk(upload, CONTENT[:QUARTER], f"bytes 0-{QUARTER - 1}/*")
    assert storage.chunk(upload, b"", f"bytes */{QUARTER}").json()["size"] == str(QUARTER)


def test_asking_after_the_end_gives_the_object(storage: Storage) -> None:
    upload = storage.begin("r")
    made = storage.call("PUT", upload, data=CONTENT).json()
    assert storage.chunk(upload, b"", f"bytes */{TOTAL}").json() == made
    assert storage.chunk(upload, CONTENT, f"bytes 0-{TOTAL - 1}/{TOTAL}").json() == made


def test_what_is_kept_already_is_passed_over(storage: Storage) -> None:
    upload = storage.begin("r")
    for _ in range(2):
        answer = storage.chunk(upload, CONTENT[:QUARTER], f"bytes 0-{QUARTER - 1}/{TOTAL}")
        assert (answer.status_code, answer.headers["Range"]) == (308, f"bytes=0-{QUARTER - 1}")
    assert storage.chunk(upload, CONTENT[10:], f"bytes 10-{TOTAL - 1}/{TOTAL}").status_code == 200
    assert storage.read("r") == CONTENT


@pytest.mark.parametrize(
    ("content_range", "length"),
    [
        (f"bytes {QUARTER}-{2 * QUARTER - 1}/*", QUARTER),  # a gap
        ("bytes 0-99/*", 100),  # too short to be in the middle
        (f"bytes 0-{QUARTER}/*", QUARTER),  # fewer bytes than it says
        (f"bytes 0-{QUARTER - 1}/*", QUARTER + 1),  # more
        ("bytes 0-9/5", 10),
        ("bytes 9-0/*", 10),
        ("octets 0-9/10", 10),
        ("bytes 0-9", 10),
    ],
)
def test_a_range_that_lies_changes_nothing(storage: Storage, content_range: str, length: int) -> None:
    upload = storage.begin("r")
    assert reason(storage.chunk(upload, CONTENT[:length], content_range)) == (400, "invalid")
    assert "Range" not in storage.chunk(upload, b"", "bytes */*").headers
    assert storage.chunk(upload, CONTENT, f"bytes 0-{TOTAL - 1}/{TOTAL}").status_code == 200


def test_cancel(storage: Storage) -> None:
    upload = storage.begin("r")
    storage.chunk(upload, CONTENT[:QUARTER], f"bytes 0-{QUARTER - 1}/*")
    assert storage.call("DELETE", upload).status_code == 499
    assert reason(storage.chunk(upload, b"", "bytes */*")) == (404, "notFound")
    assert storage.names() == []


def test_hashes_are_checked(storage: Storage) -> None:
    md5, crc32c = hashes(b"other")
    for header in (f"md5={md5}", f"crc32c={crc32c}"):
        params = {"name": "h", "uploadType": "media"}
        path = "/upload/storage/v1/b/bucket-a/o"
        answer = storage.call("POST", path, params=params, data=CONTENT, headers={"X-Goog-Hash": header})
        assert reason(answer) == (400, "invalid")
        upload = storage.begin("h")
        assert storage.call("PUT", upload, data=CONTENT, headers={"X-Goog-Hash": header}).status_code == 400
        assert storage.begin("h", json={"crc32c": crc32c})
    assert storage.names() == []
    good = base64.b64decode(hashes(CONTENT)[1])
    assert len(good) == 4


def test_an_upload_that_breaks_off_leaves_nothing(storage: Storage, local_cloud: CloudThread) -> None:
    storage.upload("kept", b"before")
    upload = storage.begin("kept")
    local_cloud.faults.add(Fault(method="storage/UploadChunk", truncate_body=QUARTER, times=1))
    with pytest.raises(OSError, match="Connection"):
        storage.chunk(upload, CONTENT, f"bytes 0-{TOTAL - 1}/{TOTAL}")
    address = urlsplit(storage.url)
    for path in ("/upload/storage/v1/b/bucket-a/o?name=kept", upload.removeprefix(storage.url)):
        verb = "PUT" if "upload_id" in path else "POST"
        with socket.create_connection((address.hostname, address.port)) as connection:
            head = f"{verb} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
            connection.sendall(head.encode() + CONTENT[:QUARTER])
    assert "Range" not in storage.chunk(upload, b"", "bytes */*").headers
    assert storage.read("kept") == b"before"
    assert storage.chunk(upload, CONTENT, f"bytes 0-{TOTAL - 1}/{TOTAL}").status_code == 200
    assert storage.read("kept") == CONTENT


def test_a_fault_has_the_shape_of_a_storage_error(storage: Storage, local_cloud: CloudThread) -> None:
    local_cloud.faults.add(Fault(method="storage/InsertObject", http_status=503, times=1))
    assert reason(storage.upload("o", b"1")) == (503, "backendError")
    local_cloud.faults.add(Fault(method="storage/InsertObject", code="RESOURCE_EXHAUSTED", times=1))
    assert reason(storage.upload("o", b"1")) == (429, "rateLimitExceeded")
    assert storage.names() == []


def test_a_lost_answer_can_be_asked_for_again(storage: Storage, local_cloud: CloudThread) -> None:
    upload = storage.begin("r")
    local_cloud.faults.add(Fault(method="storage/UploadChunk", lose_response=True, times=1))
    with pytest.raises(OSError, match="Connection"):
        storage.chunk(upload, CONTENT, f"bytes 0-{TOTAL - 1}/{TOTAL}")
    assert storage.chunk(upload, b"", f"bytes */{TOTAL}").json()["size"] == str(TOTAL)


def test_many_upload_the_same_object_at_once(storage: Storage) -> None:
    def upload(number: int) -> int:
        with Storage(storage.url) as own:
            return own.upload("same", bytes([number]) * QUARTER, ifGenerationMatch=0).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(upload, range(16))) == [200] + [412] * 15
    assert len(set(storage.read("same"))) == 1


def test_an_acknowledged_chunk_outlives_the_process(tmp_path: Path) -> None:
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud, Storage(cloud.http_url) as storage:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        storage.upload("kept", b"kept")
        upload = urlsplit(storage.begin("r"))
        path = f"{upload.path}?{upload.query}"
        storage.chunk(path, CONTENT[:QUARTER], f"bytes 0-{QUARTER - 1}/*")
    (tmp_path / "objects" / "whole" / "lost").write_bytes(b"renamed, but never recorded")
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud, Storage(cloud.http_url) as storage:
        assert storage.chunk(path, b"", "bytes */*").headers["Range"] == f"bytes=0-{QUARTER - 1}"
        last = storage.chunk(path, CONTENT[QUARTER:], f"bytes {QUARTER}-{TOTAL - 1}/{TOTAL}")
        assert last.status_code == 200
        assert (storage.read("kept"), storage.read("r")) == (b"kept", CONTENT)
        assert len(list((tmp_path / "objects").glob("*/*"))) == 2


def test_the_rest_however_long_it_is(storage: Storage) -> None:
    # As Node's client uploads by default.
    assert storage.chunk(storage.begin("o"), b"content", "bytes 0-*/*").json()["size"] == "7"
    assert storage.read("o") == b"content"
    upload = storage.begin("o")
    first = b"a" * 256 * 1024
    assert storage.chunk(upload, first, f"bytes 0-{len(first) - 1}/*").status_code == 308
    assert reason(storage.chunk(upload, b"late", f"bytes {len(first) + 9}-*/*")) == (400, "invalid")
    assert reason(storage.chunk(upload, b"b", f"bytes {len(first)}-*/{len(first) + 9}")) == (400, "invalid")
    # A client that lost an answer begins earlier again.
    made = storage.chunk(upload, b"ab", f"bytes {len(first) - 1}-*/{len(first) + 1}")
    assert (made.status_code, storage.read("o")) == (200, first + b"b")


def test_compose_does_not_take_a_components_hashes_for_those_of_the_whole(storage: Storage) -> None:
    part = storage.upload("a", b"part").json()
    destination = {"md5Hash": part["md5Hash"], "crc32c": part["crc32c"], "contentType": "text/plain"}
    request = {"sourceObjects": [{"name": "a"}, {"name": "a"}], "destination": destination}
    made = storage.call("POST", "/storage/v1/b/bucket-a/o/whole/compose", json=request)
    assert (made.status_code, made.json()["contentType"], storage.read("whole")) == (200, "text/plain", b"partpart")
