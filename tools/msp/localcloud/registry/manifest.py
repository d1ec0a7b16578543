"""What a manifest says: OCI image manifests and indexes, and Docker's version 2, schema 2 manifests and lists."""

from dataclasses import dataclass
from typing import Any

from msp.localcloud import strict_json
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.names import is_digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MEDIA_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

MAX_BYTES = 4 * 1024 * 1024
"""The largest manifest that is taken (the specification's "Pushing Manifests" has registries take at least so much)."""

# Layers of these types stay where their URLs say; they may be absent from the registry.
_FOREIGN_LAYERS = (
    "application/vnd.docker.image.rootfs.foreign.",
    "application/vnd.oci.image.layer.nondistributable.",
)
_UNSPECIFIC = frozenset({"", "application/json", "application/octet-stream", "text/plain"})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content, by digest.

    Attributes:
        media_type: What it is.
        digest: `sha256:…` or `sha512:…`.
        size: Its bytes.
        foreign: Whether it is a layer that may be elsewhere.
    """

    media_type: str
    digest: str
    size: int
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest.

    Attributes:
        media_type: One of `MEDIA_TYPES`.
        config: The image's configuration; `None` in an index.
        layers: The image's layers, the lowest first; empty in an index.
        manifests: An index's children; empty in an image.
        subject: What the manifest is about, if it says so: it is then one of the subject's referrers.
        artifact_type: What the artifact is, as the referrers API shows it; may be empty.
        annotations: The annotations.
    """

    media_type: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str
    annotations: dict[str, str]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The blobs that must be in the repository for the manifest to be whole."""
        config = (self.config,) if self.config else ()
        return config + tuple(layer for layer in self.layers if not layer.foreign)


def parse(content: bytes, content_type: str | None = None) -> Manifest:
    """Reads a manifest.

    Args:
        content: The bytes as pushed.
        content_type: The Content-Type that they were pushed with.

    Raises:
        RegistryError: `MANIFEST_INVALID`, with what is wrong and where.
    """
    document = _document(content)
    media_type = _media_type(document, content_type)
    if document.get("schemaVersion") != 2:
        raise _invalid("schemaVersion", "must be 2")
    annotations = document.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        raise _invalid("annotations", "must map strings to strings")
    artifact_type = document.get("artifactType") or ""
    if not isinstance(artifact_type, str):
        raise _invalid("artifactType", "must be a string")
    subject = _descriptor(document["subject"], "subject") if document.get("subject") is not None else None
    if media_type in INDEXES:
        children = _descriptors(document, "manifests")
        return Manifest(media_type, None, (), children, subject, artifact_type, annotations)
    config = _descriptor(document.get("config"), "config")
    layers = _descriptors(document, "layers")
    return Manifest(media_type, config, layers, (), subject, artifact_type or config.media_type, annotations)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = strict_json.loads(content)
    except ValueError as error:
        raise _invalid("", f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _invalid("", "is not a JSON object")
    return document


def _media_type(document: dict[str, Any], content_type: str | None) -> str:
    said = document.get("mediaType")
    sent = (content_type or "").partition(";")[0].strip()
    if sent in _UNSPECIFIC:
        sent = ""
    if said is not None and not isinstance(said, str):
        raise _invalid("mediaType", "must be a string")
    if said and sent and said != sent:
        raise _invalid("mediaType", f"is {said!r} but the Content-Type is {sent!r}")
    media_type = said or sent or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if media_type not in MEDIA_TYPES:
        raise _invalid("mediaType", f"{media_type!r} is none of {', '.join(MEDIA_TYPES)}")
    return media_type


def _descriptors(document: dict[str, Any], field: str) -> tuple[Descriptor, ...]:
    values = document.get(field)
    if not isinstance(values, list):
        raise _invalid(field, "must be a list")
    return tuple(_descriptor(value, f"{field}[{index}]") for index, value in enumerate(values))


def _descriptor(value: object, field: str) -> Descriptor:
    if not isinstance(value, dict):
        raise _invalid(field, "must be a descriptor")
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str) or not media_type:
        raise _invalid(f"{field}.mediaType", "must be a string")
    if not isinstance(digest, str) or not is_digest(digest):
        raise _invalid(f"{field}.digest", f"must be a sha256 or sha512 digest, not {digest!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise _invalid(f"{field}.size", f"must be a number of bytes, not {size!r}")
    return Descriptor(media_type, digest, size, foreign=media_type.startswith(_FOREIGN_LAYERS))


def _invalid(field: str, problem: str) -> RegistryError:
    message = f"{field} {problem}" if field else f"the manifest {problem}"
    return RegistryError("MANIFEST_INVALID", message, detail={"field": field} if field else None)
