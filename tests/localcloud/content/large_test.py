"""Contents that pass by the loop: large bodies taken in by threads, files sent by the kernel."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from tests.localcloud.registry.client import Registry, digest
from tests.localcloud.storage.client import Storage, hashes

from msp.localcloud import LocalCloud
from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread

LARGE = os.urandom(3 * 1024 * 1024 + 7)


@pytest.fixture(scope="module")
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud()) as cloud:
        yield cloud


@pytest.fixture
def registry(cloud: CloudThread) -> Iterator[Registry]:
    with Registry(cloud.http_url) as registry:
        yield registry


def test_a_large_body_is_the_last_of_its_connection(registry: Registry) -> None:
    answer = registry.call("PUT", registry.begin(), params={"digest": digest(LARGE)}, data=LARGE)
    assert (answer.status_code, answer.headers["Connection"]) == (201, "close")
    assert registry.call("GET", f"blobs/{digest(LARGE)}").content == LARGE


def test_large_chunks_go_on_where_the_last_one_ended(registry: Registry) -> None:
    location, middle = registry.begin(), len(LARGE) // 2
    first = registry.call("PATCH", location, data=LARGE[:middle], headers={"Content-Range": f"0-{middle - 1}"})
    assert first.headers["Range"] == f"0-{middle - 1}"
    # Longer than the range says: nothing of it is kept.
    wrong = registry.call("PATCH", location, data=LARGE, headers={"Content-Range": f"{middle}-{len(LARGE) - 1}"})
    assert wrong.status_code == 400
    assert registry.call("PATCH", location, data=LARGE[middle:]).status_code == 202
    assert registry.call("PUT", location, params={"digest": digest(LARGE)}).status_code == 201


def test_more_large_bodies_at_once_than_there_are_threads(cloud: CloudThread) -> None:
    def push(number: int) -> bool:
        content = LARGE + str(number).encode()
        with Registry(cloud.http_url, f"p/app{number}") as registry:
            return registry.call("GET", f"blobs/{registry.push_blob(content)}").content == content

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(push, range(12)))


def test_a_large_body_that_breaks_off_leaves_nothing(cloud: CloudThread, registry: Registry) -> None:
    location, address = registry.begin(), urlsplit(cloud.http_url)
    head = f"PATCH {location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2 * len(LARGE)}\r\n\r\n"
    for _ in range(6):  # more often than there are threads: each is free again
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(head.encode() + LARGE)
        answer = registry.call("PUT", location, params={"digest": digest(b"other")}, headers={"Content-Range": "7-8"})
        assert (answer.status_code, answer.headers["Range"]) == (416, "0-0")
    assert registry.call("PUT", location, params={"digest": digest(LARGE)}, data=LARGE).status_code == 201


def test_a_client_that_waits_to_be_told_to_go_on(cloud: CloudThread, registry: Registry) -> None:
    path, address = registry.begin(), urlsplit(cloud.http_url)
    head = f"PATCH {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(LARGE)}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(head.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(LARGE)
        assert client.recv(1000).startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_large_objects_have_their_hashes(cloud: CloudThread, verb: str) -> None:
    with Storage(cloud.http_url) as storage:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        if verb == "POST":
            made = storage.upload("large", LARGE).json()
        else:
            made = storage.chunk(storage.begin("large"), LARGE, f"bytes 0-{len(LARGE) - 1}/{len(LARGE)}").json()
        assert (made["md5Hash"], made["crc32c"]) == hashes(LARGE)
        assert storage.read("large") == LARGE


def test_parts_of_a_file_on_one_connection(registry: Registry) -> None:
    path = f"blobs/{registry.push_blob(LARGE)}"
    for start, end in [(0, 0), (5, 2_000_000), (len(LARGE) - 3, len(LARGE) - 1)]:
        part = registry.call("GET", path, headers={"Range": f"bytes={start}-{end}"})
        assert (part.status_code, part.content) == (206, LARGE[start : end + 1])
    assert registry.call("HEAD", path).headers["Content-Length"] == str(len(LARGE))
    assert registry.call("GET", path).content == LARGE


def test_a_client_that_leaves_in_the_middle_of_a_file(cloud: CloudThread, registry: Registry) -> None:
    path = f"/v2/{registry.repository}/blobs/{registry.push_blob(LARGE * 8)}"
    address = urlsplit(cloud.http_url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert registry.call("GET", path).content == LARGE * 8


@pytest.mark.parametrize(("verb", "method"), [("GET", "GetBlob"), ("PUT", "UploadBlob")])
def test_faults_still_count_the_bytes(cloud: CloudThread, registry: Registry, verb: str, method: str) -> None:
    held = registry.push_blob(LARGE)
    path = registry.begin() if verb == "PUT" else f"blobs/{held}"
    cloud.faults.add(Fault(method=f"registry/{method}", times=1, truncate_body=2_000_000))
    with pytest.raises(requests.RequestException):
        registry.call(verb, path, params={"digest": held}, data=LARGE if verb == "PUT" else b"")
