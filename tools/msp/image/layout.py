"""An image on disk, as an OCI layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md)."""

import hashlib
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msp.errors import UsageError
from msp.gcp.bounds import json_object
from msp.image.regular_file import NotRegularError, TooLargeError, open_regular, read_regular
from msp.names.grammar import is_digest
from msp.text import harmless

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

# Layers that registries refuse to hold; they are fetched from elsewhere.
_FOREIGN = ("application/vnd.oci.image.layer.nondistributable.v1.", "application/vnd.docker.image.rootfs.foreign.")

# What registries take at most (https://github.com/opencontainers/distribution-spec, "Pushing Manifests").
_MAX_MANIFEST_BYTES = 4 << 20
_MAX_DEPTH = 8
# Far more than any image has; all manifests are held in memory.
_MAX_MANIFESTS_BYTES = 64 << 20
_MAX_MARKER_BYTES = 4 << 10
_MAX_SIZE = 1 << 63
# Fits the processor's cache, in which it is hashed and sent.
_CHUNK_BYTES = 256 << 10


class LayoutError(UsageError):
    """The directory is not an image that can be pushed."""


@dataclass(frozen=True)
class Descriptor:
    """What points to content (https://github.com/opencontainers/image-spec/blob/main/descriptor.md).

    Attributes:
        media_type: What kind of content it is: `application/vnd.oci.image.manifest.v1+json`.
        digest: `sha256:…` of its bytes.
        size: Its length in bytes.
        annotations: Whatever its maker noted: `{"org.opencontainers.image.ref.name": "latest"}`.
        platform: `linux/amd64`, empty where it has none.
    """

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    platform: str = field(default="", compare=False)


