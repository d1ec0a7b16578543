"""All that can be known before anything is changed, asked at once; everything that is wrong is told together."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msp import names
from msp.delivery.clients import Clients
from msp.delivery.existing import renders_no_more, unfit
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Findings, PreflightError, Problem
from msp.delivery.preflight.guards import Ruling, Verdict
from msp.delivery.preflight.inquiry import Inquiry, at_once
from msp.delivery.preflight.repository import repository_problem, tag_digest
from msp.delivery.preflight.source import look_at_bucket, look_at_source
from msp.errors import MspError
from msp.gcp.errors import NotFoundError, PermissionDeniedError, UnreachableError
from msp.gcp.messages import last_part
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
        clients: The services that are asked.
        judge: Says whether the plan may be carried out, by what is known of the pipeline's rollouts.
        now: The time, in UTC.
    """

    def __init__(
        self, plan: ReleasePlan, clients: Clients, *, judge: Callable[[Facts, ReleasePlan], Verdict], now: datetime
    ) -> None:
        self._plan = plan
        self._clients = clients
        self._deploy = clients.deploy
        self._judge = judge
        self._now = now
        self._inquiry = Inquiry(partial(_explained, plan, clients))
        self._stages: tuple[str, ...] = ()
        self._existing: Release | None = None
        self._facts: Facts | None = None

    def run(self) -> Findings:
        """Asks everything.

        Raises:
            PreflightError: Something stands in the way; all of it is in there.
        """
        plan, inquiry = self._plan, self._inquiry
        questions: list[Callable[[], None]] = [
            self._look_at_rollouts if plan.stages else self._look_at_rollouts_and_targets,
            *(partial(self._look_at_target, target) for target in plan.stages),
            self._look_at_release,
            partial(look_at_source, plan, self._clients.storage, inquiry),
            partial(look_at_bucket, plan, self._clients.storage, inquiry),
            self._look_at_tag,
        ]
        inquiry.ask(*questions)
        verdict = self._judge(self._facts, self._plan) if self._facts else Verdict()
        if inquiry.problems:
            # Whoever has to mend something wants to hear all of it.
            if verdict.ruling is Ruling.BLOCKED:
                inquiry.ask(partial(inquiry.problem, verdict.message, verdict.hint))
            inquiry.ask(self._look_at_repository, first=len(questions))
            raise PreflightError(plan, inquiry.problems)
        return Findings(self._plan, self._stages, self._existing, self._facts, verdict, tuple(inquiry.warnings))

    def _look_at_rollouts(self) -> None:
        plan = self._plan
        try:
            self._facts = read_facts(plan, self._clients, self._now)
            self._stages = tuple(stage.target for stage in self._facts.pipeline.stages)
            self._check_stages()
        except NotFoundError as error:
            if "deliveryPipelines" not in error.message and "roject" in error.message:
                self._inquiry.problem(f"project {plan.project!r}: {error.message}", "is gcp_project right?")
            else:
                self._inquiry.problem(
                    f"delivery pipeline {plan.pipeline!r} does not exist in project {plan.project}, {plan.region}",
                    f"make it: {plan.make_pipeline}\nor correct gcp_project, msp_service_id or gcp_region",
                )
        except PermissionDeniedError as error:
            # Whoever may see the pipeline may release; what it runs is another matter.
            pipeline = self._deploy.read(self._deploy.client.get_delivery_pipeline, name=plan.pipeline_name)
            self._stages = tuple(stage.target_id for stage in pipeline.serial_pipeline.stages)
            self._inquiry.warn(f"what {plan.pipeline!r} runs can't be told: {error.message}")

    def _look_at_rollouts_and_targets(self) -> None:
        self._look_at_rollouts()
        self._inquiry.ask(*(partial(self._look_at_target, target) for target in self._stages))

    def _check_stages(self) -> None:
        plan, stages = self._plan, self._stages
        if not stages:
            self._inquiry.problem(
                f"delivery pipeline {plan.pipeline!r} has no stages", f"mend it: {plan.make_pipeline}"
            )
        elif plan.stages and stages[0] != plan.stages[0]:
            self._inquiry.problem(
                f"the first stage of {plan.pipeline!r} is {stages[0]!r}, and the specification says {plan.stages[0]!r}",
                f"bring the pipeline up to date: {plan.make_pipeline}",
            )

    def _look_at_target(self, target: str) -> None:
        plan = self._plan
        try:
            name = names.target_name(plan.project, plan.region, target)
            found = self._deploy.read(self._deploy.client.get_target, name=name)
        except NotFoundError:
            self._inquiry.problem(
                f"target {target!r} does not exist in project {plan.project}, {plan.region}",
                f"make it: {plan.make_pipeline}",
            )
            return
        image = found.deploy_parameters.get(names.IMAGE_PARAMETER)
        if image is not None and image != plan.image:
            self._inquiry.problem(
                f"target {target!r} deploys {image}, and the image goes to {plan.image}",
                f"correct `repository`, or bring the target up to date: {plan.make_pipeline}",
            )
        kind = found.custom_target.custom_target_type
        if not kind:
            self._inquiry.warn(f"target {target!r} has no custom target type: what it deploys is not known here")
            return
        try:
            self._deploy.read(self._deploy.client.get_custom_target_type, name=self._type_name(kind))
        except NotFoundError:
            self._inquiry.problem(
                f"custom target type {last_part(kind)!r} of target {target!r} does not exist",
                f"make it: {plan.make_pipeline}",
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
                    self._inquiry.problem(problem.message, problem.hint)
                break
            said = f"release {plan.release!r} could not be rendered, which happens once: the next one is made"
            self._inquiry.warn(said)
        self._plan = plan

    def _look_at_tag(self) -> None:
        """Asks Artifact Registry only where the registry itself gives a reason to: its library is slow to import.

        A repository that is not there, or takes no images, turns down the first blob, long before a tag is written.
        """
        there = tag_digest(self._plan, self._clients) if self._plan.digest else ""
        if not self._plan.digest or there not in {"", self._plan.digest}:
            self._look_at_repository(there)

    def _look_at_repository(self, there: str = "") -> None:
        try:
            found = repository_problem(self._plan, self._clients, there)
        except PermissionDeniedError:
            self._inquiry.warn(f"whether {self._plan.image} can be pushed to can't be told: no permission to look")
            return
        if found:
            self._inquiry.problem(found.message, found.hint)


def read_facts(plan: ReleasePlan, clients: Clients, now: datetime) -> Facts:
    """What is known of the plan's pipeline, in as many calls at once as it takes. Raises as `Reader.pipeline`."""
    return Reader(clients.deploy, _BOUNDS, at_once).pipeline(plan.pipeline_name, now)


def _explained(plan: ReleasePlan, clients: Clients, error: MspError) -> Problem:
    match error:
        case PermissionDeniedError():
            return _denied(error.message, plan)
        case UnreachableError() if clients.endpoints.is_local:
            port = urlsplit(clients.endpoints.cloud_deploy).port
            return Problem(
                error.message, f"start it: bazel run {plan.tools}:local_cloud -- --port={port} --grpc_port=0"
            )
    return Problem(error.message, error.hint)


def _denied(message: str, plan: ReleasePlan) -> Problem:
    if "has not been used" in message or "SERVICE_DISABLED" in message:
        return Problem(
            f"project {plan.project}: {message}",
            f"run: gcloud services enable clouddeploy.googleapis.com --project={plan.project}",
        )
    if "resource project" in message or "CONSUMER_INVALID" in message:
        return Problem(
            f"project {plan.project!r} does not exist, or you can't see it: {message}", "is gcp_project right?"
        )
    return Problem(
        f"no permission in project {plan.project}: {message}",
        f"ask for roles/clouddeploy.releaser and roles/clouddeploy.viewer in {plan.project}",
    )
