"""Releases: created with snapshots of all they need, rendered, abandoned."""

from collections.abc import Callable
from datetime import timedelta

from google.cloud.deploy_v1.types import SkaffoldSupportState

from msp.localcloud.deploy import conditions, names, stages, validation
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.config import check_skaffold_version
from msp.localcloud.deploy.execution import Executor, Outcome
from msp.localcloud.deploy.resources import CUSTOM_TARGET_TYPE, PIPELINE, RELEASE, TARGET, Resources
from msp.localcloud.engine import Engine
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import failed_precondition, invalid

_OUTPUT_ONLY = (
    *("name", "uid", "abandoned", "create_time", "render_start_time", "render_end_time", "etag"),
    *("delivery_pipeline_snapshot", "target_snapshots", "custom_target_type_snapshots", "render_state"),
    *("target_artifacts", "target_renders", "condition"),
)


class Releases:
    """Creates, renders and abandons releases.

    Args:
        resources: Loads what is released, and saves releases.
        engine: Renders them after a while.
        executor: Renders.
        render_time: How long that takes.
    """

    def __init__(self, resources: Resources, engine: Engine, executor: Executor, render_time: timedelta) -> None:
        self._resources = resources
        self._executor = executor
        self._render_time = render_time
        self.listeners: list[Callable[[pb.Release], None]] = []
        """Called when a release was rendered, successfully or not, or abandoned."""
        engine.on("render", self._render)

    def create(self, request: "pb.CreateReleaseRequest") -> AnyMessage:
        """`CreateRelease`.

        Raises:
            ApiError: `NOT_FOUND` (the pipeline), `ALREADY_EXISTS`, `INVALID_ARGUMENT`, `FAILED_PRECONDITION` (the
                pipeline is suspended or not ready).
        """
        release_id = names.check_id("release_id", request.release_id)
        pipeline = self._resources.get(PIPELINE, request.parent)
        name = f"{request.parent}/releases/{release_id}"
        release = pb.Release()
        release.CopyFrom(request.release)
        if release.name and release.name != name:
            raise invalid("release.name", f"{release.name!r} is not {name!r}, as parent and id say")
        for output in _OUTPUT_ONLY:
            release.ClearField(output)
        validation.common("release", release)
        validation.deploy_parameters("release.deploy_parameters", release.deploy_parameters)
        release.name = name
        release.skaffold_version = check_skaffold_version(release.skaffold_version)
        if pipeline.suspended:
            raise failed_precondition(f"DeliveryPipeline '{pipeline.name}' is suspended: no release can be created")
        self._snapshot(release, pipeline)
        release.render_state = pb.Release.RenderState.IN_PROGRESS
        now = self._resources.clock.now()
        release.render_start_time.FromDatetime(now)
        for target in release.target_snapshots:
            state = pb.Release.TargetRender.TargetRenderState.IN_PROGRESS
            release.target_renders[target.target_id].rendering_state = state
        release.condition.release_ready_condition.status = False
        supported = release.condition.skaffold_supported_condition
        supported.status = True
        supported.skaffold_support_state = int(SkaffoldSupportState.SKAFFOLD_SUPPORT_STATE_SUPPORTED)
        self._resources.create(RELEASE, release)
        self._resources.store.schedule(now + self._render_time, "render", name)
        return release

    def _snapshot(self, release: "pb.Release", pipeline: "pb.DeliveryPipeline") -> None:
        conditions.fill(self._resources, pipeline)
        condition = pipeline.condition
        if missing := condition.targets_present_condition.missing_targets:
            raise failed_precondition(
                f"DeliveryPipeline '{pipeline.name}' has targets that do not exist: {', '.join(missing)}"
            )
        if not condition.targets_type_condition.status:
            details = condition.targets_type_condition.error_details
            raise failed_precondition(f"DeliveryPipeline '{pipeline.name}' is not ready: {details}")
        if not pipeline.serial_pipeline.stages:
            raise failed_precondition(f"DeliveryPipeline '{pipeline.name}' has no stages")
        release.delivery_pipeline_snapshot.CopyFrom(pipeline)
        wanted = [stage.target_id for stage in pipeline.serial_pipeline.stages]
        types: set[str] = set()
        for target_id in wanted:
            target = self._resources.get(TARGET, names.target(pipeline.name, target_id))
            if target.name in {snapshot.name for snapshot in release.target_snapshots}:
                continue
            release.target_snapshots.append(target)
            wanted.extend(target.multi_target.target_ids)
            if target.HasField("custom_target"):
                types.add(conditions.custom_type_name(target))
        for kind in sorted(types):
            release.custom_target_type_snapshots.append(self._resources.get(CUSTOM_TARGET_TYPE, kind))

    def _render(self, name: str) -> None:
        """Ends the rendering of a release; a task of the engine."""
        release = self._resources.find(RELEASE, name)
        if release is None:
            return
        outcomes = self._executor.render(release)
        for target_id, outcome in outcomes.items():
            self._note(release, target_id, outcome)
        failed = any(outcome.failure for outcome in outcomes.values())
        states = pb.Release.RenderState
        release.render_state = states.FAILED if failed else states.SUCCEEDED
        release.render_end_time.FromDatetime(self._resources.clock.now())
        release.condition.release_ready_condition.status = not failed
        self._resources.save(RELEASE, release)
        self._tell(release)

    def _note(self, release: "pb.Release", target_id: str, outcome: Outcome) -> None:
        render = release.target_renders[target_id]
        states = pb.Release.TargetRender.TargetRenderState
        render.rendering_build = f"{names.location(release.name)}/builds/{self._resources.token()}"
        if outcome.failure:
            render.rendering_state = states.FAILED
            render.failure_cause = pb.Release.TargetRender.FailureCause.Value(outcome.cause)
            render.failure_message = outcome.failure
            return
        render.rendering_state = states.SUCCEEDED
        project, location = release.name.split("/")[1:4:2]
        artifact = release.target_artifacts[target_id]
        pipeline = names.last(names.pipeline(release.name))
        artifact.artifact_uri = (
            f"gs://{location}.deploy-artifacts.{project}.appspot.com/{pipeline}-{release.uid}/"
            f"{names.last(release.name)}/{target_id}"
        )
        for phase in stages.phases(stages.stage(release, target_id).strategy):
            artifact.phase_artifacts[phase.id].skaffold_config_path = f"{phase.id}/skaffold.yaml"
            artifact.phase_artifacts[phase.id].manifest_path = f"{phase.id}/manifest.yaml"

    def abandon(self, request: "pb.AbandonReleaseRequest") -> AnyMessage:
        """`AbandonRelease`: no rollout can be created from it any more, for good.

        Raises:
            ApiError: `NOT_FOUND`.
        """
        with self._resources.store.transaction():
            release = self._resources.get(RELEASE, request.name)
            if not release.abandoned:
                release.abandoned = True
                release.condition.release_ready_condition.status = False
                self._resources.save(RELEASE, release)
                self._tell(release)
        return pb.AbandonReleaseResponse()

    def _tell(self, release: "pb.Release") -> None:
        for listener in self.listeners:
            listener(release)
