"""What may be pushed where, as somebody else decides it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Choices:
    """What the distribution specification leaves to a registry.

    Attributes:
        strict_deletes: Whether a manifest that a tag or an index points at stays, as at Google; otherwise its tags go
            with it, as clients of the specification expect.
        sparse_manifests: Whether a manifest may refer to what is not in its repository.
    """

    strict_deletes: bool = False
    sparse_manifests: bool = False


class RepositoryPolicy(Protocol):
    """Rules of repositories. Names are as in references: `us-docker.pkg.dev/project/repository/app`."""

    def accepts(self, repository: str) -> bool:
        """Whether the repository exists, as far as pushes are concerned."""

    def tags_are_immutable(self, repository: str) -> bool:
        """Whether a tag stays where it is once it points at something."""

    def pushed(self, repository: str) -> None:
        """Hears of a push of a manifest, in the transaction that keeps it."""


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """Every repository exists, and all have the same rule for tags.

    Attributes:
        immutable_tags: Whether a tag stays where it is.
    """

    immutable_tags: bool = False

    def accepts(self, repository: str) -> bool:
        """Always."""
        return bool(repository)

    def tags_are_immutable(self, repository: str) -> bool:
        """`immutable_tags`, for each."""
        return bool(repository) and self.immutable_tags

    def pushed(self, repository: str) -> None:
        """Of no interest."""
