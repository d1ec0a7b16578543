"""All that can be known before anything is changed, asked at once; everything that is wrong is told together."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msp import names
from msp.delivery.clients import Clients
from msp.delivery.existing import renders_no_more, unfit
from msp.delivery.gcloud import gcloud_command
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import PreflightError, Problem, Survey
from msp.delivery.preflight.guards import Ruling, Verdict
from msp.delivery.preflight.repository import repository_problem
from msp.errors import MspError
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import NotFoundError, PermissionDeniedError, UnreachableError
from msp.gcp.messages import last_part
from msp.image.parallel import run_all
from msp.rollouts.facts import Facts
from msp.rollouts.reading import Bounds, Reader

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Release

# Enough to see what the stages run, and what was rolled back lately; a stage of which that is not so is asked about.
_BOUNDS = Bounds(releases=100, rollouts=100)
# Releases of one build that could not be rendered.
_MOST_ATTEMPTS = 20


class Preflight:
    """Looks before anything is changed.

    Args:
        plan: What is to be done.
        clients: Whom to ask.
        make_pipeline: The command that makes the pipeline, for whoever has none.
        tools: The package of the tools' targets, as the user's repository writes it: `@rules_msp//tools`.
        judge: Says whether the plan may be carried out, by what is known of the pipeline's rollouts.
        now: The time, aware.
    """

    def __init__(
        self,
        plan: ReleasePlan,
        clients: Clients,
        make_pipeline: str,
        *,
        tools: str,
        judge: Callable[[Facts, ReleasePlan], Verdict],
        now: datetime,
    ) -> None:
        self._plan = plan
        self._judge = judge
        self._now = now
        self._clients = clients
        self._deploy = clients.deploy
        self._make_pipeline = make_pipeline
        self._tools = tools
        self._lock = threading.Lock()
        # Each with the place of its question among all, so that they are told in the same order every time.
        self._problems: list[tuple[tuple[int, ...], Problem]] = []
        self._place = threading.local()
        self._warnings: list[str] = []
        self._stages: tuple[str, ...] = ()
        self._existing: Release | None = None
        self._facts: Facts | None = None

    def run(self) -> Survey:
        """Asks everything.

        Raises:
            PreflightError: Something stands in the way; all of it is in there.
        """
        planned = self._plan.stages
        self._all(
            [
                self._look_at_rollouts if planned else self._look_at_rollouts_and_targets,
                *(partial(self._look_at_target, target) for target in planned),
                self._look_at_release,
                self._look_at_source,
                self._look_at_bucket,
                self._look_at_repository,
            ]
        )
        verdict = Verdict()
        if self._facts is not None:
            self._caught(self._check_stages, (0,))
            verdict = self._judge(self._facts, self._plan)
        if self._problems:
            if verdict.ruling is Ruling.BLOCKED:
                self._problem(verdict.message, verdict.hint)
            in_order = (problem for _, problem in sorted(self._problems, key=lambda each: each[0]))
            raise PreflightError(self._plan, tuple(dict.fromkeys(in_order)))
        return Survey(self._plan, self._stages, self._existing, self._facts, verdict, tuple(self._warnings))

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
            endpoints = self._clients.endpoints
            self._problem(error.message, _start(self._tools, endpoints) if endpoints.is_local else error.hint)
        except MspError as error:
            self._problem(error.message, error.hint)

    def _problem(self, message: str, hint: str = "") -> None:
        with self._lock:
            self._problems.append((self._place.path, Problem(message, hint)))

    def _warn(self, text: str) -> None:
        with self._lock:
            self._warnings.append(text)

    def _look_at_rollouts(self) -> None:
        plan = self._plan
        try:
            self._facts = read_facts(plan, self._clients, self._now)
            self._stages = tuple(stage.target for stage in self._facts.pipeline.stages)
        except NotFoundError as error:
            if "deliveryPipelines" not in error.message and "roject" in error.message:
                self._problem(f"project {plan.project!r}: {error.message}", "is gcp_project right?")
            else:
                self._problem(
                    f"delivery pipeline {plan.pipeline!r} does not exist in project {plan.project}, {plan.region}",
                    f"make it: {self._make_pipeline}\nor correct gcp_project, msp_service_id or gcp_region",
                )
        except PermissionDeniedError as error:
            # Whoever may see the pipeline may release; what it runs is another matter.
            pipeline = self._deploy.read(self._deploy.client.get_delivery_pipeline, name=plan.pipeline_name)
            self._stages = tuple(stage.target_id for stage in pipeline.serial_pipeline.stages)
            self._warn(f"what {plan.pipeline!r} runs can't be told: {error.message}")

    def _look_at_rollouts_and_targets(self) -> None:
        self._look_at_rollouts()
        self._all([partial(self._look_at_target, target) for target in self._stages])

    def _check_stages(self) -> None:
        plan, stages = self._plan, self._stages
        if not stages:
            self._problem(f"delivery pipeline {plan.pipeline!r} has no stages", f"mend it: {self._make_pipeline}")
        elif plan.stages and stages[0] != plan.stages[0]:
            self._problem(
                f"the first stage of {plan.pipeline!r} is {stages[0]!r}, and the specification says {plan.stages[0]!r}",
                f"bring the pipeline up to date: {self._make_pipeline}",
            )

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

    def _look_at_release(self) -> None:
        """Finds the release of the plan's id; of a build whose release could not be rendered, the next one's."""
        asked = plan = self._plan
        for number in range(1, _MOST_ATTEMPTS):
            plan = asked.as_attempt(number)
            try:
                found = self._deploy.read(self._deploy.client.get_release, name=plan.release_name)
            except NotFoundError:
                break
            if not renders_no_more(plan, found):
                self._existing = found
                if problem := unfit(plan, found):
                    self._problem(problem.message, problem.hint)
                break
            self._warn(f"release {plan.release!r} could not be rendered, which happens once: the next one is made")
        self._plan = plan

    def _look_at_source(self) -> None:
        plan = self._plan
        try:
            md5 = self._clients.storage.object_md5(plan.source_uri)
        except PermissionDeniedError:
            self._warn(f"whether {plan.source_uri} is there can't be told: no permission to look")
            return
        if md5 is None:
            message = f"{plan.source_uri}, which releases are made from, is not there"
            self._problem(message, f"mend: {self._make_pipeline}")
        elif md5 and plan.action_image is not None and md5 != _expected_md5(plan.action_image):
            self._warn(
                f"{plan.source_uri} is not what this version makes of the specification: somebody else, or another "
                f"version, made what renders and deploys here; to bring it up to date: {self._make_pipeline}"
            )

    def _look_at_bucket(self) -> None:
        project = self._plan.project
        bucket = names.source_bucket(project)
        try:
            if self._clients.storage.bucket_is_of(project, bucket):
                return
        except PermissionDeniedError:
            # Where the archive is to the byte what this version makes, whoever could have made it did no harm.
            if not self._is_archive_as_made():
                self._warn(
                    f"whose bucket {bucket} is can't be told: no permission to list those of project {project}, which "
                    "roles/storage.bucketViewer gives"
                )
            return
        # Where there is none at all, that the archive isn't there says enough.
        if self._clients.storage.object_md5(self._plan.source_uri) is not None:
            local_cloud, just_number = self._plan.local_cloud, "--format=value(projectNumber)"
            # Without --raw it does not tell the project.
            show = gcloud_command(local_cloud, "storage", "buckets", "describe", f"gs://{bucket}", "--raw", just_number)
            self._problem(
                f"bucket {bucket} is another project's: whoever owns it says what is rolled out in {project}",
                f"bucket names are global; the number of the project whose it is: {show}",
            )

    def _is_archive_as_made(self) -> bool:
        plan = self._plan
        try:
            return self._clients.storage.object_md5(plan.source_uri) == _expected_md5(plan.action_image or "")
        except PermissionDeniedError:
            return False

    def _look_at_repository(self) -> None:
        try:
            found = repository_problem(self._plan, self._clients)
        except PermissionDeniedError:
            self._warn(f"whether {self._plan.image} can be pushed to can't be told: no permission to look")
            return
        if found:
            self._problem(found.message, found.hint)


def read_facts(plan: ReleasePlan, clients: Clients, now: datetime) -> Facts:
    """What is known of the plan's pipeline, in as many calls at once as it takes. Raises as `Reader.pipeline`."""
    return Reader(clients.deploy, _BOUNDS, _at_once).pipeline(plan.pipeline_name, now)


def _start(tools: str, endpoints: Endpoints) -> str:
    port = urlsplit(endpoints.cloud_deploy).port
    return f"start it: bazel run {tools}:local_cloud -- --port={port} --grpc_port=0"


def _expected_md5(action_image: str) -> str:
    # Late: writing YAML is no part of what a delivery does besides.
    from msp.pipeline.fingerprint import archive_md5

    return archive_md5(action_image) if action_image else archive_md5()


def _at_once(tasks: Sequence[Callable[[], None]]) -> None:
    run_all(tasks, workers=len(tasks), stop=threading.Event())


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
