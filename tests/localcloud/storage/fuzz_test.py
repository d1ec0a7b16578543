"""Any request is answered: with what was asked for, or with a clear error, never with a crash."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.localcloud.storage.client import Storage

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("name", "labels", "versioning", "location", "metadata", "contentType", "bindings", "etag", "version"),
    *("sourceObjects", "destination", "temporaryHold", "md5Hash", "storageClass", "iamConfiguration"),
)
RESOURCES = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4)
PARAMETERS = (
    *("ifGenerationMatch", "ifMetagenerationNotMatch", "generation", "maxResults", "pageToken", "prefix"),
    *("delimiter", "versions", "rewriteToken", "maxBytesRewrittenPerCall", "uploadType", "upload_id", "alt"),
)
QUERIES = st.dictionaries(st.sampled_from(PARAMETERS), st.text() | st.sampled_from(["0", "1", "media"]), max_size=3)
PATHS = (
    ("POST", "/storage/v1/b?project=p"),
    ("GET", "/storage/v1/b?project=p"),
    ("PATCH", "/storage/v1/b/bucket-a"),
    ("PUT", "/storage/v1/b/bucket-a"),
    ("GET", "/storage/v1/b/bucket-a"),
    ("PUT", "/storage/v1/b/bucket-a/iam"),
    ("GET", "/storage/v1/b/bucket-a/o"),
    ("GET", "/storage/v1/b/bucket-a/o/o"),
    ("PATCH", "/storage/v1/b/bucket-a/o/o"),
    ("PUT", "/storage/v1/b/bucket-a/o/o"),
    ("POST", "/storage/v1/b/bucket-a/o/o/compose"),
    ("POST", "/storage/v1/b/bucket-a/o/o/rewriteTo/b/bucket-a/o/copy"),
    ("POST", "/storage/v1/b/bucket-a/o/o/copyTo/b/bucket-a/o/copy"),
    ("POST", "/upload/storage/v1/b/bucket-a/o?uploadType=resumable"),
    ("POST", "/upload/storage/v1/b/bucket-a/o?uploadType=multipart"),
    ("POST", "/upload/storage/v1/b/bucket-a/o?name=o"),
    ("PUT", "/upload/storage/v1/b/bucket-a/o"),
)


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    with CloudThread(LocalCloud()) as cloud, Storage(cloud.http_url) as storage:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        storage.upload("o", b"content")
        yield storage


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.sampled_from(PATHS), resource=RESOURCES, query=QUERIES, data=st.data())
def test_any_request_has_an_answer(
    storage: Storage, target: tuple[str, str], resource: Any, query: dict[str, str], data: st.DataObject
) -> None:
    verb, path = target
    headers = {"Content-Range": data.draw(st.sampled_from(["bytes 0-1/2", "bytes */*", "x"]))} if verb == "PUT" else {}
    body = data.draw(st.just(json.dumps(resource).encode()) | st.binary(max_size=50))
    answer = storage.call(verb, path, params=query, data=body, headers=headers)
    assert answer.status_code < 500, (target, query, body, answer.text)
    # What was kept can still be shown.
    for path in ("/storage/v1/b/bucket-a", "/storage/v1/b/bucket-a/iam", "/storage/v1/b/bucket-a/o"):
        assert storage.call("GET", path).status_code == 200
    for alt in ("json", "media"):
        assert storage.object("GET", "o", params={"alt": alt}).status_code == 200
