"""MinIO's client and boto3, as they are told to use Google's storage, against the local cloud's XML API."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread

BUCKET, NAME = "my-bucket", "a/ü 1"
CONTENT = b"content" * 100


@pytest.fixture
def url() -> Iterator[str]:
    with CloudThread(LocalCloud()) as cloud:
        made = requests.post(f"{cloud.http_url}/storage/v1/b?project=p", json={"name": BUCKET}, timeout=10)
        made.raise_for_status()
        yield cloud.http_url


def test_minio(url: str) -> None:
    minio: Any = pytest.importorskip("minio")
    client = minio.Minio(endpoint=url.removeprefix("http://"), access_key="a", secret_key="b", secure=False)
    where: Any = {"bucket_name": BUCKET, "object_name": NAME}
    assert client.bucket_exists(bucket_name=BUCKET)
    assert not client.bucket_exists(bucket_name="absent")
    client.put_object(**where, data=io.BytesIO(CONTENT), length=len(CONTENT), content_type="text/plain")
    assert client.get_object(**where).read() == CONTENT
    assert client.stat_object(**where).content_type == "text/plain"
    for version in ({}, {"use_api_v1": True}):
        listed = client.list_objects(bucket_name=BUCKET, recursive=True, **version)
        assert [found.object_name for found in listed] == [NAME]
    client.remove_object(**where)
    with pytest.raises(minio.error.S3Error) as missing:
        client.get_object(**where)
    assert missing.value.code == "NoSuchKey"


def test_boto3(url: str) -> None:
    boto3: Any = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(s3={"addressing_style": "path"})
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="auto",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=config,
    )
    where: Any = {"Bucket": BUCKET, "Key": NAME}
    assert client.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == "US"
    client.put_object(**where, Body=CONTENT, ContentType="text/plain", Metadata={"team": "blue"})
    client.put_object(Bucket=BUCKET, Key="b", Body=CONTENT)
    assert client.get_object(**where)["Body"].read() == CONTENT
    assert client.get_object(**where, Range="bytes=0-3")["Body"].read() == CONTENT[:4]
    looked = client.head_object(**where)
    assert (looked["ContentLength"], looked["Metadata"]) == (len(CONTENT), {"team": "blue"})
    assert [found["Key"] for found in client.list_objects(Bucket=BUCKET)["Contents"]] == [NAME, "b"]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 1})
    assert [found["Key"] for page in pages for found in page["Contents"]] == [NAME, "b"]
    client.delete_object(**where)
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(**where)
