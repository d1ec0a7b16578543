"""Objects, buckets and policies, over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from tests.localcloud.storage.client import Storage, hashes, reason

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread


def test_a_buckets_life(storage: Storage) -> None:
    resource = {"name": "bucket-b", "location": "us-central1", "labels": {"a": "b"}}
    made = storage.call("POST", "/storage/v1/b", params={"project": "p"}, json=resource).json()
    assert (made["name"], made["location"], made["locationType"], made["metageneration"]) == (
        "bucket-b",
        "US-CENTRAL1",
        "region",
        "1",
    )
    assert storage.call("GET", "/storage/v1/b/bucket-b").json() == made
    changes: dict[str, Any] = {"labels": {"a": None, "c": "d"}, "versioning": {"enabled": True}}
    patched = storage.call("PATCH", "/storage/v1/b/bucket-b", json=changes).json()
    assert (patched["labels"], patched["versioning"], patched["metageneration"]) == ({"c": "d"}, {"enabled": True}, "2")
    updated = storage.call("PUT", "/storage/v1/b/bucket-b", json={}).json()
    assert "labels" not in updated
    assert updated["location"] == "US-CENTRAL1"
    stale = storage.call("PATCH", "/storage/v1/b/bucket-b", params={"ifMetagenerationMatch": 1}, json={})
    assert reason(stale) == (412, "conditionNotMet")
    assert storage.call("DELETE", "/storage/v1/b/bucket-b").status_code == 204
    assert reason(storage.call("GET", "/storage/v1/b/bucket-b")) == (404, "notFound")


@pytest.mark.parametrize(
    ("query", "resource", "expected"),
    [
        ({"project": "p"}, {"name": "bucket-a"}, (409, "conflict")),
        ({"project": "q"}, {"name": "bucket-a"}, (409, "conflict")),
        ({}, {"name": "bucket-b"}, (400, "required")),
        ({"project": "p"}, {}, (400, "invalid")),
        ({"project": "p"}, {"name": "Upper"}, (400, "invalid")),
        ({"project": "p"}, {"name": "127.0.0.1"}, (400, "invalid")),
        ({"project": "p"}, {"name": "bucket-b", "labels": ["a"]}, (400, "invalid")),
    ],
)
def test_a_bucket_that_is_refused(
    storage: Storage, query: dict[str, str], resource: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert reason(storage.call("POST", "/storage/v1/b", params=query, json=resource)) == expected


def test_buckets_are_listed_by_project_page_by_page(storage: Storage) -> None:
    for number in range(5):
        query = {"project": "p" if number != 3 else "q"}
        storage.call("POST", "/storage/v1/b", params=query, json={"name": f"bucket-x{number}"})
    query = {"project": "p", "prefix": "bucket-x", "maxResults": "2"}
    page = storage.call("GET", "/storage/v1/b", params=query).json()
    assert [item["name"] for item in page["items"]] == ["bucket-x0", "bucket-x1"]
    page = storage.call("GET", "/storage/v1/b", params={**query, "pageToken": page["nextPageToken"]}).json()
    assert [item["name"] for item in page["items"]] == ["bucket-x2", "bucket-x4"]
    assert "nextPageToken" not in page
    assert storage.call("GET", "/storage/v1/b", params={"project": "none"}).json() == {"kind": "storage#buckets"}


def test_policy(storage: Storage) -> None:
    path = "/storage/v1/b/bucket-a/iam"
    policy = storage.call("GET", path).json()
    assert policy["bindings"][0]["members"] == ["projectEditor:p", "projectOwner:p"]
    policy["bindings"].append({"role": "roles/storage.objectViewer", "members": ["user:a@example.com"]})
    changed = storage.call("PUT", path, json=policy).json()
    assert changed["bindings"] == policy["bindings"]
    assert changed["etag"] != policy["etag"]
    assert reason(storage.call("PUT", path, json=policy)) == (412, "conditionNotMet")
    conditional = {"bindings": [{"role": "r", "members": ["user:a@b"], "condition": {"expression": "true"}}]}
    assert reason(storage.call("PUT", path, json=conditional)) == (400, "invalid")
    assert storage.call("PUT", path, json={**conditional, "version": 3}).status_code == 200
    assert reason(storage.call("PUT", path, json={"bindings": [{"role": "r", "members": ["nobody"]}]}))[0] == 400
    permissions = {"permissions": ["storage.objects.get", "storage.objects.create"]}
    tested = storage.call("GET", f"{path}/testPermissions", params=permissions).json()
    assert tested["permissions"] == permissions["permissions"]


def test_generations_only_grow(storage: Storage) -> None:
    generations = [int(storage.upload("o", str(number)).json()["generation"]) for number in range(5)]
    assert generations == sorted(set(generations))
    assert storage.read("o") == b"4"
    old = storage.object("GET", "o", params={"generation": generations[0]})
    assert reason(old) == (404, "notFound")


@pytest.mark.parametrize(
    ("query", "absent", "present"),
    [
        ({"ifGenerationMatch": "0"}, 200, 412),
        ({"ifGenerationMatch": "{generation}"}, 412, 200),
        ({"ifGenerationMatch": "1"}, 412, 412),
        ({"ifGenerationNotMatch": "0"}, 412, 200),
        ({"ifGenerationNotMatch": "{generation}"}, 200, 412),
        ({"ifMetagenerationMatch": "1"}, 412, 200),
        ({"ifMetagenerationMatch": "2"}, 412, 412),
        ({"ifMetagenerationNotMatch": "1"}, 200, 412),
        ({"ifGenerationMatch": "x"}, 400, 400),
    ],
)
def test_preconditions_of_a_write(storage: Storage, query: dict[str, str], absent: int, present: int) -> None:
    generation = storage.upload("there", b"1").json()["generation"]
    query = {name: value.format(generation=generation) for name, value in query.items()}
    assert storage.upload("absent", b"2", **query).status_code == absent
    assert storage.upload("there", b"2", **query).status_code == present
    assert storage.read("there") == (b"2" if present == 200 else b"1")


def test_preconditions_of_a_read(storage: Storage) -> None:
    generation = storage.upload("o", b"1").json()["generation"]
    for alt in ("json", "media"):
        same = storage.object("GET", "o", params={"ifGenerationNotMatch": generation, "alt": alt})
        assert (same.status_code, same.content) == (304, b"")
        other = storage.object("GET", "o", params={"ifGenerationMatch": "1", "alt": alt})
        assert reason(other) == (412, "conditionNotMet")


def test_metadata(storage: Storage) -> None:
    made = storage.upload("o", b"1").json()
    changes: dict[str, Any] = {"metadata": {"a": "b", "c": "d"}, "contentType": "text/plain", "size": "99"}
    patched = storage.object("PATCH", "o", json=changes).json()
    assert (patched["metadata"], patched["contentType"], patched["size"]) == ({"a": "b", "c": "d"}, "text/plain", "1")
    assert (patched["generation"], patched["metageneration"]) == (made["generation"], "2")
    assert patched["etag"] != made["etag"]
    patched = storage.object("PATCH", "o", json={"metadata": {"a": None}}).json()
    assert patched["metadata"] == {"c": "d"}
    media = storage.object("GET", "o", params={"alt": "media"})
    assert (media.headers["Content-Type"], media.headers["X-Goog-Meta-c"]) == ("text/plain", "d")
    updated = storage.object("PUT", "o", json={"contentType": "text/html"}).json()
    assert (updated.get("metadata"), updated["contentType"]) == (None, "text/html")
    for wrong in ({"metadata": {"a": 1}}, {"contentType": "a\r\nX: y"}, {"temporaryHold": "yes"}):
        assert reason(storage.object("PATCH", "o", json=wrong)) == (400, "invalid")


def test_a_held_object_stays(storage: Storage) -> None:
    storage.upload("o", b"1")
    storage.object("PATCH", "o", json={"temporaryHold": True})
    assert reason(storage.object("DELETE", "o")) == (403, "forbidden")
    assert reason(storage.upload("o", b"2")) == (403, "forbidden")
    storage.object("PATCH", "o", json={"temporaryHold": False})
    assert storage.object("DELETE", "o").status_code == 204


def test_media(storage: Storage) -> None:
    content = b"0123456789"
    generation = storage.upload("a/b c", content).json()["generation"]
    md5, crc32c = hashes(content)
    for path in ("/storage/v1", "/download/storage/v1"):
        answer = storage.call("GET", f"{path}/b/bucket-a/o/a%2Fb%20c", params={"alt": "media"})
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["X-Goog-Hash"] == f"crc32c={crc32c},md5={md5}"
        assert answer.headers["X-Goog-Generation"] == generation
    part = storage.object("GET", "a/b c", params={"alt": "media"}, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    past = storage.object("GET", "a/b c", params={"alt": "media"}, headers={"Range": "bytes=10-"})
    assert reason(past) == (416, "requestedRangeNotSatisfiable")


def test_copy_and_rewrite(storage: Storage) -> None:
    content = b"x" * (3 * 1024 * 1024 + 1)
    made = storage.upload("source", content).json()
    storage.object("PATCH", "source", json={"metadata": {"k": "v"}, "contentType": "text/plain"})
    path = "/storage/v1/b/bucket-a/o/source"
    copied = storage.call("POST", f"{path}/copyTo/b/bucket-a/o/copy")
    assert (copied.json()["metadata"], copied.json()["contentType"]) == ({"k": "v"}, "text/plain")
    rewrite = f"{path}/rewriteTo/b/bucket-a/o/rewritten"
    query = {"maxBytesRewrittenPerCall": str(2 * 1024 * 1024)}
    first = storage.call("POST", rewrite, params=query).json()
    assert (first["done"], first["totalBytesRewritten"]) == (False, str(2 * 1024 * 1024))
    other = storage.call("POST", rewrite + "2", params={"rewriteToken": first["rewriteToken"], **query})
    assert reason(other) == (400, "invalid")
    second = storage.call("POST", rewrite, params={"rewriteToken": first["rewriteToken"], **query}).json()
    assert (second["done"], second["resource"]["size"]) == (True, str(len(content)))
    stale = storage.call("POST", rewrite, params={"ifSourceGenerationMatch": "1"})
    assert reason(stale) == (412, "conditionNotMet")
    exists = storage.call("POST", rewrite, params={"ifGenerationMatch": "0"})
    assert reason(exists) == (412, "conditionNotMet")
    assert storage.object("DELETE", "source", params={"ifGenerationMatch": made["generation"]}).status_code == 204
    assert storage.read("copy") == storage.read("rewritten") == content


def test_compose(storage: Storage) -> None:
    for name in "abc":
        storage.upload(name, name * 3)
    path = "/storage/v1/b/bucket-a/o/all/compose"
    sources = [{"name": name} for name in "abca"]
    made = storage.call("POST", path, json={"sourceObjects": sources, "destination": {"contentType": "text/plain"}})
    assert storage.read("all") == b"aaabbbcccaaa"
    resource = made.json()
    assert (resource["componentCount"], resource["contentType"], "md5Hash" in resource) == (4, "text/plain", False)
    assert resource["crc32c"] == hashes(b"aaabbbcccaaa")[1]
    assert reason(storage.call("POST", path, json={"sourceObjects": []})) == (400, "required")
    assert reason(storage.call("POST", path, json={"sourceObjects": [{"name": "a"}] * 33})) == (400, "invalid")
    assert reason(storage.call("POST", path, json={"sourceObjects": [{"name": "gone"}]})) == (404, "notFound")
    stale = [{"name": "a", "objectPreconditions": {"ifGenerationMatch": "1"}}]
    assert reason(storage.call("POST", path, json={"sourceObjects": stale})) == (412, "conditionNotMet")


def test_lists(storage: Storage) -> None:
    names = ["a", "b/1", "b/2", "b/c/3", "d/", "d/4", "é"]
    for name in reversed(names):
        storage.upload(name, b"")
    assert storage.names() == names
    assert storage.names(prefix="b/") == ["b/1", "b/2", "b/c/3"]
    assert storage.names(startOffset="b/2", endOffset="d/4") == ["b/2", "b/c/3", "d/"]
    assert storage.names(delimiter="/", includeTrailingDelimiter="true") == ["a", "d/", "é"]
    for size in (1, 2, 3, 10):
        items, prefixes = [], []
        query = {"delimiter": "/", "maxResults": str(size)}
        while True:
            page = storage.call("GET", "/storage/v1/b/bucket-a/o", params=query).json()
            items += [item["name"] for item in page.get("items", [])]
            prefixes += page.get("prefixes", [])
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
        assert (items, prefixes) == (["a", "é"], ["b/", "d/"])
    page = storage.call("GET", "/storage/v1/b/bucket-a/o", params={"prefix": "b/", "delimiter": "/"}).json()
    assert (len(page["items"]), page["prefixes"]) == (2, ["b/c/"])
    assert reason(storage.call("GET", "/storage/v1/b/nowhere/o")) == (404, "notFound")
    bad = storage.call("GET", "/storage/v1/b/bucket-a/o", params={"pageToken": "!"})
    assert reason(bad) == (400, "invalid")


def test_a_versioned_bucket_keeps_what_is_overwritten(storage: Storage) -> None:
    storage.call("PATCH", "/storage/v1/b/bucket-a", json={"versioning": {"enabled": True}})
    generations = [storage.upload("o", str(number)).json()["generation"] for number in range(3)]
    storage.object("DELETE", "o")
    assert storage.names() == []
    page = storage.call("GET", "/storage/v1/b/bucket-a/o", params={"versions": "true"}).json()
    assert [item["generation"] for item in page["items"]] == generations
    assert all("timeDeleted" in item for item in page["items"])
    old = storage.object("GET", "o", params={"generation": generations[0], "alt": "media"})
    assert old.content == b"0"
    assert reason(storage.call("DELETE", "/storage/v1/b/bucket-a")) == (409, "conflict")
    for generation in generations:
        assert storage.object("DELETE", "o", params={"generation": generation}).status_code == 204
    assert storage.call("DELETE", "/storage/v1/b/bucket-a").status_code == 204


@pytest.mark.parametrize("name", [".", "..", "a\nb", "a\rb", "x" * 1025])
def test_a_name_that_is_refused(storage: Storage, name: str) -> None:
    assert reason(storage.upload(name, b"")) == (400, "invalid")


def test_what_is_not_emulated_says_so(storage: Storage) -> None:
    assert reason(storage.call("GET", "/storage/v1/b/bucket-a/folders")) == (501, "notImplemented")
    assert reason(storage.call("POST", "/storage/v1/b/bucket-a")) == (405, "methodNotAllowed")


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'"x"', b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}'])
def test_a_body_that_is_no_object(storage: Storage, body: bytes) -> None:
    assert reason(storage.call("PATCH", "/storage/v1/b/bucket-a", data=body)) == (400, "invalid")


def test_deploys_can_read_an_object(storage: Storage, local_cloud: CloudThread) -> None:
    storage.upload("archive.tar.gz", b"content")

    async def read(bucket: str, name: str) -> bytes | None:
        return local_cloud.cloud.storage.read(bucket, name)

    assert local_cloud.run(read("bucket-a", "archive.tar.gz")) == b"content"
    assert local_cloud.run(read("bucket-a", "other")) is None
    assert local_cloud.run(read("bucket-b", "archive.tar.gz")) is None


def test_contents_go_with_their_objects(tmp_path: Path) -> None:
    with CloudThread(LocalCloud(state_dir=tmp_path)) as cloud, Storage(cloud.http_url) as storage:
        storage.call("POST", "/storage/v1/b", params={"project": "p"}, json={"name": "bucket-a"})
        for number in range(3):
            storage.upload("o", str(number))
        storage.call("POST", "/storage/v1/b/bucket-a/o/o/copyTo/b/bucket-a/o/copy")
        storage.object("DELETE", "o")
        assert [path.read_bytes() for path in (tmp_path / "objects").glob("*/*")] == [b"2"]
