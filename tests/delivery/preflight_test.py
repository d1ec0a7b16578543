"""What stands in the way is told before anything is changed: all of it, each with what to do."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from msp import names
from msp.delivery.image_push import LayoutPush, ProgramPush
from msp.delivery.outcome import DeliveryError, GuardError
from msp.delivery.planning.overrides import Overrides
from msp.delivery.preflight.findings import PreflightError
from msp.errors import MspError, UsageError
from msp.gcp.endpoints import Endpoints
from msp.image.layout import Layout, LayoutError
from msp.image.progress import Silent

if TYPE_CHECKING:
    from tests.delivery.conftest import Recorder, World

PINNED = f"gcr.io/google.com/cloudsdktool/google-cloud-cli@sha256:{'0123456789abcdef' * 4}"
CLOUD_DEPLOY = "google.cloud.deploy.v1.CloudDeploy"
ARTIFACTS = "google.devtools.artifactregistry.v1.ArtifactRegistry"


def refused(world: "World", image: Path, **settings: Any) -> dict[str, str]:
    """The problems that a deployment ended with, and what to do about each; nothing was written."""
    with pytest.raises(PreflightError) as raised:
        world.deliver(image, **settings)
    assert raised.value.exit_code == 1
    for problem in raised.value.problems:
        assert problem.hint
        assert problem.message in raised.value.hint
    return {problem.message: problem.hint for problem in raised.value.problems}


def only(problems: dict[str, str]) -> tuple[str, str]:
    (found,) = problems.items()
    return found


def assert_untouched(world: "World") -> None:
    assert world.tag("0123456789ab_42") is None


def test_no_pipeline_and_no_source_are_told_together(bare_world: "World") -> None:
    problems = refused(bare_world, bare_world.image(b"layer"))
    assert len(problems) == 2
    pipeline, source = problems
    assert "delivery pipeline 'svc" in pipeline
    assert "does not exist in project" in pipeline
    assert "apply" in problems[pipeline]
    assert (
        source
        == f"gs://{bare_world.project}-cloudrun-skaffold/source.tar.gz, which releases are made from, is not there"
    )
    assert_untouched(bare_world)


@pytest.mark.parametrize(("action_image", "warned"), [(None, False), ("", False), (PINNED, True)])
def test_an_archive_that_this_version_would_not_make(
    world: "World", make_recorder: "type[Recorder]", action_image: str | None, *, warned: bool
) -> None:
    recorder, made = make_recorder(), dataclasses.replace(world.plan(), action_image=action_image)
    assert world.deliver(world.image(b"layer"), made, report=recorder.report).exit_code == 0
    said = [text for text in recorder.warnings if "is not what this version makes" in text]
    assert bool(said) is warned
    assert all("apply" in text for text in said)


@pytest.mark.parametrize(("archive", "warned"), [("ours", False), ("another", True), ("not shown", True)])
def test_whose_bucket_it_is_matters_where_its_archive_is_not_ours(
    world: "World", make_recorder: "type[Recorder]", archive: str, *, warned: bool
) -> None:
    recorder = make_recorder()
    world.fault("storage/ListBuckets", code="PERMISSION_DENIED")
    if archive == "not shown":
        world.fault("storage/GetObject", code="PERMISSION_DENIED")
    made = dataclasses.replace(world.plan(), action_image=PINNED if archive == "another" else None)
    assert world.deliver(world.image(b"layer"), made, report=recorder.report).exit_code == 0
    said = [text for text in recorder.warnings if text.startswith("whose bucket")]
    assert bool(said) is warned
    assert all("roles/storage.bucketViewer" in text for text in said)
    assert bool(recorder.warnings) is warned


def test_a_suspended_pipeline(bare_world: "World") -> None:
    bare_world.make_pipeline(suspended=True)
    with pytest.raises(GuardError, match="is suspended") as raised:
        bare_world.deliver(bare_world.image(b"layer"))
    assert (raised.value.exit_code, raised.value.state) == (4, "BLOCKED")
    assert "rollout.suspended" in raised.value.hint
    assert_untouched(bare_world)


def test_a_pipeline_without_its_target(bare_world: "World") -> None:
    bare_world.make_source()
    body = {"serialPipeline": {"stages": [{"targetId": "staging-us-central1"}]}}
    name = names.pipeline_id(bare_world.service, "us-central1")
    bare_world.call("POST", f"/v1/{bare_world.location}/deliveryPipelines", body, deliveryPipelineId=name)
    message, _ = only(refused(bare_world, bare_world.image(b"layer")))
    assert message.startswith("target 'staging-us-central1' does not exist")


def test_a_target_without_its_type(bare_world: "World") -> None:
    bare_world.make_source()
    bare_world.make_target("staging")
    body = {"serialPipeline": {"stages": [{"targetId": "staging-us-central1"}]}}
    name = names.pipeline_id(bare_world.service, "us-central1")
    bare_world.call("POST", f"/v1/{bare_world.location}/deliveryPipelines", body, deliveryPipelineId=name)
    message, _ = only(refused(bare_world, bare_world.image(b"layer")))
    assert message == "custom target type 'cloud-run-service' of target 'staging-us-central1' does not exist"


def test_a_pipeline_without_stages(bare_world: "World") -> None:
    bare_world.make_pipeline(stages=())
    message, _ = only(refused(bare_world, bare_world.image(b"layer")))
    assert "has no stages" in message


def test_a_target_that_deploys_another_image(bare_world: "World") -> None:
    bare_world.make_source()
    bare_world.make_type()
    bare_world.make_target("staging", deployParameters={names.IMAGE_PARAMETER: "us.gcr.io/other/app"})
    body = {"serialPipeline": {"stages": [{"targetId": "staging-us-central1"}]}}
    name = names.pipeline_id(bare_world.service, "us-central1")
    bare_world.call("POST", f"/v1/{bare_world.location}/deliveryPipelines", body, deliveryPipelineId=name)
    message, hint = only(refused(bare_world, bare_world.image(b"layer")))
    assert "deploys us.gcr.io/other/app" in message
    assert "repository" in hint


@pytest.mark.parametrize(
    ("said", "expected", "hint"),
    [
        ("Permission 'clouddeploy.releases.get' denied", "no permission in project", "roles/clouddeploy.releaser"),
        ("Permission denied on resource project svc.", "does not exist, or you can't see it", "gcp_project"),
        ("Cloud Deploy API has not been used in project 1", "has not been used", "gcloud services enable"),
    ],
    ids=["permission", "project", "service"],
)
def test_no_permission(world: "World", said: str, expected: str, hint: str) -> None:
    world.fault(f"{CLOUD_DEPLOY}/*", code="PERMISSION_DENIED", message=said)
    problem, remedy = only(refused(world, world.image(b"layer")))
    assert expected in problem
    assert hint in remedy
    assert_untouched(world)


def test_no_such_project(world: "World") -> None:
    world.fault(f"{CLOUD_DEPLOY}/GetDeliveryPipeline", code="NOT_FOUND", message="Project 'nowhere' not found")
    problem, remedy = only(refused(world, world.image(b"layer")))
    assert "Project 'nowhere' not found" in problem
    assert "gcp_project" in remedy


def test_credentials_that_are_turned_down_are_told_once(world: "World") -> None:
    world.fault("google.*", code="UNAUTHENTICATED", message="Request had invalid authentication credentials.")
    problem, remedy = only(refused(world, world.image(b"layer")))
    assert "invalid authentication" in problem
    assert "gcloud auth application-default login" in remedy


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"format": "MAVEN"}, "holds MAVEN packages, no images"),
        ({"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}, "is a remote repository, which can't be pushed to"),
    ],
    ids=["format", "mode"],
)
def test_a_repository_that_takes_no_images(world: "World", answer: dict[str, str], expected: str) -> None:
    if "mode" in answer:
        answer = {**answer, "remoteRepositoryConfig": {"dockerRepository": {"publicRepository": "DOCKER_HUB"}}}  # type: ignore[dict-item]
    path = f"/v1/projects/{world.project}/locations/us/repositories"
    world.call("POST", path, answer, repositoryId="us.gcr.io")
    assert expected in only(refused(world, world.image(b"layer")))[0]


def test_no_such_repository(world: "World", make_recorder: "type[Recorder]") -> None:
    recorder = make_recorder()
    world.fault(f"{ARTIFACTS}/GetRepository", code="NOT_FOUND")
    world.fault("registry/StartBlobUpload", http_status=404)
    problem, remedy = only(refused(world, world.image(b"layer"), report=recorder.report))
    assert "repository 'us.gcr.io' does not exist" in problem
    assert "gcloud artifacts repositories create us.gcr.io" in remedy
    assert recorder.told == ["planned", "preflight passed", "failed"]
    assert_untouched(world)


def test_no_such_repository_is_told_with_whatever_else_stands_in_the_way(bare_world: "World") -> None:
    bare_world.fault(f"{ARTIFACTS}/GetRepository", code="NOT_FOUND")
    *_, last = refused(bare_world, bare_world.image(b"layer"))
    assert "repository 'us.gcr.io' does not exist" in last


def test_no_such_repository_is_told_before_a_program_pushes(world: "World") -> None:
    world.fault(f"{ARTIFACTS}/GetRepository", code="NOT_FOUND")
    with pytest.raises(PreflightError, match="can't be released") as raised:
        world.deliver(ProgramPush(world.tmp_path / "never_started"))
    assert "repository 'us.gcr.io' does not exist" in raised.value.hint


def test_a_registry_that_refuses_for_another_reason_says_it_itself(world: "World") -> None:
    world.fault("registry/StartBlobUpload", code="PERMISSION_DENIED", message="not you")
    with pytest.raises(DeliveryError, match="not you"):
        world.deliver(world.image(b"layer"))


def test_artifact_registry_is_not_asked_where_the_registry_takes_the_image(world: "World") -> None:
    world.fault(f"{ARTIFACTS}/GetRepository", code="NOT_FOUND")
    assert world.deliver(world.image(b"layer")).state == "SUCCEEDED"


def test_a_repository_that_one_may_not_look_at_is_no_problem(world: "World") -> None:
    world.fault(f"{ARTIFACTS}/GetRepository", code="PERMISSION_DENIED")
    world.fault("storage/GetObject", http_status=403)
    assert world.deliver(world.image(b"layer")).state == "SUCCEEDED"


def test_a_tag_that_may_not_move(world: "World") -> None:
    path = f"/v1/projects/{world.project}/locations/us/repositories"
    world.call("POST", path, {"format": "DOCKER", "dockerConfig": {"immutableTags": True}}, repositoryId="us.gcr.io")
    first, second = world.image(b"one"), world.image(b"two")
    world.deliver(first, world.plan(build_number="1"))
    taken = world.plan(build_number="2", overrides=Overrides(tag="0123456789ab_1"))
    problem, remedy = only(refused(world, second, made=taken))
    assert Layout(first).digest in problem
    assert Layout(second).digest in problem
    assert "--tag" in remedy


def test_a_release_with_another_digest_is_left_alone(world: "World") -> None:
    first, second = world.image(b"one"), world.image(b"two")
    world.deliver(first)
    problem, remedy = only(refused(world, second))
    assert Layout(first).digest in problem
    assert Layout(second).digest in problem
    assert "--build_number" in remedy
    assert world.tag("0123456789ab_42") == Layout(first).digest


def test_an_abandoned_release(world: "World") -> None:
    image = world.image(b"layer")
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    assert world.deliver(image).exit_code == 3
    world.call("POST", f"/v1/{world.pipeline}/releases/deploy-0123456789ab-42:abandon", {})
    assert "was abandoned" in only(refused(world, image))[0]


def test_a_release_that_could_not_be_rendered(world: "World") -> None:
    image = world.image(b"layer")
    world.fault("execution/render/*", code="INTERNAL", message="no such action", times=1)
    outcome = world.deliver(image)
    assert outcome.exit_code == 3
    assert "no such action" in outcome.failure
    for _ in range(2):
        again = world.deliver(image)
        assert (again.state, again.exit_code) == ("SUCCEEDED", 0)
        assert again.release == "deploy-0123456789ab-42-r2"
    assert len(world.releases()) == 2


def test_an_image_and_a_pipeline_that_are_both_wrong_are_told_together(bare_world: "World") -> None:
    image = bare_world.image(b"layer")
    blob = max((image / "blobs/sha256").iterdir(), key=lambda file: file.read_bytes() == b"layer")
    blob.write_bytes(b"LAYER")
    world = bare_world
    world.fault(f"{CLOUD_DEPLOY}/GetDeliveryPipeline", latency_seconds=2)
    problems = refused(world, image)
    assert any("does not exist in project" in message for message in problems)
    assert any("the file is corrupt" in message for message in problems)


def test_a_corrupt_blob_is_never_released(world: "World") -> None:
    image = world.image(b"layer")
    blob = max((image / "blobs/sha256").iterdir(), key=lambda file: file.read_bytes() == b"layer")
    blob.write_bytes(b"LAYER")
    with pytest.raises(MspError, match="the file is corrupt") as raised:
        world.deliver(image)
    assert raised.value.exit_code == 2
    assert "build the image again" in raised.value.hint
    assert world.releases() == []
    assert_untouched(world)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image: (image / "index.json").unlink(), "not an OCI layout: it has no index.json"),
        (lambda image: next((image / "blobs/sha256").iterdir()).unlink(), "is not there"),
        (lambda image: replace_in_index(image, "image.manifest", "image.poem"), "unknown media type"),
    ],
    ids=["index", "blob", "media type"],
)
def test_a_directory_that_is_no_whole_image(world: "World", spoil: Any, message: str) -> None:
    image = world.image(b"layer")
    spoil(image)
    with pytest.raises(LayoutError, match=message) as raised:
        LayoutPush(image, Silent())
    assert raised.value.hint
    assert isinstance(raised.value, UsageError)


def replace_in_index(image: Path, old: str, new: str) -> None:
    index = json.loads((image / "index.json").read_text())
    for manifest in index["manifests"]:
        manifest["mediaType"] = manifest["mediaType"].replace(old, new)
    (image / "index.json").write_text(json.dumps(index))


def test_no_image_at_all(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no such image") as raised:
        LayoutPush(tmp_path / "image", Silent())
    assert "`image`" in raised.value.hint


def test_nobody_listens(world: "World") -> None:
    nobody = Endpoints.local("127.0.0.1:1")
    problem, remedy = only(refused(world, world.image(b"layer"), endpoints=nobody))
    assert "127.0.0.1:1 can't be reached" in problem
    assert "//tools:local_cloud" in remedy