@dataclass(frozen=True)
class Manifest:
    """An image manifest or an index, whole.

    Attributes:
        descriptor: What points to it.
        content: Its bytes, which have the descriptor's digest.
        children: The manifests of an index.
        blobs: The config and layers of an image.
        annotations: Its own.
        height: How many indexes are on top of each other from here down; 0 for an image.
    """

    descriptor: Descriptor
    content: bytes = field(repr=False)
    children: tuple["Manifest", ...] = ()
    blobs: tuple[Descriptor, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    height: int = 0


class Layout:
    """The one image, or index of images, in a directory.

    Reading it checks that every manifest has its digest, and that every blob is there with its size; the blobs' digests
    are checked when they are read.

    Attributes:
        path: The layout's directory: it holds `oci-layout`, `index.json` and `blobs/`.
        root: What its `index.json` points to.
        manifests: Every manifest once, children before what refers to them.
        blobs: Every config and layer once.
    """

    def __init__(self, path: Path) -> None:
        """Reads the layout.

        Raises:
            LayoutError: There is none, or it is not whole; the message says which file.
        """
        self.path = path
        self._check_marker()
        # Indexes may share what they list: by what points to it, each manifest that was read, in the order of reading.
        self._read: dict[Descriptor, Manifest] = {}
        self._left = _MAX_MANIFESTS_BYTES
        self.root = self._manifest(self._root_descriptor(), depth=0)
        self.manifests = tuple({manifest.descriptor.digest: manifest for manifest in self._read.values()}.values())
        blobs = (blob for manifest in self.manifests for blob in manifest.blobs)
        self.blobs = tuple({blob.digest: blob for blob in blobs}.values())
        for blob in self.blobs:
            self._check_size(blob, self._blob_path(blob))

    @property
    def digest(self) -> str:
        """The image's digest, `sha256:…`: that of its topmost manifest."""
        return self.root.descriptor.digest

    def read(self, blob: Descriptor, *, start: int = 0) -> Iterator[bytes]:
        """The bytes of a blob, in pieces of at most 256 KiB.

        The last piece only comes after all of the blob was found to have its digest, so a receiver that counts never
        gets a whole blob that is not the right one.

        Args:
            blob: The blob's digest and size.
            start: The first byte to give.

        Raises:
            LayoutError: The file doesn't have the descriptor's digest or size, or can't be read.
        """
        path = self._blob_path(blob)
        algorithm, _, expected = blob.digest.partition(":")
        hasher = hashlib.new(algorithm)
        position = 0
        held = b""
        try:
            with open_regular(path) as file:
                while position <= blob.size and (piece := file.read(_CHUNK_BYTES)):
                    hasher.update(piece)
                    if held:
                        yield held
                    held = piece[max(0, start - position) :]
                    position += len(piece)
        except OSError as error:
            raise _unreadable(path, error) from error
        if position != blob.size or hasher.hexdigest() != expected:
            raise LayoutError(f"{path}: its content is not what its name says: the file is corrupt", hint=_REBUILD)
        if held:
            yield held

    def _check_marker(self) -> None:
        if not self.path.exists():
            raise LayoutError(f"{self.path}: no such image", hint=_BUILD)
        if not self.path.is_dir():
            raise LayoutError(f"{self.path}: not a directory, so no OCI layout", hint=_NOT_A_LAYOUT)
        for name in ("oci-layout", "index.json"):
            if not (self.path / name).exists():
                raise LayoutError(f"{self.path}: not an OCI layout: it has no {name}", hint=_NOT_A_LAYOUT)
        marker = self.path / "oci-layout"
        version = _object(_content(marker, _MAX_MARKER_BYTES), marker).get("imageLayoutVersion")
        if not isinstance(version, str) or not version.startswith("1."):
            shown = harmless(repr(version), limit=100)
            raise LayoutError(f"{marker}: layout version {shown} is not 1.x", hint=_NOT_A_LAYOUT)

    def _root_descriptor(self) -> Descriptor:
        file = self.path / "index.json"
        manifests = _descriptors(_object(_content(file, _MAX_MANIFEST_BYTES), file), "manifests", file)
        if not manifests:
            raise LayoutError(f"{file}: it lists no image", hint=_NOT_A_LAYOUT)
        if len({manifest.digest for manifest in manifests}) > 1:
            listed = harmless(", ".join(m.platform or m.digest[:19] for m in manifests), limit=300)
            raise LayoutError(
                f"{file}: it lists {len(manifests)} images ({listed}), and one is to be pushed",
                hint="put them into one index: with rules_oci, an oci_image_index",
            )
        return manifests[0]

    def _manifest(self, descriptor: Descriptor, depth: int) -> Manifest:
        path = self._blob_path(descriptor)
        manifest = self._read.get(descriptor)
        if depth + (manifest.height if manifest else 0) > _MAX_DEPTH:
            raise LayoutError(f"{path}: indexes are nested more than {_MAX_DEPTH} deep")
        if manifest is None:
            manifest = self._read[descriptor] = self._read_manifest(descriptor, path, depth)
        return manifest

    def _read_manifest(self, descriptor: Descriptor, path: Path, depth: int) -> Manifest:
        if descriptor.media_type not in _INDEXES | _MANIFESTS:
            shown = harmless(repr(descriptor.media_type), limit=200)
            raise LayoutError(
                f"{path}: unknown media type {shown} of a manifest",
                hint=f"known ones: {', '.join(sorted(_INDEXES | _MANIFESTS))}",
            )
        self._check_size(descriptor, path)
        if descriptor.size > _MAX_MANIFEST_BYTES:
            raise LayoutError(f"{path}: a manifest of {descriptor.size} bytes; registries take {_MAX_MANIFEST_BYTES}")
        self._left -= descriptor.size
        if self._left < 0:
            raise LayoutError(f"{self.path}: its manifests have more than {_MAX_MANIFESTS_BYTES} bytes in all")
        content = b"".join(self.read(descriptor))
        found = _object(content, path)
        if descriptor.media_type in _INDEXES:
            listed = _descriptors(found, "manifests", path)
            children = tuple(self._manifest(child, depth + 1) for child in dict.fromkeys(listed))
            height = 1 + max((child.height for child in children), default=0)
            return Manifest(descriptor, content, children, annotations=_annotations(found), height=height)
        config = _descriptor(found.get("config"), "config", path)
        layers = _descriptors(found, "layers", path)
        blobs = (config, *(layer for layer in layers if not layer.media_type.startswith(_FOREIGN)))
        return Manifest(descriptor, content, blobs=blobs, annotations=_annotations(found))

    def _blob_path(self, descriptor: Descriptor) -> Path:
        return self.path / "blobs" / descriptor.digest.replace(":", "/")

    @staticmethod
    def _check_size(descriptor: Descriptor, path: Path) -> None:
        try:
            found = path.stat()
        except FileNotFoundError:
            raise LayoutError(f"{path}: the image refers to this blob, and it is not there", hint=_REBUILD) from None
        except OSError as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(found.st_mode):
            raise LayoutError(f"{path}: not a regular file", hint=_REBUILD)
        if found.st_size != descriptor.size:
            raise LayoutError(f"{path}: {found.st_size} bytes, and the image says {descriptor.size}", hint=_REBUILD)


_BUILD = "build it first, or point the `image` attribute to a target that makes an OCI layout"
_REBUILD = "build the image again"
_NOT_A_LAYOUT = (
    "an image is a directory in the OCI layout: what oci_image and oci_image_index make,\n"
    "and the output group oci_layout of rules_img's images"
)


def _unreadable(path: Path, error: OSError) -> LayoutError:
    return LayoutError(f"{path}: can't be read: {error.strerror or error}")


def _content(path: Path, limit: int) -> bytes:
    try:
        return read_regular(path, limit)
    except (NotRegularError, TooLargeError) as error:
        raise LayoutError(f"{path}: {error.strerror}", hint=_REBUILD) from None
    except OSError as error:
        raise _unreadable(path, error) from error


def _object(content: bytes, file: Path) -> dict[str, Any]:
    value = json_object(content)
    if value is None:
        raise LayoutError(f"{file}: not JSON with an object in it", hint=_REBUILD)
    return value


def _descriptors(value: dict[str, Any], key: str, file: Path) -> tuple[Descriptor, ...]:
    listed = value.get(key)
    if not isinstance(listed, list):
        raise LayoutError(f"{file}: {key} is not a list", hint=_REBUILD)
    return tuple(_descriptor(item, f"{key}[{index}]", file) for index, item in enumerate(listed))


def _descriptor(value: object, where: str, file: Path) -> Descriptor:
    if not isinstance(value, dict):
        raise LayoutError(f"{file}: {where} is not a descriptor", hint=_REBUILD)
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str):
        raise LayoutError(f"{file}: {where} has no mediaType", hint=_REBUILD)
    if not isinstance(digest, str) or not is_digest(digest):
        shown = harmless(repr(digest), limit=200)
        raise LayoutError(f"{file}: {where} has digest {shown}, which is none of sha256 or sha512", hint=_REBUILD)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _MAX_SIZE:
        raise LayoutError(f"{file}: {where} has a size that no blob has", hint=_REBUILD)
    return Descriptor(media_type, digest, size, _annotations(value), _platform(value.get("platform")))


def _annotations(value: dict[str, Any]) -> dict[str, str]:
    found = value.get("annotations")
    if not isinstance(found, dict):
        return {}
    return {key: text for key, text in found.items() if isinstance(text, str)}


def _platform(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    parts = (value.get("os"), value.get("architecture"), value.get("variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part)
