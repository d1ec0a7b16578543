"""The manifests and tags of each repository, and what refers to what."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msp.localcloud.clock import Clock
from msp.localcloud.registry.blobs import Blobs
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.manifest import Manifest, parse
from msp.localcloud.registry.names import check_digest, check_tag, digest_of, is_digest
from msp.localcloud.registry.policy import Choices, RepositoryPolicy
from msp.localcloud.registry.records import StoredManifest, Tag, tag_document
from msp.localcloud.store import Store

_MANIFEST = "registry.manifest"
_REPOSITORY = "registry.repository"
_TAG = "registry.tag"


class Manifests:
    """The manifests and tags of all repositories."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        clock: Clock,
        policy: RepositoryPolicy,
        choices: Choices = Choices(),  # noqa: B008 (frozen)
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._policy = policy
        self._choices = choices

    def put(
        self, repository: str, reference: str, content: bytes, content_type: str | None, tags: Sequence[str] = ()
    ) -> tuple[str, Manifest]:
        """Keeps a manifest, and points tags at it.

        Args:
            repository: Where it goes.
            reference: Its digest, or a tag.
            content: The manifest.
            content_type: What its client says it is.
            tags: Further tags.

        Returns:
            Its digest, and what it says.

        Raises:
            RegistryError: `MANIFEST_INVALID`; `MANIFEST_BLOB_UNKNOWN`: it refers to what is not in the repository;
                `DIGEST_INVALID`: the reference is another manifest's digest; `TAG_INVALID`; `DENIED`: the tag is
                immutable and points elsewhere.
        """
        by_digest = ":" in reference
        digest = digest_of(content, check_digest(reference).partition(":")[0]) if by_digest else digest_of(content)
        if by_digest and digest != reference:
            raise RegistryError(
                "DIGEST_INVALID",
                f"provided digest did not match uploaded content: the manifest's is {digest}",
                detail={"digest": reference, "found": digest},
            )
        tags = tags if by_digest else [reference, *tags]
        for tag in tags:
            self._check_movable(repository, check_tag(tag), digest)
        manifest = parse(content, content_type)
        self._check_references(repository, manifest)
        now = self._clock.now()
        with self._store.transaction():
            if self._store.get(_REPOSITORY, repository) is None:
                self._store.put(_REPOSITORY, repository, json.dumps({"created": now.isoformat()}).encode())
            self._policy.pushed(repository)
            self._write(repository, digest, manifest, content, now)
            for tag in tags:
                self._tag(repository, tag, digest, now)
        return digest, manifest

    def get(self, repository: str, reference: str) -> StoredManifest:
        """A manifest, by digest or tag.

        Raises:
            RegistryError: `MANIFEST_UNKNOWN`.
        """
        digest = reference if is_digest(reference) else self._tagged(repository, reference)
        payload = self._store.get(_MANIFEST, f"{repository}@{digest}") if digest else None
        if digest is None or payload is None:
            raise _unknown(repository, reference)
        return StoredManifest.load(repository, digest, payload)

    def tag(self, repository: str, tag: str, digest: str) -> None:
        """Points a tag at a manifest.

        Raises:
            RegistryError: `TAG_INVALID`; `MANIFEST_UNKNOWN`; `DENIED`: the tag is immutable and points elsewhere.
        """
        self._check_movable(repository, check_tag(tag), digest)
        self.get(repository, digest)
        self._tag(repository, tag, digest, self._clock.now())

    def delete_repository(self, repository: str) -> None:
        """Deletes all manifests and tags of a repository, and the repository; immutable tags, too."""
        with self._store.transaction():
            self._store.delete_below(_MANIFEST, f"{repository}@")
            self._store.delete_below(_TAG, f"{repository}:")
            self._store.delete(_REPOSITORY, repository)
            self._blobs.delete_all(repository)

    def delete(self, repository: str, reference: str) -> None:
        """Deletes a tag, or a manifest by digest and the tags that point at it.

        Raises:
            RegistryError: `MANIFEST_UNKNOWN`; `DENIED`: the repository's tags are immutable; with `strict_deletes`,
                `GOOGLE_MANIFEST_DANGLING_TAG` or `…_PARENT_IMAGE`: something points at the manifest.
        """
        if not is_digest(reference):
            if self._tagged(repository, reference) is None:
                raise _unknown(repository, reference)
            self._delete_tags(repository, [reference])
            return
        name = f"{repository}@{reference}"
        if self._store.get(_MANIFEST, name) is None:
            raise _unknown(repository, reference)
        tags = [tag.name for tag in self.tags_of(repository, reference)]
        if self._choices.strict_deletes:
            if tags:
                raise RegistryError("GOOGLE_MANIFEST_DANGLING_TAG", f"Manifest is still referenced by tag: {tags[0]}")
            self.check_no_parent(repository, reference)
        with self._store.transaction():
            self._delete_tags(repository, tags)
            self._store.delete(_MANIFEST, name)

    def check_no_parent(self, repository: str, digest: str) -> None:
        """Refuses to delete what an index points at.

        Raises:
            RegistryError: `GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE`.
        """
        parents = self._store.list(_MANIFEST, prefix=f"{repository}@", keys={f"child {digest}": ""}, limit=1)
        if parents:
            raise RegistryError(
                "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE",
                f"Manifest is still referenced by index: {parents[0].name.rpartition('@')[2]}",
            )

    def _delete_tags(self, repository: str, tags: Sequence[str]) -> None:
        if tags and self._policy.tags_are_immutable(repository):
            raise _immutable(tags[0])
        for tag in tags:
            self._store.delete(_TAG, tag_document(repository, tag))

    def manifests(self, repository: str, *, after: str = "", limit: int = -1) -> list[StoredManifest]:
        """A repository's manifests in the order of their digests, those after a digest."""
        return self._list(repository, {}, after, limit)

    def tags(self, repository: str, *, after: str = "", limit: int = -1) -> list[Tag]:
        """A repository's tags in lexical order (case-insensitive), those after a tag, which need not be there.

        Raises:
            RegistryError: `NAME_UNKNOWN`.
        """
        if self._store.get(_REPOSITORY, repository) is None:
            raise RegistryError("NAME_UNKNOWN", "repository name not known to registry", detail={"name": repository})
        start = tag_document(repository, after) if after else None
        documents = self._store.list(_TAG, prefix=f"{repository}:", order="name", after=start, limit=limit)
        return [Tag.load(document.payload) for document in documents]

    def tags_of(self, repository: str, digest: str) -> list[Tag]:
        """The tags that point at a manifest, in lexical order."""
        documents = self._store.list(_TAG, keys={"manifest": f"{repository}@{digest}"}, order="name")
        return [Tag.load(document.payload) for document in documents]

    def find_tag(self, repository: str, tag: str) -> Tag | None:
        """A tag, `None` when it isn't there."""
        payload = self._store.get(_TAG, tag_document(repository, tag))
        return None if payload is None else Tag.load(payload)

    def created(self, repository: str) -> datetime | None:
        """When the first manifest came, `None` when none did."""
        payload = self._store.get(_REPOSITORY, repository)
        return None if payload is None else datetime.fromisoformat(json.loads(payload)["created"])

    def referrers(
        self, repository: str, subject: str, *, artifact_type: str = "", after: str = "", limit: int = -1
    ) -> list[dict[str, Any]]:
        """The descriptors of the manifests about a subject, which need not be there, in the order of their digests."""
        keys = {"subject": subject} | ({"artifact type": artifact_type} if artifact_type else {})
        return [stored.descriptor() for stored in self._list(repository, keys, after, limit)]

    def repositories(self, *, prefix: str = "", after: str | None = None, limit: int = -1) -> list[str]:
        """The names of the repositories that ever held a manifest, in order."""
        documents = self._store.list(_REPOSITORY, prefix=prefix, order="name", after=after, limit=limit)
        return [document.name for document in documents]

    def _list(self, repository: str, keys: Mapping[str, str], after: str, limit: int) -> list[StoredManifest]:
        prefix = f"{repository}@"
        documents = self._store.list(
            _MANIFEST, prefix=prefix, keys=keys, order="name", after=prefix + after, limit=limit
        )
        return [
            StoredManifest.load(repository, document.name.removeprefix(prefix), document.payload)
            for document in documents
        ]

    def _check_movable(self, repository: str, tag: str, digest: str) -> None:
        if self._tagged(repository, tag) not in {None, digest} and self._policy.tags_are_immutable(repository):
            raise _immutable(tag)

    def _check_references(self, repository: str, manifest: Manifest) -> None:
        missing = []
        for blob in manifest.blobs:
            size = self._blobs.size(repository, blob.digest)
            if size is None:
                missing.append(blob.digest)
            elif size != blob.size:
                raise RegistryError(
                    "MANIFEST_INVALID", f"{blob.digest} has {size} bytes, not the {blob.size} that the manifest says"
                )
        missing += [
            child.digest
            for child in manifest.manifests
            if self._store.get(_MANIFEST, f"{repository}@{child.digest}") is None
            and self._blobs.size(repository, child.digest) is None
        ]
        if missing and not self._choices.sparse_manifests:
            raise RegistryError(
                "MANIFEST_BLOB_UNKNOWN",
                f"the manifest refers to what is not in {repository}: {', '.join(missing)}",
                detail={"digests": missing},
            )

    def _write(self, repository: str, digest: str, manifest: Manifest, content: bytes, now: datetime) -> None:
        name = f"{repository}@{digest}"
        known = self._store.get(_MANIFEST, name)
        pushed = StoredManifest.load(repository, digest, known).pushed if known else now
        stored = StoredManifest(repository, digest, manifest.media_type, pushed, content)
        keys = {f"child {child.digest}": "" for child in manifest.manifests}
        if manifest.subject:
            keys |= {"subject": manifest.subject.digest, "artifact type": manifest.artifact_type}
        self._store.put(_MANIFEST, name, stored.dump(), parent=repository, keys=keys)

    def _tag(self, repository: str, tag: str, digest: str, now: datetime) -> None:
        if self._tagged(repository, tag) == digest:
            return
        payload = Tag(tag, digest, now).dump()
        keys = {"manifest": f"{repository}@{digest}"}
        self._store.put(_TAG, tag_document(repository, tag), payload, parent=repository, keys=keys)

    def _tagged(self, repository: str, tag: str) -> str | None:
        found = self.find_tag(repository, tag)
        return None if found is None else found.digest


def _immutable(tag: str) -> RegistryError:
    return RegistryError(
        "DENIED",
        f"cannot update tag {tag}. The repository has enabled tag immutability",
        status=400,
        detail={"tag": tag},
    )


def _unknown(repository: str, reference: str) -> RegistryError:
    return RegistryError(
        "MANIFEST_UNKNOWN", f"manifest unknown: {repository} has no {reference!r}", detail={"reference": reference}
    )
