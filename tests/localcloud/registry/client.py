"""A registry client in a few lines, for tests that must see each request."""

import hashlib
import json
from typing import Any

import requests

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def image(config: bytes = b"{}", layers: tuple[bytes, ...] = (b"layer",), **fields: Any) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, CONFIG),
            "layers": [descriptor(layer, LAYER) for layer in layers],
            **fields,
        }
    ).encode()


def index(*manifests: bytes) -> bytes:
    children = [descriptor(manifest, OCI_MANIFEST) for manifest in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()


class Registry:
    """One repository of a registry."""

    def __init__(self, url: str, repository: str = "us.gcr.io/p/app", session: requests.Session | None = None) -> None:
        self.url = url
        self.repository = repository
        self.session = session or requests.Session()

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def call(self, verb: str, path: str, **kwargs: Any) -> requests.Response:
        """A request below the repository, to a path that begins with a slash, or to a whole address."""
        below = path if path.startswith("/") else f"/v2/{self.repository}/{path}"
        return self.session.request(verb, path if "://" in path else self.url + below, timeout=30, **kwargs)

    def begin(self) -> str:
        answer = self.call("POST", "blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def push_blob(self, content: bytes) -> str:
        answer = self.call("PUT", self.begin(), params={"digest": digest(content)}, data=content)
        assert answer.status_code == 201, answer.text
        return digest(content)

    def put_manifest(self, reference: str, content: bytes, media_type: str = "") -> requests.Response:
        return self.call("PUT", f"manifests/{reference}", data=content, headers={"Content-Type": media_type})

    def push_image(self, reference: str, config: bytes = b"{}", layers: tuple[bytes, ...] = (b"layer",)) -> str:
        for content in (config, *layers):
            self.push_blob(content)
        manifest = image(config, layers)
        answer = self.put_manifest(reference, manifest, OCI_MANIFEST)
        assert answer.status_code == 201, answer.text
        return digest(manifest)


def code(answer: requests.Response) -> tuple[int, str]:
    """An error's status and code."""
    return answer.status_code, answer.json()["errors"][0]["code"]
