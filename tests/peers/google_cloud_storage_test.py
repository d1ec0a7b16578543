"""google-cloud-storage, unchanged but for its endpoint."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.localcloud.registry.shared import local_cloud, module_cloud

from msp.localcloud.faults import Fault
from msp.localcloud.pytest_plugin import CloudThread

__all__ = ["local_cloud", "module_cloud"]

LARGE = os.urandom(9 * 1024 * 1024 + 5)


@pytest.fixture
def client(local_cloud: CloudThread) -> Iterator[storage.Client]:
    options = {"api_endpoint": local_cloud.http_url}
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    client = storage.Client(project="my-project", credentials=credentials, client_options=options)
    yield client
    client.close()


@pytest.fixture
def bucket(client: storage.Client) -> Any:
    return client.create_bucket("my-bucket", location="us-central1")


def test_buckets(client: storage.Client, bucket: Any) -> None:
    assert (bucket.location, bucket.location_type) == ("US-CENTRAL1", "region")
    assert [found.name for found in client.list_buckets()] == ["my-bucket"]
    assert client.lookup_bucket("other") is None
    bucket.labels = {"team": "x"}
    bucket.patch()
    assert client.get_bucket("my-bucket").labels == {"team": "x"}
    with pytest.raises(exceptions.Conflict):
        client.create_bucket("my-bucket")
    bucket.blob("o").upload_from_string("x")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.delete(force=True)
    assert list(client.list_buckets()) == []


@pytest.mark.parametrize("content", [b"", b"hello", LARGE], ids=["empty", "multipart", "resumable"])
def test_upload_and_download(bucket: Any, content: bytes) -> None:
    blob = bucket.blob("dir/a b.bin")
    blob.metadata = {"commit": "abc"}
    blob.upload_from_string(content, content_type="application/x-test")
    found = bucket.get_blob("dir/a b.bin")
    assert (found.size, found.content_type, found.metadata) == (len(content), "application/x-test", {"commit": "abc"})
    assert found.download_as_bytes() == content
    assert found.download_as_bytes(start=2, end=3) == content[2:4] if content else True


def test_chunks(bucket: Any) -> None:
    blob = bucket.blob("chunked", chunk_size=1024 * 1024)
    blob.upload_from_file(io.BytesIO(LARGE))
    assert blob.download_as_bytes() == LARGE
    with bucket.blob("written").open("wb", chunk_size=256 * 1024) as file:
        file.write(LARGE[:1_000_000])
    with bucket.blob("written").open("rb", chunk_size=256 * 1024) as file:
        assert file.read() == LARGE[:1_000_000]


def test_it_recovers_from_faults(bucket: Any, local_cloud: CloudThread) -> None:
    local_cloud.faults.add(Fault(method="storage/StartUpload", http_status=503, times=1))
    local_cloud.faults.add(Fault(method="storage/UploadChunk", http_status=503, nth=2))
    local_cloud.faults.add(Fault(method="storage/UploadChunk", truncate_body=500_000, nth=4))
    blob = bucket.blob("o", chunk_size=1024 * 1024)
    blob.upload_from_file(io.BytesIO(LARGE), if_generation_match=0)
    assert blob.download_as_bytes() == LARGE
    local_cloud.faults.add(Fault(method="storage/DownloadObject", drop_connection=True, times=1))
    assert blob.download_as_bytes() == LARGE


def test_preconditions_and_errors(bucket: Any) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string("1", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("o").upload_from_string("2", if_generation_match=0)
    blob.upload_from_string("2", if_generation_match=blob.generation)
    assert blob.download_as_text() == "2"
    with pytest.raises(exceptions.NotFound, match="No such object"):
        bucket.blob("other").download_as_bytes()
    blob.delete()
    with pytest.raises(exceptions.NotFound):
        blob.delete()


def test_copies_lists_and_composition(client: storage.Client, bucket: Any) -> None:
    for name in ("a", "dir/b", "dir/c"):
        bucket.blob(name).upload_from_string(name)
    bucket.copy_blob(bucket.blob("a"), bucket, "copied")
    token, rewritten, total = bucket.blob("rewritten").rewrite(bucket.blob("a"))
    assert (token, rewritten, total) == (None, 1, 1)
    bucket.blob("all").compose([bucket.blob("a"), bucket.blob("dir/b")])
    assert bucket.blob("all").download_as_bytes() == b"adir/b"
    listed = client.list_blobs(bucket, delimiter="/", page_size=2)
    assert [blob.name for blob in listed] == ["a", "all", "copied", "rewritten"]
    assert listed.prefixes == {"dir/"}
    bucket.rename_blob(bucket.blob("copied"), "renamed")
    assert bucket.blob("copied").exists() is False


def test_policy(bucket: Any) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:dev@example.com"}})
    assert bucket.set_iam_policy(policy).bindings == policy.bindings
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(policy)
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]


def test_batch(client: Any, bucket: Any) -> None:
    for name in ("a", "b"):
        bucket.blob(name).upload_from_string(name)
    with client.batch():
        bucket.blob("a").delete()
        changed = bucket.blob("b")
        changed.metadata = {"k": "v"}
        changed.patch()
    assert [(blob.name, blob.metadata) for blob in client.list_blobs(bucket)] == [("b", {"k": "v"})]
