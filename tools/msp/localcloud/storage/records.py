"""Buckets and objects as they are kept, and as the API shows them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

OBJECT_FIELDS = frozenset(
    {
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "customTime",
        "eventBasedHold",
        "metadata",
        "storageClass",
        "temporaryHold",
    }
)
"""What a client may say of an object."""

BUCKET_FIELDS = frozenset(
    {
        "autoclass",
        "billing",
        "cors",
        "customPlacementConfig",
        "defaultEventBasedHold",
        "encryption",
        "hierarchicalNamespace",
        "iamConfiguration",
        "labels",
        "lifecycle",
        "location",
        "logging",
        "retentionPolicy",
        "rpo",
        "softDeletePolicy",
        "storageClass",
        "versioning",
        "website",
    }
)
"""What a client may say of a bucket."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket.

    Attributes:
        name: Its name, unique among all.
        project: The project it is in.
        created: When it was made, RFC 3339.
        updated: When it was last changed.
        metageneration: How often its metadata was changed, from 1.
        properties: What clients said of it, by the names in `BUCKET_FIELDS`.
    """

    name: str
    project: str
    created: str
    updated: str
    metageneration: int = 1
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def versioned(self) -> bool:
        """Whether it keeps what is overwritten or deleted."""
        versioning = self.properties.get("versioning")
        return isinstance(versioning, dict) and versioning.get("enabled") is True

    def changed(self, properties: Mapping[str, Any], now: datetime) -> Self:
        """The bucket with other properties."""
        return replace(self, properties=properties, updated=rfc3339(now), metageneration=self.metageneration + 1)

    def to_json(self, origin: str) -> dict[str, Any]:
        """The bucket as the API shows it; `origin` is where the client sees the API."""
        location = str(self.properties.get("location") or "US").upper()
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "selfLink": f"{origin}/storage/v1/b/{self.name}",
            "name": self.name,
            "projectNumber": project_number(self.project),
            "generation": "1",
            "metageneration": str(self.metageneration),
            "storageClass": "STANDARD",
            "timeCreated": self.created,
            "updated": self.updated,
            "etag": etag(self.metageneration),
            **self.properties,
            "iamConfiguration": self._iam_configuration(),
            "location": location,
            "locationType": "multi-region" if location in {"US", "EU", "ASIA"} else "region",
        }

    def _iam_configuration(self) -> dict[str, Any]:
        """What clients said of access, but that it is uniform: nobody has access control lists here."""
        said = self.properties.get("iamConfiguration")
        uniform = {"enabled": True}
        return {
            "publicAccessPrevention": "inherited",
            **(said if isinstance(said, dict) else {}),
            "bucketPolicyOnly": uniform,
            "uniformBucketLevelAccess": uniform,
        }


@dataclass(frozen=True, slots=True)
class Object:
    """A generation of an object.

    Attributes:
        bucket: The bucket's name.
        name: The object's name.
        generation: Which of all contents that ever stood under the name: microseconds since 1970, never used twice.
        metageneration: How often its metadata was changed, from 1.
        size: Its bytes.
        crc32c: The content's CRC32C, big-endian, base64.
        md5: The content's MD5, base64; empty for a composed object, as at Google.
        created: When the content came, RFC 3339.
        updated: When the metadata was last changed.
        components: How many objects it was composed of; 0 when it came whole.
        deleted: When it ceased to be the live generation, RFC 3339; empty while it is.
        properties: What clients said of it, by the names in `OBJECT_FIELDS`.
    """

    bucket: str
    name: str
    generation: int
    size: int
    crc32c: str
    md5: str
    created: str
    updated: str
    metageneration: int = 1
    components: int = 0
    deleted: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the content's file."""
        return str(self.generation)

    @property
    def etag(self) -> str:
        """Changes with the content and with the metadata."""
        return etag(self.generation, self.metageneration)

    def changed(self, properties: Mapping[str, Any], now: datetime) -> Self:
        """The object with other properties."""
        return replace(self, properties=properties, updated=rfc3339(now), metageneration=self.metageneration + 1)

    def to_json(self, origin: str) -> dict[str, Any]:
        """The object as the API shows it; `origin` is where the client sees the API."""
        path = f"storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
        resource = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{origin}/{path}",
            "mediaLink": f"{origin}/download/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(self.size),
            "crc32c": self.crc32c,
            "storageClass": "STANDARD",
            "etag": self.etag,
            "timeCreated": self.created,
            "updated": self.updated,
            "timeStorageClassUpdated": self.created,
            "timeFinalized": self.created,
            **self.properties,
        }
        optional = {"md5Hash": self.md5, "timeDeleted": self.deleted, "componentCount": self.components}
        return resource | {name: value for name, value in optional.items() if value}


def dump(record: Bucket | Object) -> bytes:
    """A record as it is stored."""
    return json.dumps(asdict(record)).encode()


def chosen(resource: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """The fields of a resource that a client may set and has set."""
    return {name: value for name, value in resource.items() if name in fields and value is not None}


def merged(old: Mapping[str, Any], changes: Mapping[str, Any], fields: frozenset[str] | None = None) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): null removes, objects are merged, all else replaces."""
    result = dict(old)
    for name, value in changes.items():
        if fields is not None and name not in fields:
            continue
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result


def rfc3339(when: datetime) -> str:
    """A time as Storage writes it, to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def etag(*numbers: int) -> str:
    """A tag that changes with the numbers, in the form the real service gives it (a serialized message)."""
    content = bytearray()
    for tag, number in zip((0x08, 0x10), numbers, strict=False):
        content.append(tag)
        while number > 0x7F:
            content.append(number & 0x7F | 0x80)
            number >>= 7  # noqa: PLW2901 (a varint, taken apart)
        content.append(number)
    return base64.b64encode(content).decode()


def project_number(project: str) -> str:
    """A number that stands for a project, always the same one."""
    return (
        project if project.isdecimal() else str(10**11 + int(hashlib.sha256(project.encode()).hexdigest(), 16) % 10**11)
    )
