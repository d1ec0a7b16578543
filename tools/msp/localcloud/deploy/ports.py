"""What Cloud Deploy needs of the other services."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from msp.localcloud.caller import Caller

M = TypeVar("M", bound=Message)


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


class Serving(Protocol):
    """Cloud Run, as far as deploying needs it."""

    def deploy(self, name: str, image: str, caller: Caller, /) -> None:
        """Has a service run an image, in a new revision.

        Args:
            name: The service's full name, `projects/p/locations/us-central1/services/s`.
            image: The image's full reference, by tag or digest.
            caller: The service account that deploys.

        Raises:
            ApiError: It can't.
        """


class NoServing:
    """Runs nothing."""

    def deploy(self, _name: str, _image: str, _caller: Caller, /) -> None:
        """Deploys nowhere."""


class Audit(Protocol):
    """The audit log, as far as Cloud Deploy itself acts; the calls of others are logged where they arrive."""

    def automated(self, caller: Caller, method: str, resource: str, request: Message, act: Callable[[], M], /) -> M:
        """Does what an automation asks for, and logs it.

        Args:
            caller: The service account that the automation acts as.
            method: What it would have called, `google.cloud.deploy.v1.CloudDeploy/CreateRollout`.
            resource: The full name of what is changed.
            request: What it would have asked for.
            act: Does it.
        """


class NoAudit:
    """Logs nothing."""

    def automated(self, _caller: Caller, _method: str, _resource: str, _request: Message, act: Callable[[], M], /) -> M:
        """Does what an automation asks for."""
        return act()


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
