"""What Artifact Registry's API changes in the registry: tags moved, versions, packages and repositories deleted."""

from dataclasses import dataclass

from google.protobuf import empty_pb2

from msp.localcloud.artifacts import messages as pb
from msp.localcloud.artifacts.images import tag_message
from msp.localcloud.artifacts.names import PackageName, RepositoryName, split
from msp.localcloud.artifacts.repositories import Repositories
from msp.localcloud.methods import AnyMessage
from msp.localcloud.registry import RegistryError
from msp.localcloud.registry.manifests import Manifests
from msp.localcloud.status import ApiError, already_exists, failed_precondition, invalid, not_found


@dataclass(frozen=True)
class Edits:
    """Changes the registry in the terms of Artifact Registry.

    Attributes:
        manifests: The registry's manifests and tags.
        repositories: Which repositories there are.
    """

    manifests: Manifests
    repositories: Repositories

    def create_tag(self, request: AnyMessage) -> AnyMessage:
        """`CreateTag`."""
        package = PackageName.parse(request.parent, "parent")
        name = request.tag_id or request.tag.name.rpartition("/tags/")[2]
        if self.manifests.find_tag(package.reference, name) is not None:
            raise already_exists(f"{package.full}/tags/{name}")
        return self._point(package, name, request.tag.version)

    def update_tag(self, request: AnyMessage) -> AnyMessage:
        """`UpdateTag`: a tag has nothing but its version."""
        package, name = split(request.tag.name, "tags")
        if self.manifests.find_tag(package.reference, name) is None:
            raise not_found(request.tag.name)
        return self._point(package, name, request.tag.version)

    def delete_tag(self, request: AnyMessage) -> AnyMessage:
        """`DeleteTag`."""
        package, name = split(request.name, "tags")
        if self.manifests.find_tag(package.reference, name) is None:
            raise not_found(request.name)
        self._delete(package, name)
        return empty_pb2.Empty()

    def delete_version(self, request: AnyMessage) -> AnyMessage:
        """`DeleteVersion`: one that is tagged only with `force`, and then with its tags."""
        package, digest = split(request.name, "versions")
        tags = self.manifests.tags_of(package.reference, digest)
        if tags and not request.force:
            raise failed_precondition(
                f"{request.name} is tagged {tags[0].name}; delete it with force, or its tags first"
            )
        try:
            self.manifests.check_no_parent(package.reference, digest)
            for tag in tags:
                self.manifests.delete(package.reference, tag.name)
            self.manifests.delete(package.reference, digest)
        except RegistryError as error:
            if error.code == "MANIFEST_UNKNOWN":
                raise not_found(request.name) from None
            raise failed_precondition(error.message) from None
        return empty_pb2.Empty()

    def delete_versions(self, request: AnyMessage) -> AnyMessage:
        """`BatchDeleteVersions`: all or none of them."""
        for name in request.names:
            package, digest = split(name, "versions")
            if request.parent and package != PackageName.parse(request.parent, "parent"):
                raise invalid("names", f"{name!r} is not below {request.parent}")
            if not self._is_there(package, digest):
                raise not_found(name)
        for name in request.names:
            self.delete_version(pb.DeleteVersionRequest(name=name, force=True))
        return empty_pb2.Empty()

    def delete_package(self, request: AnyMessage) -> AnyMessage:
        """`DeletePackage`: with all its versions and tags."""
        package = PackageName.parse(request.name)
        if self.manifests.created(package.reference) is None:
            raise not_found(request.name)
        self.manifests.delete_repository(package.reference)
        return empty_pb2.Empty()

    def delete_repository(self, request: AnyMessage) -> AnyMessage:
        """`DeleteRepository`: with all its packages."""
        prefix = RepositoryName.parse(request.name).reference
        for name in self.manifests.repositories(prefix=f"{prefix}/"):
            self.manifests.delete_repository(name)
        return self.repositories.delete(request)

    def _is_there(self, package: PackageName, digest: str) -> bool:
        try:
            self.manifests.get(package.reference, digest)
        except RegistryError:
            return False
        return True

    def _point(self, package: PackageName, name: str, version: str) -> AnyMessage:
        owner, digest = split(version, "versions")
        if owner != package:
            raise invalid("tag.version", f"{version!r} is not a version of {package.full}")
        try:
            self.manifests.tag(package.reference, name, digest)
        except RegistryError as error:
            raise _as_api_error(error, version) from None
        found = self.manifests.find_tag(package.reference, name)
        assert found is not None  # noqa: S101 (it was just written)
        return tag_message(package, found)

    def _delete(self, package: PackageName, reference: str) -> None:
        try:
            self.manifests.delete(package.reference, reference)
        except RegistryError as error:
            raise _as_api_error(error, f"{package.full}/tags/{reference}") from None


def _as_api_error(error: RegistryError, name: str) -> ApiError:
    if error.code == "MANIFEST_UNKNOWN":
        return not_found(name)
    if error.code == "TAG_INVALID":
        return invalid("tag_id", error.message)
    return failed_precondition(error.message)
