"""Docker images, packages, versions and tags: the registry's repositories, as Artifact Registry shows them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from msp.localcloud.artifacts import messages as pb
from msp.localcloud.artifacts.names import PackageName, RepositoryName, split
from msp.localcloud.artifacts.repositories import Repositories
from msp.localcloud.listed import Listed
from msp.localcloud.listing import Listing, page
from msp.localcloud.methods import AnyMessage
from msp.localcloud.registry import RegistryError, RegistryState
from msp.localcloud.registry.manifest import Manifest
from msp.localcloud.registry.records import StoredManifest, Tag
from msp.localcloud.status import invalid, not_found
from msp.localcloud.store import Document, Order

_MOST_CONFIG_BYTES = 1024 * 1024

Rows = Callable[[str, int], Iterator[tuple[str, Message]]]
"""Names and messages in order: those after a name (empty: from the first), as many as are asked for (-1: all)."""


@dataclass(frozen=True)
class _View:
    """What the registry holds, listed as if it were documents of the store."""

    rows: Rows

    def list(
        self,
        kind: str,  # noqa: ARG002 (one view has one kind)
        *,
        parent: str | None = None,  # noqa: ARG002 (one view has one parent)
        prefix: str | None = None,
        keys: Mapping[str, str] | None = None,  # noqa: ARG002 (there are none)
        order: Order = "name",  # noqa: ARG002 (the registry's own)
        after: int | str | None = None,
        limit: int = -1,
    ) -> "list[Document]":
        if prefix is not None:
            raise invalid("parent", "can't hold '-' here")
        found = self.rows(str(after or ""), limit)
        return [Document(0, name, message.SerializeToString()) for name, message in found]


class Images:
    """Reads the registry in the terms of Artifact Registry.

    Args:
        registry: The registry.
        repositories: Which repositories there are.
    """

    def __init__(self, registry: RegistryState, repositories: Repositories) -> None:
        self._registry = registry
        self._manifests = registry.manifests
        self._repositories = repositories

    def get_image(self, request: AnyMessage) -> AnyMessage:
        """`GetDockerImage`."""
        parent, _, image = request.name.rpartition("/dockerImages/")
        package, _, digest = image.rpartition("@")
        if not package:
            raise invalid("name", f"{request.name!r} is not …/repositories/*/dockerImages/*@sha256:…")
        return self._image(self._manifest(PackageName.parse(f"{parent}/packages/{package}"), digest, request.name))

    def list_images(self, request: AnyMessage) -> Listed:
        """`ListDockerImages`: every manifest of every package."""
        repository = self._repository(request.parent)

        def rows(after: str, limit: int) -> Iterator[tuple[str, Message]]:
            package_after, _, digest_after = after.rpartition("@")
            left = limit
            for name in self._names(repository, package_after, including=True):
                start = digest_after if name == package_after else ""
                for stored in self._manifests.manifests(name, after=start, limit=left):
                    left -= 1
                    yield f"{name}@{stored.digest}", self._image(stored)
                if left == 0:
                    return

        return listed(rows, pb.DockerImage, "dockerImages", request, pb.ListDockerImagesResponse)

    def get_package(self, request: AnyMessage) -> AnyMessage:
        """`GetPackage`."""
        package = PackageName.parse(request.name)
        if self._manifests.created(package.reference) is None:
            raise not_found(request.name)
        return self._package(package.reference)

    def list_packages(self, request: AnyMessage) -> Listed:
        """`ListPackages`."""
        repository = self._repository(request.parent)

        def rows(after: str, limit: int) -> Iterator[tuple[str, Message]]:
            for name in self._names(repository, after, limit=limit):
                yield name, self._package(name)

        return listed(rows, pb.Package, "packages", request, pb.ListPackagesResponse)

    def get_version(self, request: AnyMessage) -> AnyMessage:
        """`GetVersion`; its tags, too, when the view is FULL."""
        package, digest = split(request.name, "versions")
        return self._version(self._manifest(package, digest, request.name), full=request.view == _full())

    def list_versions(self, request: AnyMessage) -> Listed:
        """`ListVersions`."""
        package = self._existing(request.parent)

        def rows(after: str, limit: int) -> Iterator[tuple[str, Message]]:
            for stored in self._manifests.manifests(package.reference, after=after, limit=limit):
                yield stored.digest, self._version(stored, full=request.view == _full())

        return listed(rows, pb.Version, "versions", request, pb.ListVersionsResponse)

    def get_tag(self, request: AnyMessage) -> AnyMessage:
        """`GetTag`."""
        package, name = split(request.name, "tags")
        found = self._manifests.find_tag(package.reference, name)
        if found is None:
            raise not_found(request.name)
        return tag_message(package, found)

    def list_tags(self, request: AnyMessage) -> Listed:
        """`ListTags`."""
        package = self._existing(request.parent)

        def rows(after: str, limit: int) -> Iterator[tuple[str, Message]]:
            for found in self._manifests.tags(package.reference, after=after, limit=limit):
                yield found.name, tag_message(package, found)

        return listed(rows, pb.Tag, "tags", request, pb.ListTagsResponse)

    def _repository(self, parent: str) -> RepositoryName:
        self._repositories.get(parent)
        return RepositoryName.parse(parent, "parent")

    def _existing(self, parent: str) -> PackageName:
        package = PackageName.parse(parent, "parent")
        if self._manifests.created(package.reference) is None:
            raise not_found(parent)
        return package

    def _names(
        self, repository: RepositoryName, after: str, *, limit: int = -1, including: bool = False
    ) -> Iterator[str]:
        """The registry's names of a repository's packages, in order."""
        if including and after:
            yield after
        prefix = f"{repository.reference}/"
        yield from self._manifests.repositories(prefix=prefix, after=after or None, limit=limit)

    def _manifest(self, package: PackageName, digest: str, name: str) -> StoredManifest:
        try:
            if ":" in digest:
                return self._manifests.get(package.reference, digest)
        except RegistryError:
            pass
        raise not_found(name)

    def _image(self, stored: StoredManifest) -> AnyMessage:
        package = _package_of(stored.repository)
        manifest = stored.parsed()
        tags = self._manifests.tags_of(stored.repository, stored.digest)
        image = pb.DockerImage(
            name=f"{package.repository.full}/dockerImages/{package.encoded}@{stored.digest}",
            uri=f"{stored.repository}@{stored.digest}",
            tags=[tag.name for tag in tags],
            image_size_bytes=_size(manifest),
            media_type=stored.media_type,
            artifact_type=manifest.artifact_type if manifest.subject else "",
        )
        image.upload_time.FromDatetime(stored.pushed)
        image.update_time.FromDatetime(max([stored.pushed, *(tag.updated for tag in tags)]))
        if built := self._built(stored.repository, manifest):
            image.build_time.FromDatetime(built)
        for child in json.loads(stored.content).get("manifests", ()):
            platform = child.get("platform")
            if isinstance(platform, dict):
                image.image_manifests.append(_child(child, platform))
        return image

    def _built(self, repository: str, manifest: Manifest) -> datetime | None:
        """When an image was built, as its configuration says."""
        if manifest.config is None or manifest.config.size > _MOST_CONFIG_BYTES:
            return None
        try:
            path, _ = self._registry.blobs.open(repository, manifest.config.digest)
            built = datetime.fromisoformat(json.loads(path.read_bytes())["created"])
        except (RegistryError, OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        return built if built.tzinfo else built.replace(tzinfo=UTC)

    def _package(self, reference: str) -> AnyMessage:
        package = _package_of(reference)
        message = pb.Package(name=package.full, display_name=package.package)
        if created := self._manifests.created(reference):
            message.create_time.FromDatetime(created)
            message.update_time.FromDatetime(created)
        return message

    def _version(self, stored: StoredManifest, *, full: bool) -> AnyMessage:
        package, image = _package_of(stored.repository), self._image(stored)
        version = pb.Version(name=f"{package.full}/versions/{stored.digest}")
        version.create_time.CopyFrom(image.upload_time)
        version.update_time.CopyFrom(image.update_time)
        # As untyped metadata, in the spelling that DockerImage's documentation gives.
        version.metadata.update(
            {"name": image.name, "imageSizeBytes": str(image.image_size_bytes), "mediaType": image.media_type}
        )
        if image.HasField("build_time"):
            version.metadata["buildTime"] = image.build_time.ToJsonString()
        if full:
            tags = self._manifests.tags_of(stored.repository, stored.digest)
            version.related_tags.extend(tag_message(package, tag) for tag in tags)
        return version


def tag_message(package: PackageName, tag: Tag) -> AnyMessage:
    """A tag as the API shows it."""
    return pb.Tag(name=f"{package.full}/tags/{tag.name}", version=f"{package.full}/versions/{tag.digest}")


def listed(
    rows: Rows, message: Callable[[], Any], collection: str, request: AnyMessage, response_type: type[Message]
) -> Listed:
    """A page of rows."""
    return page(_View(rows), Listing(f"artifacts.{collection}", collection, message, "name"), request, response_type)


def _package_of(reference: str) -> PackageName:
    package = PackageName.of_reference(reference)
    assert package is not None  # noqa: S101 (it was found below a repository's own prefix)
    return package


def _size(manifest: Manifest) -> int:
    config = manifest.config.size if manifest.config else 0
    return config + sum(part.size for part in (*manifest.layers, *manifest.manifests))


def _child(child: dict[str, Any], platform: dict[str, Any]) -> AnyMessage:
    features = platform.get("os.features")
    return pb.ImageManifest(
        architecture=str(platform.get("architecture") or ""),
        os=str(platform.get("os") or ""),
        digest=str(child.get("digest") or ""),
        media_type=str(child.get("mediaType") or ""),
        os_version=str(platform.get("os.version") or ""),
        os_features=[str(feature) for feature in features] if isinstance(features, list) else [],
        variant=str(platform.get("variant") or ""),
    )


def _full() -> int:
    return 2  # VersionView.FULL
