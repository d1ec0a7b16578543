"""All that can be known before anything is changed, asked at once; everything that is wrong is told together."""

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from msp import names
from msp.delivery.clients import Clients
from msp.delivery.existing import release_digest, unfit
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import PreflightError, Problem, Running, Survey
from msp.delivery.preflight.repository import repository_problem
from msp.delivery.rollout import ENDED
from msp.errors import MspError
from msp.gcp.errors import NotFoundError, PermissionDeniedError, UnreachableError
from msp.gcp.messages import enum_name, last_part, part_after
from msp.image.parallel import run_all

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import DeliveryPipeline, Release

# Enough to see what a target runs, past a few rollouts that failed.
_ROLLOUTS = 20


class Preflight:
    """Looks before anything is changed.

    Args:
        plan: What is to be done.
        clients: Whom to ask.
        make_pipeline: The command that makes the pipeline, for whoever has none.
    """

    def __init__(self, plan: ReleasePlan, clients: Clients, make_pipeline: str) -> None:
        self._plan = plan
        self._clients = clients
        self._deploy = clients.deploy
        self._make_pipeline = make_pipeline
        self._lock = threading.Lock()
        # Each with the place of its question among all, so that they are told in the same order every time.
        self._problems: list[tuple[tuple[int, ...], Problem]] = []
        self._place = threading.local()
        self._warnings: list[str] = []
        self._stages: tuple[str, ...] = ()
        self._existing: Release | None = None
        self._running: Running | None = None

    def run(self) -> Survey:
        """Asks everything.

        Raises:
            PreflightError: Something stands in the way; all of it is in there.
        """
        first = self._plan.stages[:1]
        self._all(
            [
                self._look_at_pipeline if first else self._look_at_pipeline_and_its_first_stage,
                *(partial(self._look_at_stage, target) for target in first),
                self._look_at_release,
                self._look_at_source,
                self._look_at_repository,
            ]
        )
        if self._problems:
            in_order = (problem for _, problem in sorted(self._problems, key=lambda each: each[0]))
            raise PreflightError(self._plan, tuple(dict.fromkeys(in_order)))
        return Survey(self._stages, self._existing, self._running, tuple(self._warnings))

    def _all(self, tasks: list[Callable[[], None]]) -> None:
        above = getattr(self._place, "path", ())
        numbered = [partial(self._caught, task, (*above, number)) for number, task in enumerate(tasks)]
        run_all(numbered, workers=len(tasks), stop=threading.Event())

    def _caught(self, task: Callable[[], None], path: tuple[int, ...]) -> None:
        self._place.path = path
        try:
            task()
        except PermissionDeniedError as error:
            self._problem(*_denied(error.message, self._plan))
        except UnreachableError as error:
            local = self._clients.endpoints.is_local
            self._problem(error.message, "start it: bazel run //tools:local_cloud" if local else error.hint)
        except MspError as error:
            self._problem(error.message, error.hint)

    def _problem(self, message: str, hint: str = "") -> None:
        with self._lock:
            self._problems.append((self._place.path, Problem(message, hint)))

    def _warn(self, text: str) -> None:
        with self._lock:
            self._warnings.append(text)

    def _look_at_pipeline(self) -> None:
        plan = self._plan
        try:
            pipeline = self._deploy.read(self._deploy.client.get_delivery_pipeline, name=plan.pipeline_name)
        except NotFoundError as error:
            if "deliveryPipelines" not in error.message and "roject" in error.message:
                self._problem(f"project {plan.project!r}: {error.message}", "is gcp_project right?")
            else:
                self._problem(
                    f"delivery pipeline {plan.pipeline!r} does not exist in project {plan.project}, {plan.region}",
                    f"make it: {self._make_pipeline}\nor correct gcp_project, msp_service_id or gcp_region",
                )
            return
        self._check_pipeline(pipeline)

    def _check_pipeline(self, pipeline: "DeliveryPipeline") -> None:
        plan = self._plan
        stages = tuple(stage.target_id for stage in pipeline.serial_pipeline.stages)
        self._stages = stages
        if pipeline.suspended:
            self._problem(
                f"delivery pipeline {plan.pipeline!r} is suspended: it takes no releases",
                "whoever suspended it had a reason; when that is gone, set rollout.suspended to false and apply\n"
                f"see {plan.pipeline_url}",
            )
        if not stages:
            self._problem(f"delivery pipeline {plan.pipeline!r} has no stages", f"mend it: {self._make_pipeline}")
        elif plan.stages and stages[0] != plan.stages[0]:
            self._problem(
                f"the first stage of {plan.pipeline!r} is {stages[0]!r}, and the specification says {plan.stages[0]!r}",
                f"bring the pipeline up to date: {self._make_pipeline}",
            )

    def _look_at_pipeline_and_its_first_stage(self) -> None:
        self._look_at_pipeline()
        if self._stages:
            self._look_at_stage(self._stages[0])

    def _look_at_stage(self, target: str) -> None:
        self._all([partial(self._look_at_target, target), partial(self._look_at_running, target)])

    def _look_at_target(self, target: str) -> None:
        plan = self._plan
        try:
            name = names.target_name(plan.project, plan.region, target)
            found = self._deploy.read(self._deploy.client.get_target, name=name)
        except NotFoundError:
            self._problem(
                f"target {target!r} does not exist in project {plan.project}, {plan.region}",
                f"make it: {self._make_pipeline}",
            )
            return
        image = found.deploy_parameters.get(names.IMAGE_PARAMETER)
        if image is not None and image != plan.image:
            self._problem(
                f"target {target!r} deploys {image}, and the image goes to {plan.image}",
                f"correct `repository`, or bring the target up to date: {self._make_pipeline}",
            )
        kind = found.custom_target.custom_target_type
        if not kind:
            self._warn(f"target {target!r} has no custom target type: what it deploys is not known here")
            return
        try:
            self._deploy.read(self._deploy.client.get_custom_target_type, name=self._type_name(kind))
        except NotFoundError:
            self._problem(
                f"custom target type {last_part(kind)!r} of target {target!r} does not exist",
                f"make it: {self._make_pipeline}",
            )

    def _type_name(self, kind: str) -> str:
        return kind if "/" in kind else names.custom_target_type_name(self._plan.project, self._plan.region, kind)

    def _look_at_running(self, target: str) -> None:
        deploy, plan = self._deploy, self._plan
        try:
            rollouts = deploy.pages(
                deploy.client.list_rollouts,
                most=_ROLLOUTS,
                parent=f"{plan.pipeline_name}/releases/-",
                filter=f'targetId="{target}"',
                order_by="createTime desc",
            )
            current = next((each for each in rollouts if enum_name(each, "state") not in _BROUGHT_NOTHING), None)
            if current is None or enum_name(current, "state") not in ENDED:
                return
            name = f"{plan.pipeline_name}/releases/{part_after(current.name, 'releases')}"
            release = deploy.read(deploy.client.get_release, name=name)
        except NotFoundError:
            return  # There is no pipeline, which is somebody else's to say.
        except PermissionDeniedError as error:
            self._warn(f"what {target!r} runs can't be told: {error.message}")
            return
        self._running = Running(
            last_part(release.name),
            last_part(current.name),
            release_digest(release),
            release.annotations.get("commit", ""),
        )

    def _look_at_release(self) -> None:
        plan = self._plan
        try:
            self._existing = self._deploy.read(self._deploy.client.get_release, name=plan.release_name)
        except NotFoundError:
            return
        if problem := unfit(plan, self._existing):
            self._problem(problem.message, problem.hint)

    def _look_at_source(self) -> None:
        plan = self._plan
        try:
            if self._clients.storage.object_exists(plan.source_uri):
                return
        except PermissionDeniedError:
            self._warn(f"whether {plan.source_uri} is there can't be told: no permission to look")
            return
        self._problem(f"{plan.source_uri}, which releases are made from, is not there", f"mend: {self._make_pipeline}")

    def _look_at_repository(self) -> None:
        try:
            found = repository_problem(self._plan, self._clients)
        except PermissionDeniedError:
            self._warn(f"whether {self._plan.image} can be pushed to can't be told: no permission to look")
            return
        if found:
            self._problem(found.message, found.hint)


_BROUGHT_NOTHING = frozenset({"FAILED", "CANCELLED", "APPROVAL_REJECTED"})


def _denied(message: str, plan: ReleasePlan) -> tuple[str, str]:
    if "has not been used" in message or "SERVICE_DISABLED" in message:
        return (
            f"project {plan.project}: {message}",
            f"run: gcloud services enable clouddeploy.googleapis.com --project={plan.project}",
        )
    if "resource project" in message or "CONSUMER_INVALID" in message:
        return f"project {plan.project!r} does not exist, or you can't see it: {message}", "is gcp_project right?"
    return (
        f"no permission in project {plan.project}: {message}",
        f"ask for roles/clouddeploy.releaser and roles/clouddeploy.viewer in {plan.project}",
    )
