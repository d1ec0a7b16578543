"""Blobs in: monolithic, in chunks, mounted, broken off, by many at once."""

import concurrent.futures
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.localcloud.registry.client import Registry, code, digest

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.content import ContentDirectory
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.registry import RegistryState
from msp.localcloud.registry.uploads import LIFETIME
from msp.localcloud.store import Store

BLOB = bytes(range(256)) * 4


def test_one_request(registry: Registry) -> None:
    answer = registry.call("POST", "blobs/uploads/", params={"digest": digest(BLOB)}, data=BLOB)
    assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (201, digest(BLOB))
    assert registry.call("GET", answer.headers["Location"]).content == BLOB


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_post_then_put(registry: Registry, algorithm: str) -> None:
    answer = registry.call("PUT", registry.begin(), params={"digest": digest(BLOB, algorithm)}, data=BLOB)
    assert answer.status_code == 201
    assert registry.call("GET", answer.headers["Location"]).content == BLOB


def test_chunks_in_order(registry: Registry) -> None:
    location = registry.begin()
    for start, end in ((0, 99), (100, 299)):
        headers = {"Content-Range": f"{start}-{end}"}
        answer = registry.call("PATCH", location, data=BLOB[start : end + 1], headers=headers)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{end}")
        location = answer.headers["Location"]
    status = registry.call("GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-299")
    headers = {"Content-Range": f"300-{len(BLOB) - 1}"}
    answer = registry.call("PUT", location, params={"digest": digest(BLOB)}, data=BLOB[300:], headers=headers)
    assert answer.status_code == 201
    assert registry.call("GET", location).status_code == 404


def test_a_stream_without_ranges_or_length(registry: Registry) -> None:
    location = registry.begin()
    answer = registry.call("PATCH", location, data=iter([BLOB[:10], BLOB[10:]]))
    assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{len(BLOB) - 1}")
    assert registry.call("PUT", location, params={"digest": digest(BLOB)}).status_code == 201


@pytest.mark.parametrize("content_range", ["1-10", "0-3", "5-9", "4-13"])
def test_a_chunk_out_of_order_is_told_where_to_go_on(registry: Registry, content_range: str) -> None:
    location = registry.begin()
    registry.call("PATCH", location, data=BLOB[:8], headers={"Content-Range": "0-7"})
    start, end = map(int, content_range.split("-"))
    answer = registry.call("PATCH", location, data=BLOB[start : end + 1], headers={"Content-Range": content_range})
    assert code(answer) == (416, "BLOB_UPLOAD_INVALID")
    assert (answer.headers["Range"], answer.headers["Location"]) == ("0-7", location)
    assert registry.call("GET", location).headers["Range"] == "0-7"


@pytest.mark.parametrize(
    ("content_range", "expected"),
    [
        ("0-100", (400, "SIZE_INVALID")),
        ("0-3", (400, "SIZE_INVALID")),
        ("bytes 0-7/8", (400, "BLOB_UPLOAD_INVALID")),
        ("x", (400, "BLOB_UPLOAD_INVALID")),
        ("7-0", (416, "BLOB_UPLOAD_INVALID")),
    ],
)
def test_a_range_that_lies_changes_nothing(registry: Registry, content_range: str, expected: tuple[int, str]) -> None:
    location = registry.begin()
    for body in (BLOB[:8], iter([BLOB[:8]])):
        answer = registry.call("PATCH", location, data=body, headers={"Content-Range": content_range})
        assert code(answer) == expected
    assert registry.call("GET", location).headers["Range"] == "0-0"


