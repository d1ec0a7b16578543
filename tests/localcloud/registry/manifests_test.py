"""Manifests, tags and referrers, over HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.localcloud.registry.client import OCI_INDEX, OCI_MANIFEST, Registry, code, digest, image, index

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread
from msp.localcloud.registry import Choices


def test_by_tag_and_by_digest(registry: Registry) -> None:
    pushed = registry.push_image("v1")
    for reference in ("v1", pushed):
        answer = registry.call("GET", f"manifests/{reference}")
        assert (answer.content, answer.headers["Content-Type"]) == (image(), OCI_MANIFEST)
        assert answer.headers["Docker-Content-Digest"] == pushed
        head = registry.call("HEAD", f"manifests/{reference}")
        assert (head.content, head.headers["Content-Length"]) == (b"", str(len(image())))
    assert registry.call("GET", "manifests/v1", headers={"If-None-Match": f'"{pushed}"'}).status_code == 304


def test_bytes_are_kept_as_they_came(registry: Registry) -> None:
    registry.push_image("v1")
    odd = b"\n  " + image().replace(b": ", b" :\t") + b"\n\n"
    assert registry.put_manifest("odd", odd).status_code == 201
    assert registry.call("GET", "manifests/odd").content == odd


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_pushed_by_digest(registry: Registry, algorithm: str) -> None:
    registry.push_image("v1")
    reference = digest(image(), algorithm)
    answer = registry.put_manifest(reference, image())
    assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (201, reference)
    assert registry.call("GET", f"manifests/{reference}").content == image()


def test_another_digest_is_refused(registry: Registry) -> None:
    registry.push_image("v1")
    assert code(registry.put_manifest(digest(b"other"), image())) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    "manifest_type",
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"],
)
def test_the_content_type_counts_when_the_manifest_has_none(registry: Registry, manifest_type: str) -> None:
    registry.push_image("v1")
    manifest = {key: value for key, value in json.loads(image()).items() if key != "mediaType"}
    assert registry.put_manifest("v2", json.dumps(manifest).encode(), manifest_type).status_code == 201
    assert registry.call("GET", "manifests/v2").headers["Content-Type"] == manifest_type


def test_index(registry: Registry) -> None:
    layers = ((b"amd64",), (b"arm64",))
    children = [image(layers=layer) for layer in layers]
    for layer, child in zip(layers, children, strict=True):
        registry.push_image(digest(child)[7:19], layers=layer)
    answer = registry.put_manifest("multi", index(*children))
    assert answer.status_code == 201
    assert registry.call("GET", "manifests/multi").headers["Content-Type"] == OCI_INDEX
    missing = index(image(layers=(b"s390x",)))
    assert code(registry.put_manifest("multi2", missing)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_what_it_refers_to_must_be_there(registry: Registry) -> None:
    registry.push_blob(b"{}")
    answer = registry.put_manifest("v1", image())
    assert code(answer) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == {"digests": [digest(b"layer")]}
    assert registry.call("GET", "tags/list").status_code == 404


def test_a_foreign_layer_may_be_elsewhere(registry: Registry) -> None:
    registry.push_blob(b"{}")
    manifest = json.loads(image())
    manifest["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    assert registry.put_manifest("v1", json.dumps(manifest).encode()).status_code == 201


def test_a_size_that_lies_is_refused(registry: Registry) -> None:
    registry.push_image("v1")
    manifest = json.loads(image())
    manifest["layers"][0]["size"] += 1
    assert code(registry.put_manifest("v2", json.dumps(manifest).encode())) == (400, "MANIFEST_INVALID")


def test_too_large(registry: Registry) -> None:
    assert code(registry.put_manifest("v1", b" " * (4 * 1024 * 1024 + 1))) == (413, "MANIFEST_INVALID")


@pytest.mark.parametrize("tag", [".hidden", "a" * 129, "-x", "a b"])
def test_what_is_no_tag(registry: Registry, tag: str) -> None:
    assert code(registry.put_manifest(tag, image())) == (400, "TAG_INVALID")
    assert code(registry.call("GET", f"manifests/{tag}")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("name", ["UPPER", "a//b", "a/-b", "a" * 256, "a..b"])
def test_what_is_no_name(registry: Registry, name: str) -> None:
    assert code(registry.call("GET", f"/v2/{name}/tags/list")) == (400, "NAME_INVALID")


def test_tags_page_by_page_in_lexical_order(registry: Registry) -> None:
    registry.push_image("first")
    tags = ["Beta", "alpha", "beta", "v1", "v1-a", "v1.0", "v1.10", "v1.9", "_x"]
    for tag in tags:
        registry.put_manifest(tag, image())
    expected = sorted([*tags, "first"], key=lambda tag: (tag.lower(), tag))
    assert registry.call("GET", "tags/list").json() == {"name": registry.repository, "tags": expected}
    seen: list[str] = []
    path = "tags/list?n=3"
    while path:
        answer = registry.call("GET", path)
        seen += answer.json()["tags"]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == expected
    last = registry.call("GET", "tags/list", params={"last": "gone", "n": 100})
    assert (last.json()["tags"], last.links) == (["v1", "v1-a", "v1.0", "v1.10", "v1.9"], {})
    none = registry.call("GET", "tags/list?n=0")
    assert (none.json()["tags"], none.links) == ([], {})
    assert registry.call("GET", "tags/list?n=x").status_code == 400
    assert code(Registry(registry.url, "no/where", registry.session).call("GET", "tags/list")) == (404, "NAME_UNKNOWN")


def test_catalog(registry: Registry) -> None:
    names = ["us.gcr.io/p/app", "us-docker.pkg.dev/p/r/app", "zebra"]
    for name in names:
        Registry(registry.url, name, registry.session).push_image("v1")
    assert registry.call("GET", "/v2/_catalog").json() == {"repositories": sorted(names)}
    page = registry.call("GET", "/v2/_catalog?n=2")
    assert registry.call("GET", page.links["next"]["url"]).json() == {"repositories": ["zebra"]}


def test_a_manifest_goes_with_its_tags(registry: Registry) -> None:
    pushed = registry.push_image("v1")
    registry.put_manifest("v2", image())
    assert registry.call("DELETE", "manifests/v1").status_code == 202
    assert code(registry.call("DELETE", "manifests/v1")) == (404, "MANIFEST_UNKNOWN")
    assert registry.call("GET", f"manifests/{pushed}").status_code == 200
    assert registry.call("DELETE", f"manifests/{pushed}").status_code == 202
    for reference in (pushed, "v2"):
        assert code(registry.call("GET", f"manifests/{reference}")) == (404, "MANIFEST_UNKNOWN")
    assert code(registry.call("DELETE", f"manifests/{pushed}")) == (404, "MANIFEST_UNKNOWN")
    assert registry.call("GET", "tags/list").json()["tags"] == []


def test_a_child_may_go_before_its_index(registry: Registry) -> None:
    child = registry.push_image("v1")
    registry.put_manifest("multi", index(image()))
    assert registry.call("DELETE", f"manifests/{child}").status_code == 202
    assert registry.call("GET", "manifests/multi").content == index(image())


def test_strict_deletes_keep_what_something_points_at() -> None:
    with CloudThread(LocalCloud(registry_choices=Choices(strict_deletes=True))) as cloud:
        registry = Registry(cloud.http_url)
        child = registry.push_image("v1")
        assert code(registry.call("DELETE", f"manifests/{child}")) == (409, "GOOGLE_MANIFEST_DANGLING_TAG")
        registry.call("DELETE", "manifests/v1")
        parent = registry.put_manifest(digest(index(image())), index(image())).headers["Docker-Content-Digest"]
        assert code(registry.call("DELETE", f"manifests/{child}")) == (409, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")
        assert registry.call("DELETE", f"manifests/{parent}").status_code == 202
        assert registry.call("DELETE", f"manifests/{child}").status_code == 202
        registry.session.close()


def test_sparse_manifests_when_chosen() -> None:
    with CloudThread(LocalCloud(registry_choices=Choices(sparse_manifests=True))) as cloud:
        registry = Registry(cloud.http_url)
        assert registry.put_manifest("image", image()).status_code == 201
        assert registry.put_manifest("index", index(image(layers=(b"elsewhere",)))).status_code == 201
        registry.session.close()


def test_tags_in_the_query_of_a_push_by_digest(registry: Registry) -> None:
    registry.push_image("v1")
    pushed = digest(image())
    tags = ["1.2.3", "1.2", "latest"]
    path = f"manifests/{pushed}?" + "&".join(f"tag={tag}" for tag in tags)
    answer = registry.call("PUT", path, data=image(), headers={"Content-Type": OCI_MANIFEST})
    assert (answer.status_code, answer.headers["OCI-Tag"]) == (201, "1.2.3, 1.2, latest")
    assert registry.call("GET", "tags/list").json()["tags"] == ["1.2", "1.2.3", "latest", "v1"]
    assert registry.call("HEAD", "manifests/latest").headers["Docker-Content-Digest"] == pushed
    wrong = registry.call("PUT", f"manifests/{pushed}?tag=fine&tag=a:b", data=image())
    assert code(wrong) == (400, "TAG_INVALID")
    assert registry.call("HEAD", "manifests/fine").status_code == 404
    many = registry.call("PUT", f"manifests/{pushed}?" + "&".join(f"tag=t{n}" for n in range(101)), data=image())
    assert many.status_code == 414


def test_referrers(registry: Registry) -> None:
    subject = registry.push_image("v1")
    about: Any = {"subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": len(image())}}
    sbom = image(artifactType="application/spdx+json", annotations={"of": "v1"}, **about)
    signature = image(artifactType="application/vnd.signature", **about)
    for manifest in (sbom, signature, image(**about)):
        answer = registry.put_manifest(digest(manifest), manifest)
        assert (answer.status_code, answer.headers["OCI-Subject"]) == (201, subject)
    answer = registry.call("GET", f"referrers/{subject}")
    assert answer.headers["Content-Type"] == OCI_INDEX
    types = {entry["digest"]: entry["artifactType"] for entry in answer.json()["manifests"]}
    assert types == {
        digest(sbom): "application/spdx+json",
        digest(signature): "application/vnd.signature",
        digest(image(**about)): "application/vnd.oci.image.config.v1+json",
    }
    filtered = registry.call("GET", f"referrers/{subject}", params={"artifactType": "application/spdx+json"})
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert filtered.json()["manifests"] == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digest(sbom),
            "size": len(sbom),
            "artifactType": "application/spdx+json",
            "annotations": {"of": "v1"},
        }
    ]
    assert registry.call("GET", f"referrers/{digest(b'nobody')}").json()["manifests"] == []
    assert code(registry.call("GET", "referrers/latest")) == (400, "DIGEST_INVALID")


def test_immutable_tags() -> None:
    with CloudThread(LocalCloud(immutable_tags=True)) as cloud, Registry(cloud.http_url) as registry:
        registry.push_image("v1")
        assert registry.put_manifest("v1", image()).status_code == 201
        registry.push_blob(b"changed")
        refused = registry.put_manifest("v1", image(layers=(b"changed",)))
        assert code(refused) == (400, "DENIED")
        assert "immutability" in refused.json()["errors"][0]["message"]
        assert code(registry.call("DELETE", "manifests/v1")) == (400, "DENIED")
        assert registry.put_manifest("v2", image(layers=(b"changed",))).status_code == 201


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-3", b"0123"),
        ("bytes=6-", b"6789"),
        ("bytes=-2", b"89"),
        ("bytes=-99", b"0123456789"),
        ("bytes=5-99", b"56789"),
    ],
)
def test_part_of_a_blob(registry: Registry, header: str, expected: bytes) -> None:
    held = registry.push_blob(b"0123456789")
    answer = registry.call("GET", f"blobs/{held}", headers={"Range": header})
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["Content-Range"].endswith("/10")


@pytest.mark.parametrize("header", ["bytes=3-1", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=x-"])
def test_a_range_that_is_not_understood_gives_the_whole_blob(registry: Registry, header: str) -> None:
    held = registry.push_blob(b"0123456789")
    answer = registry.call("GET", f"blobs/{held}", headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, b"0123456789")


def test_a_range_past_the_end(registry: Registry) -> None:
    held = registry.push_blob(b"0123456789")
    answer = registry.call("GET", f"blobs/{held}", headers={"Range": "bytes=10-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")


def test_no_such_endpoint(registry: Registry) -> None:
    assert code(registry.call("GET", "/v2/us.gcr.io/p/app")) == (404, "UNSUPPORTED")
    answer = registry.call("PATCH", "manifests/v1")
    assert code(answer) == (405, "UNSUPPORTED")
    assert "PUT" in answer.headers["Allow"]


def test_deploys_can_ask_for_an_image(local_cloud: CloudThread, registry: Registry) -> None:
    pushed = registry.push_image("v1")

    async def ask(reference: str, digest_or_tag: str) -> str | None:
        return local_cloud.cloud.registry.has_image(reference, digest_or_tag)

    assert local_cloud.run(ask("us.gcr.io/p/app", "v1")) == pushed
    assert local_cloud.run(ask("us.gcr.io/p/app", pushed)) == pushed
    assert local_cloud.run(ask("us.gcr.io/p/app", "v2")) is None
    assert local_cloud.run(ask("us.gcr.io/p/other", pushed)) is None
    assert local_cloud.run(ask("not a name", "v1"), timedelta(seconds=9).total_seconds()) is None
