"""What Cloud Deploy needs of the other services."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class Images(Protocol):
    """The registry, as far as deploying needs it."""

    def has_image(self, repository: str, reference: str, /) -> str | None:
        """The digest (`sha256:…`) of an image, or `None` when it is not there.

        Args:
            repository: With the registry's host: `us.gcr.io/p/app`.
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
