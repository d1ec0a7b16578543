"""All that can be known before anything is changed, asked at once; everything that is wrong is told together."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from msp.delivery.clients import Clients
from msp.delivery.plan import ReleasePlan
from msp.errors import MspError
from msp.gcp.artifact_registry import Package
from msp.gcp.deploy_resources import DeliveryPipeline, Release, RenderState, RolloutState
from msp.gcp.errors import NotFoundError, PermissionDeniedError, UnreachableError
from msp.image.parallel import run_all
from msp.image.reference import Repository
from msp.pipeline import names

# Enough to see what a target runs, past a few rollouts that failed.
_ROLLOUTS = 20


@dataclass(frozen=True)
class Problem:
    """Something that stands in the way, and what to do about it."""

    message: str
    hint: str = ""


class PreflightError(MspError):
    """The release can't be made. Nothing was changed.

    Attributes:
        problems: Everything that stands in the way.
    """

    def __init__(self, plan: ReleasePlan, problems: tuple[Problem, ...]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{plan.target} can't be released: {count}", hint="\n".join(map(_listed, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Running:
    """What a target runs.

    Attributes:
        release: The release's id.
        rollout: The id of the rollout that brought it there.
        digest: The image's; empty where the release doesn't say.
        commit: The commit it was built from; empty where the release doesn't say.
    """

    release: str
    rollout: str
    digest: str
    commit: str


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        stages: The ids of the pipeline's targets, in order.
        existing: The release of the plan's id, where it is there already.
        running: What the first stage runs; None where nothing, where that can't be told, or where it is changing.
        warnings: What is odd and doesn't stand in the way.
    """

    stages: tuple[str, ...]
    existing: Release | None
    running: Running | None
    warnings: tuple[str, ...]


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
        self._make_pipeline = make_pipeline
        self._lock = threading.Lock()
        self._problems: list[Problem] = []
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
            raise PreflightError(self._plan, tuple(dict.fromkeys(self._problems)))
        return Survey(self._stages, self._existing, self._running, tuple(self._warnings))

    def _all(self, tasks: list[Callable[[], None]]) -> None:
        run_all([partial(self._caught, task) for task in tasks], workers=len(tasks), stop=threading.Event())

    def _caught(self, task: Callable[[], None]) -> None:
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
            self._problems.append(Problem(message, hint))

    def _warn(self, text: str) -> None:
        with self._lock:
            self._warnings.append(text)

    def _look_at_pipeline(self) -> None:
        plan = self._plan
        try:
            pipeline = self._clients.deploy.get_pipeline(plan.pipeline)
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

    def _check_pipeline(self, pipeline: DeliveryPipeline) -> None:
        plan = self._plan
        self._stages = pipeline.stages
        if pipeline.suspended:
            self._problem(
                f"delivery pipeline {plan.pipeline!r} is suspended: it takes no releases",
                "whoever suspended it had a reason; when that is gone, set rollout.suspended to false and apply\n"
                f"see {plan.pipeline_url}",
            )
        if not pipeline.stages:
            self._problem(f"delivery pipeline {plan.pipeline!r} has no stages", f"mend it: {self._make_pipeline}")
        elif plan.stages and pipeline.stages[0] != plan.stages[0]:
            self._problem(
                f"the first stage of {plan.pipeline!r} is {pipeline.stages[0]!r}, and the specification "
                f"says {plan.stages[0]!r}",
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
            found = self._clients.deploy.get_target(target)
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
        if not found.custom_target_type:
            self._warn(f"target {target!r} has no custom target type: what it deploys is not known here")
            return
        try:
            self._clients.deploy.get_custom_target_type(found.custom_target_type)
        except NotFoundError:
            kind = found.custom_target_type.rpartition("/")[2]
            self._problem(
                f"custom target type {kind!r} of target {target!r} does not exist",
                f"make it: {self._make_pipeline}",
            )

    def _look_at_running(self, target: str) -> None:
        deploy, plan = self._clients.deploy, self._plan
        try:
            rollouts = deploy.newest_rollouts(plan.pipeline, target, most=_ROLLOUTS)
            current = next((each for each in rollouts if each.state in _BROUGHT_SOMETHING), None)
            if current is None or not current.state.ended:
                return
            release = deploy.get_release(plan.pipeline, current.release_id)
        except NotFoundError:
            return  # There is no pipeline, which is somebody else's to say.
        except PermissionDeniedError as error:
            self._warn(f"what {target!r} runs can't be told: {error.message}")
            return
        self._running = Running(
            release.release_id, current.rollout_id, release_digest(release), release.annotations.get("commit", "")
        )

    def _look_at_release(self) -> None:
        plan = self._plan
        try:
            self._existing = self._clients.deploy.get_release(plan.pipeline, plan.release)
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
        plan, artifacts = self._plan, self._clients.artifacts
        place = Repository.parse(plan.image)
        package = Package.of_image(place.host, place.name)
        if package is None:
            return  # Another registry, which tells when it is pushed to.
        try:
            repository = artifacts.get_repository(package)
        except NotFoundError:
            self._problem(
                f"repository {package.repository!r} does not exist in Artifact Registry, "
                f"project {package.project}, {package.location}",
                f"make it: gcloud artifacts repositories create {package.repository} --repository-format=docker"
                f" --location={package.location} --project={package.project}",
            )
            return
        except PermissionDeniedError:
            self._warn(f"whether {plan.image} can be pushed to can't be told: no permission to look")
            return
        if repository.format not in {"", "DOCKER"}:
            self._problem(
                f"{package.repository_name} holds {repository.format} packages, no images",
                "correct `repository`: it takes a repository of the format DOCKER",
            )
        elif repository.mode not in {"", "MODE_UNSPECIFIED", "STANDARD_REPOSITORY"}:
            self._problem(
                f"{package.repository_name} is a {repository.mode.lower().replace('_', ' ')}, which can't be pushed to",
                "correct `repository`: it takes a standard repository",
            )
        elif repository.immutable_tags:
            self._check_immutable_tag(package)

    def _check_immutable_tag(self, package: Package) -> None:
        plan = self._plan
        there = self._clients.artifacts.tag_digest(package, plan.tag)
        if there and plan.digest and there != plan.digest:
            self._problem(
                f"{plan.image}:{plan.tag} is {there} and can't be moved (its repository has immutable tags); "
                f"this image is {plan.digest}",
                "give another --build_number, or another --tag",
            )


_BROUGHT_SOMETHING = frozenset(RolloutState) - {
    RolloutState.FAILED,
    RolloutState.CANCELLED,
    RolloutState.APPROVAL_REJECTED,
}


def release_digest(release: Release) -> str:
    """The digest of the image that a release deploys; empty where it goes by the tag alone."""
    return release.deploy_parameters.get(names.DIGEST_PARAMETER) or release.annotations.get("digest", "")


def unfit(plan: ReleasePlan, release: Release) -> Problem | None:
    """Why a release of the plan's id can't be taken up as the plan's, if it can't."""
    again = "give another --build_number, or another --release"
    there = release_digest(release)
    if plan.digest and there and there != plan.digest:
        return Problem(
            f"release {plan.release!r} exists with digest {there}; this image has digest {plan.digest}",
            f"the same commit and build number made two different images: {again}",
        )
    tag = release.deploy_parameters.get(names.TAG_PARAMETER, "")
    if not there and tag != plan.tag:
        return Problem(f"release {plan.release!r} exists with tag {tag!r}; this image has tag {plan.tag!r}", again)
    if release.abandoned:
        return Problem(f"release {plan.release!r} was abandoned, and can't be rolled out any more", again)
    if release.render_state is RenderState.FAILED:
        return Problem(
            f"release {plan.release!r} could not be rendered: {render_failure(release)}",
            f"a release is rendered once; when the cause is mended, {again}\nsee {plan.release_url}",
        )
    return None


def render_failure(release: Release, target: str = "") -> str:
    """Why a release could not be rendered, for one target or for the first that has something to say."""
    renders = [release.target_renders[target]] if target in release.target_renders else release.target_renders.values()
    said = (f"{render.failure_message or render.failure_cause}" for render in renders)
    return next((text for text in said if text), "no reason was given")


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


def _listed(problem: Problem) -> str:
    lines = [f"- {problem.message}", *(f"  {line}" for line in problem.hint.splitlines())]
    return "\n".join(lines)
