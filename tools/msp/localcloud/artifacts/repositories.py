"""The repositories: made, changed and deleted through the API, or made by the first push."""

from dataclasses import dataclass, field

from google.protobuf import empty_pb2

from msp.localcloud import iam
from msp.localcloud.artifacts import messages as pb
from msp.localcloud.artifacts.names import PackageName, RepositoryName, check_new
from msp.localcloud.clock import Clock
from msp.localcloud.listing import Listing
from msp.localcloud.methods import AnyMessage
from msp.localcloud.registry.policy import OpenPolicy
from msp.localcloud.status import already_exists, invalid, not_found
from msp.localcloud.store import Store

KIND = "artifacts.repository"
# proto-plus calls a field that is named like a Python builtin `format_`.
_FIXED = ("format_", "mode", "kms_key_name")
_OUTPUT_ONLY = ("create_time", "update_time", "size_bytes", "registry_uri", "satisfies_pzs", "satisfies_pzi")


@dataclass(frozen=True)
class Repositories:
    """Artifact Registry's repositories, and what they mean for pushes (a `RepositoryPolicy`).

    Attributes:
        store: Where they are kept.
        clock: The time.
        strict: Whether a repository must have been made through the API, as at Google. Otherwise every repository
            of Docker images exists, and is kept from the first push on.
        default: The rules for what is not declared.
    """

    store: Store
    clock: Clock
    strict: bool = False
    default: OpenPolicy = field(default_factory=OpenPolicy)

    def find(self, name: RepositoryName) -> AnyMessage | None:
        """A repository; `None` when there is none."""
        payload = self.store.get(KIND, name.full)
        if payload is not None:
            return pb.Repository.FromString(payload)
        return None if self.strict else self._undeclared(name)

    def get(self, name: str) -> AnyMessage:
        """The repository of a name.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `NOT_FOUND`.
        """
        found = self.find(RepositoryName.parse(name))
        if found is None:
            raise not_found(name)
        return found

    def listing(self) -> Listing:
        """How repositories are listed."""
        return Listing(KIND, "repositories", pb.Repository, "name")

    def create(self, request: AnyMessage) -> AnyMessage:
        """Makes the repository in a request.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `ALREADY_EXISTS`.
        """
        name = check_new(request.parent, request.repository_id)
        if self.store.get(KIND, name.full) is not None:
            raise already_exists(name.full)
        repository = pb.Repository()
        repository.CopyFrom(request.repository)
        if repository.name not in {"", name.full}:
            raise invalid("repository.name", f"{repository.name!r} is not {name.full!r}, as parent and id say")
        if not repository.format_:
            raise invalid("repository.format", "must be given")
        if repository.docker_config.ByteSize() and repository.format_ != _docker():
            raise invalid("repository.docker_config", "is for repositories of the format DOCKER")
        for output in _OUTPUT_ONLY:
            repository.ClearField(output)
        repository.mode = repository.mode or _standard()
        return self._keep(name, repository)

    def update(self, request: AnyMessage) -> AnyMessage:
        """Changes the repository in a request by its mask; `*`, or no mask, is all of it.

        Raises:
            ApiError: `INVALID_ARGUMENT`: an unknown field, or one that can't be changed; `NOT_FOUND`.
        """
        given, mask = request.repository, request.update_mask
        stored = self.get(given.name)
        changed = pb.Repository()
        if not mask.paths or "*" in mask.paths:
            changed.CopyFrom(given)
            for fixed in _FIXED:
                if not getattr(given, fixed):
                    setattr(changed, fixed, getattr(stored, fixed))
        elif mask.IsValidForDescriptor(stored.DESCRIPTOR):
            changed.CopyFrom(stored)
            mask.MergeMessage(given, changed, True, True)
        else:
            raise invalid("update_mask", f"names a field that is not there: {', '.join(mask.paths)}")
        for fixed in (*_FIXED, "name"):
            if getattr(changed, fixed) != getattr(stored, fixed):
                raise invalid(f"repository.{fixed.rstrip('_')}", "can't be changed")
        for output in _OUTPUT_ONLY:
            changed.ClearField(output)
        changed.create_time.CopyFrom(stored.create_time)
        return self._keep(RepositoryName.parse(stored.name), changed)

    def delete(self, request: AnyMessage) -> AnyMessage:
        """Forgets a repository; its content is not this class's business.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `NOT_FOUND`.
        """
        if not self.store.delete(KIND, RepositoryName.parse(request.name).full):
            raise not_found(request.name)
        iam.forget(self.store, request.name)
        return empty_pb2.Empty()

    def accepts(self, repository: str) -> bool:
        """Whether the registry's `us-docker.pkg.dev/p/r/app` can be pushed to."""
        package = PackageName.of_reference(repository)
        if package is None:
            return self.default.accepts(repository)
        found = self.find(package.repository)
        return found is not None and found.format_ == _docker() and found.mode == _standard()

    def tags_are_immutable(self, repository: str) -> bool:
        """Whether the repository, or the default, has it so."""
        package = PackageName.of_reference(repository)
        found = None if package is None else self.find(package.repository)
        return self.default.tags_are_immutable(repository) or (found is not None and found.docker_config.immutable_tags)

    def pushed(self, repository: str) -> None:
        """Keeps the repository if it was not declared, so that it is listed."""
        package = PackageName.of_reference(repository)
        if package is not None and self.store.get(KIND, package.repository.full) is None:
            self._keep(package.repository, self._undeclared(package.repository))

    def _undeclared(self, name: RepositoryName) -> AnyMessage:
        return pb.Repository(name=name.full, format_=_docker(), mode=_standard(), registry_uri=name.reference)

    def _keep(self, name: RepositoryName, repository: AnyMessage) -> AnyMessage:
        now = self.clock.now()
        repository.name = name.full
        if not repository.HasField("create_time"):
            repository.create_time.FromDatetime(now)
        repository.update_time.FromDatetime(now)
        if repository.format_ == _docker():
            repository.registry_uri = name.reference
        parent = f"projects/{name.project}/locations/{name.location}"
        self.store.put(KIND, name.full, repository.SerializeToString(), parent=parent)
        return repository


def _docker() -> int:
    return int(pb.Repository.Format.Value("DOCKER"))


def _standard() -> int:
    return int(pb.Repository.Mode.Value("STANDARD_REPOSITORY"))
