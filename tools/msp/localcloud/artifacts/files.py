"""A repository's files: what its images are made of, manifests and blobs alike."""

from collections.abc import Iterator, Mapping

from google.protobuf.message import Message

from msp.localcloud.artifacts import messages as pb
from msp.localcloud.artifacts.images import listed
from msp.localcloud.artifacts.names import PackageName, RepositoryName
from msp.localcloud.artifacts.repositories import Repositories
from msp.localcloud.listed import Listed
from msp.localcloud.methods import AnyMessage
from msp.localcloud.registry import RegistryState
from msp.localcloud.status import invalid, not_found


class Files:
    """Reads the registry's manifests and blobs as files, each named by its digest.

    Args:
        registry: The registry.
        repositories: Which repositories there are.
    """

    def __init__(self, registry: RegistryState, repositories: Repositories) -> None:
        self._registry = registry
        self._repositories = repositories

    def list(self, request: AnyMessage) -> Listed:
        """`ListFiles`."""
        self._repositories.get(request.parent)
        files = self._files(RepositoryName.parse(request.parent, "parent"))

        def rows(after: str, limit: int) -> Iterator[tuple[str, Message]]:
            names = [name for name in sorted(files) if name > after]
            yield from ((name, files[name]) for name in (names if limit < 0 else names[:limit]))

        return listed(rows, pb.File, "files", request, pb.ListFilesResponse)

    def get(self, request: AnyMessage) -> AnyMessage:
        """`GetFile`."""
        parent, _, digest = request.name.partition("/files/")
        if not digest:
            raise invalid("name", f"{request.name!r} is not …/repositories/*/files/*")
        self._repositories.get(parent)
        found = self._files(RepositoryName.parse(parent)).get(digest)
        if found is None:
            raise not_found(request.name)
        return found

    def _files(self, repository: RepositoryName) -> Mapping[str, AnyMessage]:
        prefix, files = f"{repository.reference}/", {}
        for digest, (size, created) in self._registry.blobs.below(prefix).items():
            files[digest] = _file(repository, digest, size)
            files[digest].create_time.FromDatetime(created)
        for name in self._registry.manifests.repositories(prefix=prefix):
            package = PackageName.of_reference(name)
            for stored in self._registry.manifests.manifests(name) if package else ():
                file = files[stored.digest] = _file(repository, stored.digest, len(stored.content))
                file.create_time.FromDatetime(stored.pushed)
                file.owner = f"{package.full}/versions/{stored.digest}" if package else ""
        for file in files.values():
            file.update_time.CopyFrom(file.create_time)
        return files


def _file(repository: RepositoryName, digest: str, size: int) -> AnyMessage:
    algorithm, _, value = digest.partition(":")
    # The API has no name for SHA-512.
    hashes = [pb.Hash(type_="SHA256", value=bytes.fromhex(value))] if algorithm == "sha256" else []
    return pb.File(name=f"{repository.full}/files/{digest}", size_bytes=size, hashes=hashes)
