"""The XML API in its simplest forms, request by request."""

import hashlib
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.localcloud.storage.client import Storage

from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread

TEXT = b"hello, world"
TAG = f'"{hashlib.md5(TEXT, usedforsecurity=False).hexdigest()}"'


def put(storage: Storage, name: str, content: bytes = TEXT, /, **headers: str) -> requests.Response:
    return storage.call(
        "PUT", f"/bucket-a/{name}", data=content, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def get(storage: Storage, name: str, verb: str = "GET", **headers: str) -> requests.Response:
    return storage.call(verb, f"/bucket-a/{name}", headers={k.replace("_", "-"): v for k, v in headers.items()})


def parsed(answer: requests.Response) -> "ET.Element[str]":
    return ET.fromstring(answer.content)  # noqa: S314 (the local cloud's own)


def code(answer: requests.Response) -> tuple[int, str]:
    """An error's status and code."""
    assert answer.headers["Content-Type"] == "application/xml"
    error = parsed(answer)
    assert error.tag == "Error"
    assert error.findtext("Message")
    return answer.status_code, error.findtext("Code") or ""


def listed(storage: Storage, query: str) -> dict[str, Any]:
    answer = storage.call("GET", f"/bucket-a{query}")
    assert answer.status_code == 200, answer.text
    root = parsed(answer)
    space = "{http://doc.s3.amazonaws.com/2006-03-01}"
    assert root.tag == f"{space}ListBucketResult"
    found = {child.tag.removeprefix(space): child.text or "" for child in root}
    keys = [key.text for key in root.iter(f"{space}Key")]
    prefixes = [prefix.findtext(f"{space}Prefix") for prefix in root.iter(f"{space}CommonPrefixes")]
    return found | {"keys": keys, "prefixes": prefixes}


def test_an_object_put_read_looked_at_and_deleted(storage: Storage) -> None:
    stored = put(storage, "a/b%20c", Content_Type="text/plain", Cache_Control="no-store", X_Goog_Meta_Team="blue")
    assert (stored.status_code, stored.headers["ETag"], stored.content) == (200, TAG, b"")
    read = get(storage, "a/b%20c")
    assert (read.content, read.headers["ETag"], read.headers["Content-Type"]) == (TEXT, TAG, "text/plain")
    assert (read.headers["Cache-Control"], read.headers["X-Goog-Meta-Team"]) == ("no-store", "blue")
    looked = get(storage, "a/b%20c", "HEAD")
    assert (looked.content, looked.headers["Content-Length"]) == (b"", str(len(TEXT)))
    assert looked.headers["X-Goog-Generation"] == stored.headers["X-Goog-Generation"]
    assert storage.read("a/b c") == TEXT, "both APIs have the same objects"
    assert get(storage, "a/b%20c", "DELETE").status_code == 204
    assert code(get(storage, "a/b%20c")) == code(get(storage, "a/b%20c", "DELETE")) == (404, "NoSuchKey")


def test_parts_and_generations(storage: Storage) -> None:
    storage.call("PATCH", "/storage/v1/b/bucket-a", json={"versioning": {"enabled": True}})
    first = put(storage, "x").headers["X-Goog-Generation"]
    put(storage, "x", b"later")
    part = get(storage, "x", Range="bytes=1-2")
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"at", "bytes 1-2/5")
    past = get(storage, "x", Range="bytes=9-")
    assert code(past) == (416, "InvalidRange")
    assert past.headers["Content-Range"] == "bytes */5"
    assert get(storage, f"x?generation={first}").content == TEXT


