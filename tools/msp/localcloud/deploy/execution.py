"""What a render and a job do, and how they fail: the stand-in for Cloud Build."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msp.localcloud import newer_fields
from msp.localcloud.caller import Caller
from msp.localcloud.deploy import manifests, names, skaffold, stages
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.ports import Buckets, Images, Serving
from msp.localcloud.deploy.resources import slot
from msp.localcloud.deploy.source import Source, SourceError, unpack
from msp.localcloud.faults import Fault, Faults
from msp.localcloud.status import ApiError
from msp.localcloud.store import Store


@dataclass(frozen=True)
class Outcome:
    """How a render or a job ended.

    Attributes:
        failure: Why it failed; empty when it did not.
        cause: The name of the `FailureCause`.
        values: What it reports, as a custom action's `results.json` would.
    """

    failure: str = ""
    cause: str = "EXECUTION_FAILED"
    values: Mapping[str, str] = field(default_factory=dict)


class Executor:
    """Runs renders and jobs.

    Args:
        images: Where a deploy looks for its image.
        buckets: Where a render reads the source.
        faults: `execution/render/{target}`, `execution/deploy/{target}`, … make them fail.
        store: Where it is recorded what runs in a target.
        serving: Where a deploy's service runs.
    """

    def __init__(self, images: Images, buckets: Buckets, faults: Faults, store: Store, serving: Serving) -> None:
        self._images = images
        self._buckets = buckets
        self._faults = faults
        self._store = store
        self._serving = serving

    def render(self, release: "pb.Release") -> dict[str, Outcome]:
        """Renders a release for each of its targets; by target id."""
        try:
            source = unpack(self._archive(release))
            config = skaffold.read(source, release.skaffold_config_path)
        except SourceError as error:
            return {target.target_id: Outcome(str(error)) for target in release.target_snapshots}
        return {target.target_id: self._render(release, target, source, config) for target in release.target_snapshots}

    def _archive(self, release: "pb.Release") -> bytes:
        uri = release.skaffold_config_uri
        bucket, _, object_name = uri.removeprefix("gs://").partition("/")
        if not uri.startswith("gs://") or not object_name:
            raise SourceError(f"the release has no source: skaffoldConfigUri is {uri!r}")
        archive = self._buckets.read(bucket, object_name)
        if archive is None:
            raise SourceError(f"the source {uri} does not exist")
        return archive

    def _render(
        self, release: "pb.Release", target: "pb.Target", source: Source, config: skaffold.SkaffoldConfig
    ) -> Outcome:
        if fault := self._faults.take_failure(f"execution/render/{target.target_id}"):
            return _faulty(fault)
        stage = stages.stage(release, target.target_id)
        wanted = set(stages.actions(stage.strategy))
        custom = stages.custom_type(release, target)
        if custom is not None and not custom.custom_actions.include_skaffold_modules:
            wanted |= {custom.custom_actions.render_action, custom.custom_actions.deploy_action} - {""}
        if missing := sorted(set(stage.profiles) - config.profiles):
            return Outcome(f"skaffold.yaml has no profile {', '.join(missing)}")
        if missing := sorted(wanted - config.custom_actions(stage.profiles)):
            return Outcome(f"skaffold.yaml has no custom action {', '.join(missing)}", "CUSTOM_ACTION_NOT_FOUND")
        if stages.verifies(stage.strategy) and not config.verifies(stage.profiles):
            return Outcome("skaffold.yaml has no verify section", "VERIFICATION_CONFIG_NOT_FOUND")
        # A render action does with the files what it likes; without one, skaffold renders them.
        if not target.HasField("multi_target") and not _renders_itself(custom):
            try:
                manifests.check(source, config, stage.profiles)
            except SourceError as error:
                return Outcome(str(error))
        return Outcome()

    def run(self, kind: str, release: "pb.Release", rollout: "pb.Rollout") -> Outcome:
        """Runs one job of a rollout.

        Args:
            kind: `predeploy`, `deploy`, `verify`, `postdeploy`.
            release: The rollout's release.
            rollout: The rollout.
        """
        if fault := self._faults.take_failure(f"execution/{kind}/{rollout.target_id}"):
            return _faulty(fault)
        return self._deploy(release, rollout) if kind == "deploy" else Outcome()

    def _deploy(self, release: "pb.Release", rollout: "pb.Rollout") -> Outcome:
        """A deploy runs what the registry has: by digest where the release says one, else by tag."""
        wanted, problem = self._wanted(release, rollout.target_id)
        if problem:
            return Outcome(problem)
        digests, images = {}, []
        for repository, reference in wanted:
            image = self._images.find(repository, reference)
            if image is None:
                return Outcome(f"image {join_image(repository, reference)} does not exist in the registry")
            images.append(join_image(image.repository, image.digest or reference))
            if image.digest:
                digests[image.repository] = image.digest
        try:
            self._serve(release, rollout.target_id, wanted)
        except ApiError as error:
            return Outcome(f"gcloud run deploy failed: {error.message}")
        running = {
            "release": names.last(release.name),
            "rollout": rollout.name,
            "images": images,
            "reference": ", ".join(join_image(*image) for image in wanted),
        }
        self._store.put("running", slot(rollout), json.dumps(running).encode(), parent=names.pipeline(rollout.name))
        return Outcome(values=digests)

    def _serve(self, release: "pb.Release", target_id: str, images: Sequence[tuple[str, str]]) -> None:
        """What the deploy action does with a target's service: `gcloud run deploy`, as the account that executes it."""
        parameters = stages.parameters(release, target_id)
        service, project = parameters.get("customTarget/serviceID"), parameters.get("customTarget/projectID")
        if not service or not project:
            return
        _, own_project, _, location, *_ = release.name.split("/")
        account = stages.executor(stages.target(release, target_id), own_project)
        name = f"projects/{project}/locations/{location}/services/{service}-{target_id}"
        caller = Caller(principal=account, user_agent="google-cloud-sdk gcloud command/gcloud.run.deploy", ip="private")
        for image in images:
            self._serving.deploy(name, join_image(*image), caller)

    def _wanted(self, release: "pb.Release", target_id: str) -> tuple[list[tuple[str, str]], str]:
        """Images with their tag or digest that a deploy to a target needs, or what is missing to say so."""
        parameters = stages.parameters(release, target_id)
        image = parameters.get("customTarget/image", "")
        if image:
            reference = parameters.get("customTarget/digest") or parameters.get("customTarget/tag", "")
            if not reference:
                return [], f"target {target_id}: neither customTarget/digest nor customTarget/tag is set for {image}"
            return [(image, reference)], ""
        return [split_image(artifact.tag or artifact.image) for artifact in release.build_artifacts], ""


def split_image(image: str) -> tuple[str, str]:
    """Repository and digest, or tag (`latest` if there is none), of an image's full reference."""
    repository, at, digest = image.partition("@")
    path, slash, end = repository.rpartition("/")
    name, _, tag = end.partition(":")
    return f"{path}{slash}{name}", digest if at else tag or "latest"


def join_image(repository: str, reference: str) -> str:
    """The full reference of a repository's tag or digest."""
    return f"{repository}{'@' if ':' in reference else ':'}{reference}"


def _faulty(fault: Fault) -> Outcome:
    known = {"DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED", "UNAVAILABLE": "CLOUD_BUILD_UNAVAILABLE"}
    return Outcome(fault.message, known.get(fault.code or "", "EXECUTION_FAILED"))


def _renders_itself(custom: "pb.CustomTargetType | None") -> bool:
    """Whether a custom target type has an action or a task of its own for rendering."""
    return custom is not None and bool(
        custom.custom_actions.render_action or "render" in newer_fields.get(custom).get("tasks", {})
    )
