"""What Cloud Deploy needs of the other services."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True)
class Image:
    """An image that can be deployed.

    Attributes:
        repository: With the registry's host: `us.gcr.io/p/app`.
        digest: `sha256:…`; empty when nobody here knows it, for an image of another registry that is named by tag.
    """

    repository: str
    digest: str


class Images(Protocol):
    """The registry, as far as deploying needs it."""

    def find(self, repository: str, reference: str, /) -> Image | None:
        """The image, or `None` when it is not there.

        Args:
            repository: As a release names it: `us.gcr.io/p/app`.
            reference: A tag or a digest.
        """


class Buckets(Protocol):
    """Storage, as far as rendering needs it."""

    def read(self, bucket: str, object_name: str, /) -> bytes | None:
        """An object's content, or `None` when it or its bucket is not there."""


@dataclass(frozen=True)
class Pace:
    """How long things take.

    Attributes:
        operation: A long-running operation.
        render: The rendering of a release.
        job: Each job of a rollout: predeploy, deploy, verify, postdeploy.
    """

    operation: timedelta = timedelta(0)
    render: timedelta = timedelta(0)
    job: timedelta = timedelta(0)