def test_preconditions_and_hashes(storage: Storage) -> None:
    assert put(storage, "x", X_Goog_If_Generation_Match="0").status_code == 200
    assert code(put(storage, "x", X_Goog_If_Generation_Match="0")) == (412, "PreconditionFailed")
    assert code(put(storage, "x", X_Goog_If_Generation_Match="many")) == (400, "InvalidArgument")
    assert get(storage, "x", If_None_Match=TAG).status_code == 304
    assert get(storage, "x", If_None_Match='"other"').content == get(storage, "x", If_Match=TAG).content == TEXT
    assert code(get(storage, "x", If_Match='"other"')) == (412, "PreconditionFailed")
    assert code(put(storage, "x", Content_MD5="AAAAAAAAAAAAAAAAAAAAAA==")) == (400, "BadDigest")


def test_a_bucket_is_listed_in_both_versions(storage: Storage) -> None:
    for name in ("a", "dir/b", "dir/c", "e%26%3C"):
        put(storage, name)
    everything = listed(storage, "")
    assert (everything["keys"], everything["IsTruncated"]) == (["a", "dir/b", "dir/c", "e&<"], "false")
    first = listed(storage, "/?delimiter=/&max-keys=2")
    assert (first["keys"], first["prefixes"], first["NextMarker"]) == (["a"], ["dir/"], "dir/")
    assert listed(storage, "/?delimiter=/&max-keys=2&marker=dir/")["keys"] == ["e&<"]
    first = listed(storage, "/?list-type=2&max-keys=3")
    assert (first["KeyCount"], first["IsTruncated"]) == ("3", "true")
    assert listed(storage, f"/?list-type=2&continuation-token={first['NextContinuationToken']}")["keys"] == ["e&<"]
    assert listed(storage, "/?list-type=2&start-after=dir/b&prefix=dir/")["keys"] == ["dir/c"]
    assert listed(storage, "/?encoding-type=url&prefix=e%26")["keys"] == ["e%26%3C"]
    assert listed(storage, "/?max-keys=0")["IsTruncated"] == "false"


def test_where_a_bucket_is(storage: Storage) -> None:
    assert parsed(storage.call("GET", "/bucket-a?location")).text == "US"
    assert storage.call("HEAD", "/bucket-a").status_code == 200
    assert storage.call("HEAD", "/bucket-b").status_code == 404
    assert code(storage.call("GET", "/bucket-b")) == code(storage.call("GET", "/bucket-b/x")) == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        *(("GET", "/bucket-a?acl"), ("GET", "/bucket-a/x?acl"), ("PUT", "/bucket-a/x?partNumber=1&uploadId=2")),
        *(("POST", "/bucket-a/x?uploads"), ("PUT", "/bucket-a"), ("DELETE", "/bucket-a")),
    ],
)
def test_what_is_not_emulated_says_so(storage: Storage, verb: str, path: str) -> None:
    put(storage, "x")
    assert code(storage.call(verb, path)) == (501, "NotImplemented")
    assert storage.read("x") == TEXT


def test_copies_and_signed_chunks_are_not_taken_for_content(storage: Storage) -> None:
    for header, value in (
        ("x_goog_copy_source", "/a/b"),
        ("x_amz_content_sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    ):
        assert code(put(storage, "x", **{header: value})) == (501, "NotImplemented")
    assert storage.names() == []


def test_faults_and_other_paths(storage: Storage, local_cloud: CloudThread) -> None:
    put(storage, "x")
    local_cloud.faults.add(Fault(method="storage/DownloadObject", http_status=503, message="busy", times=1))
    assert code(get(storage, "x")) == (503, "ServiceUnavailable")
    assert get(storage, "x").content == TEXT
    for path in ("/_localcloud/none", "/v1beta9/x", "/console/none"):
        assert storage.call("GET", path).json()["error"]["status"] == "NOT_FOUND"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(max_size=5),
    query=st.dictionaries(st.sampled_from(["list-type", "marker", "max-keys", "prefix", "q"]), st.text(max_size=3)),
)
def test_any_name_and_query(storage: Storage, name: str, query: dict[str, str]) -> None:
    for verb in ("PUT", "GET", "HEAD", "DELETE"):
        answer = storage.session.request(verb, f"{storage.url}/bucket-a/{quote(name, safe='')}", params=query)
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