def test_another_digest_ends_the_upload(registry: Registry) -> None:
    location = registry.begin()
    answer = registry.call("PUT", location, params={"digest": digest(b"other")}, data=BLOB)
    assert code(answer) == (400, "DIGEST_INVALID")
    assert answer.json()["errors"][0]["detail"]["found"] == digest(BLOB)
    assert code(registry.call("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert registry.call("HEAD", f"blobs/{digest(BLOB)}").status_code == 404


@pytest.mark.parametrize("wanted", ["", "sha256:123", "md5:" + "0" * 32, "sha256:" + "A" * 64])
def test_what_is_no_digest_is_refused_before_anything_is_read(registry: Registry, wanted: str) -> None:
    location = registry.begin()
    assert code(registry.call("PUT", location, params={"digest": wanted}, data=BLOB)) == (400, "DIGEST_INVALID")
    assert registry.call("GET", location).status_code == 204


def test_cancel(registry: Registry) -> None:
    location = registry.begin()
    assert registry.call("DELETE", location).status_code == 204
    for verb in ("GET", "DELETE", "PATCH"):
        assert code(registry.call(verb, location)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_belongs_to_its_repository(registry: Registry) -> None:
    location = registry.begin().replace("p/app", "p/other")
    assert code(registry.call("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_mount(registry: Registry) -> None:
    held = registry.push_blob(BLOB)
    other = Registry(registry.url, "us.gcr.io/p/other", registry.session)
    assert other.call("HEAD", f"blobs/{held}").status_code == 404
    answer = other.call("POST", "blobs/uploads/", params={"mount": held, "from": registry.repository})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v2/{other.repository}/blobs/{held}")
    assert other.call("GET", f"blobs/{held}").content == BLOB
    # What the other doesn't have, or what comes without a source, is to be uploaded.
    for query in ({"mount": digest(b"x"), "from": registry.repository}, {"mount": held}):
        answer = other.call("POST", "blobs/uploads/", params=query)
        assert (answer.status_code, answer.headers["Range"]) == (202, "0-0")


def test_a_blob_goes_with_its_last_repository(registry: Registry) -> None:
    held = registry.push_blob(BLOB)
    other = Registry(registry.url, "us.gcr.io/p/other", registry.session)
    other.call("POST", "blobs/uploads/", params={"mount": held, "from": registry.repository})
    assert registry.call("DELETE", f"blobs/{held}").status_code == 202
    assert code(registry.call("DELETE", f"blobs/{held}")) == (404, "BLOB_UNKNOWN")
    assert other.call("GET", f"blobs/{held}").content == BLOB
    assert other.call("DELETE", f"blobs/{held}").status_code == 202
    assert other.push_blob(BLOB) == held


def test_many_push_the_same_blob_at_once(registry: Registry) -> None:
    blob = BLOB * 1024

    def push(number: int) -> str:
        with Registry(registry.url, f"us.gcr.io/p/app{number % 3}") as own:
            location = own.begin()
            for start in (0, len(blob) // 2):
                own.call("PATCH", location, data=blob[start : start + len(blob) // 2])
            answer = own.call("PUT", location, params={"digest": digest(blob)})
            assert answer.status_code == 201, answer.text
            return digest(own.call("GET", answer.headers["Location"]).content)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(push, range(32))) == {digest(blob)}


def test_two_writers_of_one_upload_take_turns(registry: Registry) -> None:
    location = registry.begin()

    def push(_: int) -> int:
        with Registry(registry.url) as own:
            return own.call("PATCH", location, data=BLOB, headers={"Content-Range": f"0-{len(BLOB) - 1}"}).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(push, range(8))) == [202] + [416] * 7


def test_a_chunk_that_breaks_off_leaves_no_trace(registry: Registry) -> None:
    location = registry.begin()
    registry.call("PATCH", location, data=BLOB, headers={"Content-Range": f"0-{len(BLOB) - 1}"})
    address = urlsplit(registry.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + BLOB * 100)
    answer = registry.call("PUT", location, params={"digest": digest(BLOB)})
    assert answer.status_code == 201


def test_faults_reach_uploads(registry: Registry, local_cloud: CloudThread) -> None:
    location = registry.begin()
    local_cloud.faults.add(Fault(method="registry/UploadBlob", truncate_body=100, times=1))
    with pytest.raises(OSError, match="Connection"):
        registry.call("PUT", location, params={"digest": digest(BLOB)}, data=BLOB)
    headers = {"Retry-After": "2"}
    local_cloud.faults.add(Fault(method="registry/UploadBlob*", http_status=429, headers=headers, times=1))
    refused = registry.call("PATCH", location, data=BLOB)
    assert (code(refused), refused.headers["Retry-After"]) == ((429, "TOOMANYREQUESTS"), "2")
    lie = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    local_cloud.faults.add(Fault(method="registry/HeadBlob", headers=lie, times=1))
    held = registry.push_blob(b"held")
    assert registry.call("HEAD", f"blobs/{held}").headers["Docker-Content-Digest"] == lie["Docker-Content-Digest"]
    assert registry.call("PUT", location, params={"digest": digest(BLOB)}, data=BLOB).status_code == 201


def test_an_acknowledged_chunk_outlives_the_process(tmp_path: Path) -> None:
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud, Registry(cloud.http_url) as registry:
        location = registry.begin()
        registry.call("PATCH", location, data=BLOB)
    # As if killed while more was being written.
    (path,) = (tmp_path / "blobs" / "incoming").iterdir()
    path.write_bytes(path.read_bytes() + b"not acknowledged")
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud, Registry(cloud.http_url) as registry:
        assert registry.call("GET", location).headers["Range"] == f"0-{len(BLOB) - 1}"
        answer = registry.call("PUT", location, params={"digest": digest(BLOB * 2)}, data=BLOB)
        assert answer.status_code == 201
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud, Registry(cloud.http_url) as registry:
        assert registry.call("GET", f"blobs/{digest(BLOB * 2)}").content == BLOB * 2


def test_what_nobody_refers_to_is_removed_at_the_start(tmp_path: Path) -> None:
    clock = ManualClock()
    store = Store(None)
    directory = ContentDirectory(tmp_path, durable=False)
    state = RegistryState(store, directory, clock)
    stale = state.uploads.begin("p/app")
    clock.advance(LIFETIME / 2)
    fresh = state.uploads.begin("p/app")
    directory.path("sha256-" + "0" * 64).write_bytes(b"renamed, but its link was never written")
    directory.incoming("lost").write_bytes(b"begun, but never noted")
    clock.advance(LIFETIME / 2 + LIFETIME / 4)
    RegistryState(store, directory, clock)
    assert [path.name for path in tmp_path.glob("*/*")] == [fresh]
    assert store.get("registry.upload", stale) is None
    store.close()
