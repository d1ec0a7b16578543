"""Cloud Deploy, as far as a deployment needs it, without the second that importing Google's own client takes."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from msp.gcp.deploy_resources import CustomTargetType, DeliveryPipeline, Operation, Release, Rollout, Target
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import CODE_BY_NUMBER, api_error
from msp.gcp.polling import Polling
from msp.gcp.session import Session

T = TypeVar("T")

# The most that the API gives at once (ListReleasesRequest.page_size).
_PAGE_SIZE = 1000


class CloudDeploy:
    """The Cloud Deploy resources of one project and region, by their ids.

    Every method raises `ApiError` (of the class that belongs to its code), `UnreachableError` and `CredentialsError`.
    Reads are repeated when they fail on the way; creations too, with the same `requestId`, which the service honours
    for at least an hour, so that a lost answer does not create twice.
    """

    def __init__(
        self, session: Session, endpoints: Endpoints, *, project: str, region: str, polling: Polling | None = None
    ) -> None:
        self._session = session
        self._base = f"{endpoints.cloud_deploy}/v1/"
        self._polling = polling or Polling()
        self.location = f"projects/{project}/locations/{region}"

    def pipeline_name(self, pipeline: str) -> str:
        """The full name of a delivery pipeline."""
        return f"{self.location}/deliveryPipelines/{pipeline}"

    def release_name(self, pipeline: str, release: str) -> str:
        """The full name of a release."""
        return f"{self.pipeline_name(pipeline)}/releases/{release}"

    def get_pipeline(self, pipeline: str) -> DeliveryPipeline:
        """The delivery pipeline with this id."""
        return DeliveryPipeline.from_json(self._get(self.pipeline_name(pipeline)))

    def get_target(self, target: str) -> Target:
        """The target with this id."""
        return Target.from_json(self._get(f"{self.location}/targets/{target}"))

    def get_custom_target_type(self, name: str) -> CustomTargetType:
        """The custom target type with this id, or this full name, as a target has it."""
        full = name if "/" in name else f"{self.location}/customTargetTypes/{name}"
        return CustomTargetType.from_json(self._get(full))

    def get_release(self, pipeline: str, release: str) -> Release:
        """The release with this id."""
        return Release.from_json(self._get(self.release_name(pipeline, release)))

    def list_releases(self, pipeline: str, *, filter: str = "", order_by: str = "") -> Iterator[Release]:  # noqa: A002
        """Releases of a pipeline.

        Args:
            pipeline: Its id.
            filter: Which, as in https://google.aip.dev/160: `abandoned = false`.
            order_by: In which order: `create_time desc`.
        """
        name = f"{self.pipeline_name(pipeline)}/releases"
        return self._list(name, "releases", Release.from_json, filter, order_by)

    def create_release(
        self, pipeline: str, release_id: str, release: Release, *, request_id: str | None = None
    ) -> Operation:
        """Starts to create a release; `wait` for the operation.

        Args:
            pipeline: The pipeline's id.
            release_id: The new release's id.
            release: What it holds.
            request_id: A UUID; another request with the same one creates nothing and gets the first one's answer.

        Raises:
            AlreadyExistsError: There is a release with this id.
            FailedPreconditionError: The pipeline is suspended.
        """
        name = f"{self.pipeline_name(pipeline)}/releases"
        return self._create(name, {"releaseId": release_id}, release.to_json(), request_id)

    def get_rollout(self, pipeline: str, release: str, rollout: str) -> Rollout:
        """The rollout with this id."""
        return Rollout.from_json(self._get(f"{self.release_name(pipeline, release)}/rollouts/{rollout}"))

    def list_rollouts(
        self,
        pipeline: str,
        release: str = "-",
        *,
        filter: str = "",  # noqa: A002 - the API's name for it
        order_by: str = "",
    ) -> Iterator[Rollout]:
        """Rollouts of a release, or of all releases of the pipeline where `release` is `-`. As `list_releases`."""
        name = f"{self.release_name(pipeline, release)}/rollouts"
        return self._list(name, "rollouts", Rollout.from_json, filter, order_by)

    def newest_rollouts(self, pipeline: str, target: str, *, most: int) -> tuple[Rollout, ...]:
        """Up to `most` (1,000 or less) rollouts to a target of any release of the pipeline, the newest first."""
        query = {"filter": f'targetId="{target}"', "orderBy": "createTime desc", "pageSize": str(most)}
        page = self._session.get(f"{self._base}{self.release_name(pipeline, '-')}/rollouts", query)
        return tuple(map(Rollout.from_json, page.get("rollouts", ())))

    def create_rollout(
        self, pipeline: str, release: str, rollout_id: str, rollout: Rollout, *, request_id: str | None = None
    ) -> Operation:
        """Starts to create a rollout; arguments and errors as for `create_release`."""
        name = f"{self.release_name(pipeline, release)}/rollouts"
        return self._create(name, {"rolloutId": rollout_id}, rollout.to_json(), request_id)

    def get_operation(self, name: str) -> Operation:
        """The operation with this full name."""
        return Operation.from_json(self._get(name))

    def wait(self, operation: Operation, *, timeout: float) -> Operation:
        """Waits until an operation is done.

        Args:
            operation: As it was answered.
            timeout: Seconds to wait at most.

        Raises:
            ApiError: The operation ended with an error, of the class that belongs to its code.
            PollTimeoutError: It did not end in time.
        """
        if not operation.done:
            operation = self._polling.until(
                lambda seen: seen.done,
                lambda: self.get_operation(operation.name),
                timeout=timeout,
                what=f"operation {operation.name}",
            )
        if operation.error_code:
            raise api_error(operation.error_message, code=CODE_BY_NUMBER.get(operation.error_code, "UNKNOWN"))
        return operation

    def _get(self, name: str) -> dict[str, Any]:
        return self._session.get(self._base + name)

    def _create(self, name: str, query: dict[str, str], body: dict[str, Any], request_id: str | None) -> Operation:
        query = {**query, "requestId": request_id or str(uuid.uuid4())}
        return Operation.from_json(self._session.post(self._base + name, body, query, repeatable=True))

    def _list(
        self,
        name: str,
        key: str,
        read: Callable[[dict[str, Any]], T],
        filter: str,  # noqa: A002
        order_by: str,
    ) -> Iterator[T]:
        query = {"filter": filter, "orderBy": order_by, "pageSize": str(_PAGE_SIZE)}
        token = ""
        while True:
            page = self._session.get(self._base + name, {**query, "pageToken": token})
            yield from map(read, page.get(key, ()))
            token = page.get("nextPageToken", "")
            if not token:
                return
