"""The workflows of the distribution specification (pull, push, discovery, management), held against two registries.

Each test states what the specification demands; CNCF's registry, a real process, shows that the test asks for nothing
else. What an older registry may lack is asked of the local cloud only.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from tests.localcloud.registry.client import (
    CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Registry,
    code,
    descriptor,
    digest,
    image,
    index,
)
from tests.peers.docker_registry import docker_registry

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread

LAYER = os.urandom(3000)
ABSENT = digest(b"never pushed")


@pytest.fixture(scope="module")
def local_cloud() -> Iterator[str]:
    with CloudThread(LocalCloud()) as cloud:
        yield cloud.http_url


@pytest.fixture(scope="module")
def cncf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("cncf") / "registry") as url:
        yield url


@pytest.fixture(params=["local_cloud", "cncf"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """A repository of its own for each test, in each of the registries."""
    yield from _repository(request.getfixturevalue(request.param), request)


@pytest.fixture
def newest(local_cloud: str, request: pytest.FixtureRequest) -> Iterator[Registry]:
    """The same, where the registry has all of version 1.1."""
    yield from _repository(local_cloud, request)


def _repository(url: str, request: pytest.FixtureRequest) -> Iterator[Registry]:
    name = "".join(letter for letter in request.node.name.lower() if letter.isalnum())
    with Registry(url, f"workflows/{name[:60]}") as registry:
        yield registry


def errors_have_their_form(answer: Any) -> None:
    for error in answer.json()["errors"]:
        assert error["code"] == error["code"].upper()


# Pull


def test_the_endpoint_is_there(registry: Registry) -> None:
    assert registry.call("GET", "/v2/").status_code == 200


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
def test_what_is_not_there(registry: Registry, verb: str) -> None:
    for path in (f"blobs/{ABSENT}", f"manifests/{ABSENT}", "manifests/absent"):
        answer = registry.call(verb, path)
        assert answer.status_code == 404
        if verb == "GET":
            errors_have_their_form(answer)


def test_a_blob_is_pulled_whole_and_in_part(registry: Registry) -> None:
    path = f"blobs/{registry.push_blob(LAYER)}"
    head = registry.call("HEAD", path)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(LAYER)))
    assert head.headers["Docker-Content-Digest"] == digest(LAYER)
    assert registry.call("GET", path).content == LAYER
    part = registry.call("GET", path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, LAYER[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(LAYER)}"


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
def test_a_manifest_by_tag_and_by_digest(registry: Registry, verb: str) -> None:
    pushed = registry.push_image("v1", layers=(LAYER,))
    manifest = image(layers=(LAYER,))
    for reference in ("v1", pushed):
        answer = registry.call(verb, f"manifests/{reference}", headers={"Accept": OCI_MANIFEST})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, OCI_MANIFEST)
        assert answer.headers["Docker-Content-Digest"] == pushed
        assert answer.headers["Content-Length"] == str(len(manifest))
        assert answer.content == (manifest if verb == "GET" else b"")


# Push


def test_a_blob_in_two_requests(registry: Registry) -> None:
    answer = registry.call("PUT", registry.begin(), params={"digest": digest(LAYER)}, data=LAYER)
    assert answer.status_code == 201
    assert registry.call("GET", answer.headers["Location"]).content == LAYER


def test_a_blob_in_one_request_or_an_upload(registry: Registry) -> None:
    answer = registry.call("POST", "blobs/uploads/", params={"digest": digest(LAYER)}, data=LAYER)
    assert answer.status_code in {201, 202}
    if answer.status_code == 202:
        answer = registry.call("PUT", answer.headers["Location"], params={"digest": digest(LAYER)}, data=LAYER)
    assert registry.call("GET", answer.headers["Location"]).content == LAYER


def test_a_blob_in_chunks(registry: Registry) -> None:
    location, sent = registry.begin(), 0
    for chunk in (LAYER[:1000], LAYER[1000:2500]):
        content_range = f"{sent}-{sent + len(chunk) - 1}"
        headers = {"Content-Range": content_range, "Content-Type": "application/octet-stream"}
        answer = registry.call("PATCH", location, data=chunk, headers=headers)
        sent += len(chunk)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{sent - 1}")
        location = answer.headers["Location"]
        state = registry.call("GET", location)
        assert (state.status_code, state.headers["Range"]) == (204, f"0-{sent - 1}")
    headers = {"Content-Range": f"{sent}-{len(LAYER) - 1}", "Content-Type": "application/octet-stream"}
    answer = registry.call("PUT", location, params={"digest": digest(LAYER)}, data=LAYER[sent:], headers=headers)
    assert answer.status_code == 201
    assert registry.call("GET", f"blobs/{digest(LAYER)}").content == LAYER


def test_a_chunk_out_of_order_is_refused_and_the_upload_goes_on(newest: Registry) -> None:
    location = newest.begin()
    wrong = newest.call("PATCH", location, data=LAYER, headers={"Content-Range": f"7-{len(LAYER) + 6}"})
    assert wrong.status_code == 416
    location = newest.call("GET", location).headers["Location"]
    location = newest.call("PATCH", location, data=LAYER).headers["Location"]
    assert newest.call("PUT", location, params={"digest": digest(LAYER)}).status_code == 201


def test_an_upload_is_cancelled(registry: Registry) -> None:
    location = registry.call("PATCH", registry.begin(), data=LAYER).headers["Location"]
    assert registry.call("DELETE", location).status_code == 204
    assert registry.call("GET", location).status_code == 404


def test_an_empty_blob(registry: Registry) -> None:
    assert registry.call("GET", f"blobs/{registry.push_blob(b'')}").content == b""


def test_another_digest_is_refused(registry: Registry) -> None:
    answer = registry.call("PUT", registry.begin(), params={"digest": ABSENT}, data=LAYER)
    assert code(answer) == (400, "DIGEST_INVALID")
    assert registry.call("HEAD", f"blobs/{ABSENT}").status_code == 404


def test_a_blob_is_mounted_from_another_repository(registry: Registry) -> None:
    pushed = registry.push_blob(LAYER)
    other = Registry(registry.url, f"{registry.repository}/other", registry.session)
    answer = other.call("POST", "blobs/uploads/", params={"mount": pushed, "from": registry.repository})
    assert answer.status_code == 201
    assert other.call("GET", answer.headers["Location"]).content == LAYER
    absent = other.call("POST", "blobs/uploads/", params={"mount": ABSENT, "from": registry.repository})
    assert absent.status_code == 202


def test_a_manifest_is_kept_byte_for_byte(registry: Registry) -> None:
    registry.push_image("v1")
    odd = image().replace(b", ", b"  ,\n ")
    answer = registry.put_manifest("odd", odd, OCI_MANIFEST)
    assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (201, digest(odd))
    assert registry.call("GET", answer.headers["Location"], headers={"Accept": OCI_MANIFEST}).content == odd


def test_a_manifest_is_pushed_by_its_digest(registry: Registry) -> None:
    registry.push_image("v1")
    again = image(annotations={"a": "b"})
    assert registry.put_manifest(digest(again), again, OCI_MANIFEST).status_code == 201
    refused = registry.put_manifest(ABSENT, again, OCI_MANIFEST)
    assert code(refused) == (400, "DIGEST_INVALID")


def test_an_index_and_its_children(registry: Registry) -> None:
    children = []
    for platform in (b"amd64", b"arm64"):
        registry.push_image(platform.decode(), layers=(platform,))
        children.append(image(layers=(platform,)))
    assert registry.put_manifest("multi", index(*children), OCI_INDEX).status_code == 201
    answer = registry.call("GET", "manifests/multi", headers={"Accept": OCI_INDEX})
    assert (answer.headers["Content-Type"], answer.content) == (OCI_INDEX, index(*children))


def test_an_artifact_that_is_no_image(registry: Registry) -> None:
    registry.push_blob(b"{}")
    empty = descriptor(b"{}", "application/vnd.oci.empty.v1+json")
    artifact = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/x.notes", "config": empty}
    content = json.dumps({**artifact, "layers": [empty]}).encode()
    assert registry.put_manifest("notes", content, OCI_MANIFEST).status_code == 201


def test_a_manifest_that_refers_to_what_is_not_there(registry: Registry) -> None:
    answer = registry.put_manifest("broken", image(layers=(b"never pushed",)), OCI_MANIFEST)
    assert answer.status_code in {400, 404}
    errors_have_their_form(answer)


def test_a_manifest_of_four_mebibytes(registry: Registry) -> None:
    registry.push_image("v1")
    size = 4 * 1024 * 1024 - len(image(annotations={"a": ""}))
    large = image(annotations={"a": "x" * size})
    assert registry.put_manifest("large", large, OCI_MANIFEST).status_code == 201
    assert registry.call("GET", "manifests/large", headers={"Accept": OCI_MANIFEST}).content == large


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_what_is_no_manifest(registry: Registry, content: bytes) -> None:
    answer = registry.put_manifest("broken", content, OCI_MANIFEST)
    assert answer.status_code == 400
    errors_have_their_form(answer)


def test_digests_of_another_algorithm(newest: Registry) -> None:
    wanted = digest(LAYER, "sha512")
    assert newest.call("PUT", newest.begin(), params={"digest": wanted}, data=LAYER).status_code == 201
    assert newest.call("GET", f"blobs/{wanted}").content == LAYER


# Discovery


def test_the_tags_of_a_repository(registry: Registry) -> None:
    registry.push_image("v1")
    registry.put_manifest("v2", image(), OCI_MANIFEST)
    listed = registry.call("GET", "tags/list").json()
    assert (listed["name"], sorted(listed["tags"])) == (registry.repository, ["v1", "v2"])
    absent = Registry(registry.url, "never/pushed", registry.session).call("GET", "tags/list")
    assert code(absent) == (404, "NAME_UNKNOWN")


def test_tags_in_order_and_page_by_page(newest: Registry) -> None:
    tags = ["1", "1-a", "1.2", "1.2.3", "1_b", "latest"]
    newest.push_image("1.2")
    for tag in reversed(tags):
        newest.put_manifest(tag, image(), OCI_MANIFEST)
    assert newest.call("GET", "tags/list").json()["tags"] == tags
    assert newest.call("GET", "tags/list", params={"n": 9, "last": "1.2"}).json()["tags"] == tags[3:]
    page = newest.call("GET", "tags/list", params={"n": 4})
    following = newest.call("GET", page.links["next"]["url"])
    assert (page.json()["tags"], following.json()["tags"], following.links) == (tags[:4], tags[4:], {})


def test_referrers_with_their_types_and_annotations(newest: Registry) -> None:
    subject = {"mediaType": OCI_MANIFEST, "digest": newest.push_image("v1"), "size": len(image())}
    notes = image(artifactType="application/x.notes", annotations={"of": "v1"}, subject=subject)
    plain = image(subject=subject)
    for manifest in (notes, plain):
        answer = newest.put_manifest(digest(manifest), manifest, OCI_MANIFEST)
        assert answer.headers["OCI-Subject"] == subject["digest"]
    listed = newest.call("GET", f"referrers/{subject['digest']}")
    assert (listed.status_code, listed.headers["Content-Type"]) == (200, OCI_INDEX)
    types = {entry["digest"]: entry["artifactType"] for entry in listed.json()["manifests"]}
    assert types == {digest(notes): "application/x.notes", digest(plain): CONFIG}
    filtered = newest.call("GET", f"referrers/{subject['digest']}", params={"artifactType": "application/x.notes"})
    (only,) = filtered.json()["manifests"]
    assert (only["annotations"], only["size"]) == ({"of": "v1"}, len(notes))
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    newest.call("DELETE", f"manifests/{digest(notes)}")
    assert len(newest.call("GET", f"referrers/{subject['digest']}").json()["manifests"]) == 1
    assert newest.call("GET", f"referrers/{ABSENT}").json()["manifests"] == []


def test_referrers_of_what_comes_later(newest: Registry) -> None:
    subject = {"mediaType": OCI_MANIFEST, "digest": digest(image()), "size": len(image())}
    newest.push_blob(b"{}")
    newest.push_blob(b"layer")
    about = image(artifactType="application/x.notes", subject=subject)
    assert newest.put_manifest(digest(about), about, OCI_MANIFEST).status_code == 201
    newest.push_image("v1")
    (found,) = newest.call("GET", f"referrers/{subject['digest']}").json()["manifests"]
    assert found["digest"] == digest(about)


# Management


def test_a_tag_is_deleted_or_that_is_refused(registry: Registry) -> None:
    pushed = registry.push_image("v1")
    answer = registry.call("DELETE", "manifests/v1")
    assert answer.status_code in {202, 400, 405}
    if answer.status_code == 202:
        assert registry.call("GET", "manifests/v1").status_code == 404
        assert registry.call("GET", f"manifests/{pushed}", headers={"Accept": OCI_MANIFEST}).status_code == 200


def test_a_manifest_is_deleted_and_its_tags_with_it(registry: Registry) -> None:
    pushed = registry.push_image("v1")
    registry.put_manifest("v2", image(), OCI_MANIFEST)
    assert registry.call("DELETE", f"manifests/{pushed}").status_code == 202
    for reference in (pushed, "v1", "v2"):
        assert registry.call("GET", f"manifests/{reference}", headers={"Accept": OCI_MANIFEST}).status_code == 404


def test_a_blob_is_deleted(registry: Registry) -> None:
    pushed = registry.push_blob(LAYER)
    assert registry.call("DELETE", f"blobs/{pushed}").status_code == 202
    assert registry.call("GET", f"blobs/{pushed}").status_code == 404
    assert registry.call("DELETE", f"blobs/{ABSENT}").status_code == 404


def test_what_was_deleted_is_pushed_again(registry: Registry) -> None:
    pushed = registry.push_image("v1", layers=(LAYER,))
    registry.call("DELETE", f"manifests/{pushed}")
    registry.call("DELETE", f"blobs/{digest(LAYER)}")
    assert registry.push_image("v1", layers=(LAYER,)) == pushed
    assert registry.call("GET", f"blobs/{digest(LAYER)}").content == LAYER
