"""Manifests and tags as they are kept."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from msp.localcloud.registry.manifest import Manifest, parse


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it is kept.

    Attributes:
        repository: The repository's name.
        digest: The manifest's digest.
        media_type: Its media type.
        pushed: When it came first.
        content: Its bytes, as pushed.
    """

    repository: str
    digest: str
    media_type: str
    pushed: datetime
    content: bytes

    @classmethod
    def load(cls, repository: str, digest: str, payload: bytes) -> Self:
        """The manifest of a document's payload."""
        header, _, content = payload.partition(b"\n")
        value = json.loads(header)
        return cls(repository, digest, value["mediaType"], datetime.fromisoformat(value["pushed"]), content)

    def dump(self) -> bytes:
        """The payload of its document: a line of JSON, and the manifest's own bytes."""
        header = {"mediaType": self.media_type, "pushed": self.pushed.isoformat()}
        return json.dumps(header).encode() + b"\n" + self.content

    def parsed(self) -> Manifest:
        """What it says."""
        return parse(self.content, self.media_type)

    def descriptor(self) -> dict[str, Any]:
        """Its descriptor, as the referrers API shows it."""
        manifest = self.parsed()
        descriptor = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.content),
            "artifactType": manifest.artifact_type,
            "annotations": manifest.annotations,
        }
        return {name: value for name, value in descriptor.items() if value}


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: its name, what it points at, and since when."""

    name: str
    digest: str
    updated: datetime

    @classmethod
    def load(cls, payload: bytes) -> Self:
        """The tag of a document's payload."""
        value = json.loads(payload)
        return cls(value["name"], value["digest"], datetime.fromisoformat(value["updated"]))

    def dump(self) -> bytes:
        """The payload of its document."""
        value = {"name": self.name, "digest": self.digest, "updated": self.updated.isoformat()}
        return json.dumps(value).encode()


def tag_document(repository: str, tag: str) -> str:
    """The name of a tag's document: in the order of the specification, case-insensitive, when in that of bytes."""
    # The space sorts before all that a tag may have: 1.2 comes before 1.2.3.
    return f"{repository}:{tag.lower()} {tag}"
