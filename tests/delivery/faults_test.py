"""Every request of a deployment fails in every way: there is one release with the right digest, or a clear error."""

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.delivery.example import CLOUD_DEPLOY

from msp.delivery.clients import Clients
from msp.delivery.image_push import LayoutPush
from msp.errors import MspError
from msp.image.layout import Layout
from msp.image.progress import Silent
from msp.image.repository import RemoteRepository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.conftest import World

METHODS = [
    f"{CLOUD_DEPLOY}/GetDeliveryPipeline",
    f"{CLOUD_DEPLOY}/GetTarget",
    f"{CLOUD_DEPLOY}/GetCustomTargetType",
    f"{CLOUD_DEPLOY}/GetRelease",
    f"{CLOUD_DEPLOY}/ListRollouts",
    f"{CLOUD_DEPLOY}/ListReleases",
    f"{CLOUD_DEPLOY}/ListTargets",
    f"{CLOUD_DEPLOY}/ListDeployPolicies",
    f"{CLOUD_DEPLOY}/ListAutomations",
    "storage/ListBuckets",
    "google.devtools.artifactregistry.v1.ArtifactRegistry/GetRepository",
    "storage/GetObject",
    f"{CLOUD_DEPLOY}/CreateRelease",
    f"{CLOUD_DEPLOY}/CreateRelease:operation",
    "google.longrunning.Operations/GetOperation",
    f"{CLOUD_DEPLOY}/CreateRollout",
    f"{CLOUD_DEPLOY}/CreateRollout:operation",
    f"{CLOUD_DEPLOY}/GetRollout",
]
FAULTS: dict[str, dict[str, Any]] = {
    "unavailable": {"code": "UNAVAILABLE"},
    "deadline": {"code": "DEADLINE_EXCEEDED"},
    "internal": {"code": "INTERNAL"},
    "lost": {"lose_response": True},
    "dropped": {"drop_connection": True},
}
# An operation fails by its own error; there is no connection in it that could break.
CASES = [(m, f) for m in METHODS for f in FAULTS if not (m.endswith(":operation") and f in {"lost", "dropped"})]

REGISTRY_METHODS = ["HeadManifest", "HeadBlob", "StartBlobUpload", "UploadBlob", "PutManifest"]
REGISTRY_FAULTS: dict[str, dict[str, Any]] = {
    "429": {"http_status": 429, "headers": {"Retry-After": "1"}},
    "500": {"http_status": 500},
    "503": {"http_status": 503},
    "reset": {"truncate_body": 5},
    "lost": {"lose_response": True},
}


def arm(world: "World", method: str, **how: Any) -> None:
    if method.endswith("/GetOperation"):
        # Operations are done at once here; one that isn't has to be asked for.
        world.fault(f"{CLOUD_DEPLOY}/CreateRelease:operation", code="UNAVAILABLE", times=1)
    if method.endswith("/GetRepository"):
        # Only a tag that stands for another image has Artifact Registry asked whether it can be moved.
        other = LayoutPush(world.image(b"another image"), Silent())
        other.run(world.plan(), Clients.connect(world.endpoints), gate=lambda: None, stop=threading.Event())
    world.fault(method, **how)


def assert_one_release(world: "World", image: "Path") -> None:
    """One release and one rollout that brought the image to the first stage."""
    digest = Layout(image).digest
    (release,) = world.releases()
    assert release["deployParameters"]["customTarget/digest"] == digest
    assert release["annotations"]["digest"] == digest
    assert [(each["state"], each["targetId"]) for each in world.rollouts()] == [("SUCCEEDED", "staging-us-central1")]
    assert world.tag(release["deployParameters"]["customTarget/tag"]) == digest


def failure(world: "World", image: "Path") -> MspError | None:
    """What a deployment ends with, if it fails."""
    try:
        world.deliver(image)
    except MspError as error:
        return error
    return None


@pytest.mark.parametrize(("method", "fault"), CASES)
def test_a_fault_on_the_way_changes_nothing_in_the_end(world: "World", method: str, fault: str) -> None:
    image = world.image(b"layer")
    arm(world, method, times=2, **FAULTS[fault])
    assert world.deliver(image).state == "SUCCEEDED"
    assert_one_release(world, image)


@pytest.mark.parametrize(("method", "fault"), CASES)
def test_a_fault_that_stays_is_an_error_and_a_rerun_completes(world: "World", method: str, fault: str) -> None:
    image = world.image(b"layer")
    arm(world, method, **FAULTS[fault])
    error = failure(world, image)
    if error is None:
        # What can't be asked about an operation is asked about the release.
        assert method.endswith("/GetOperation")
    else:
        assert error.exit_code == 1
        assert error.hint
    world.cloud.faults.clear()
    world.cloud.settle()
    assert world.deliver(image).state == "SUCCEEDED"
    assert_one_release(world, image)


@pytest.mark.parametrize("fault", REGISTRY_FAULTS)
@pytest.mark.parametrize("method", REGISTRY_METHODS)
def test_a_registry_that_stumbles_gets_the_whole_image(world: "World", method: str, fault: str) -> None:
    image = world.image(b"layer", b"another layer")
    world.fault(f"registry/{method}", times=2, **REGISTRY_FAULTS[fault])
    assert world.deliver(image).state == "SUCCEEDED"
    assert_one_release(world, image)


@pytest.mark.parametrize("fault", REGISTRY_FAULTS)
@pytest.mark.parametrize("method", REGISTRY_METHODS)
def test_a_registry_that_stays_broken_gets_no_release(world: "World", method: str, fault: str) -> None:
    image = world.image(b"layer")
    world.fault(f"registry/{method}", **REGISTRY_FAULTS[fault])
    error = failure(world, image)
    if error is None:
        # A HEAD has no body to cut; a blob whose answer was lost is found when it is looked for again.
        assert (method, fault) in {("HeadManifest", "reset"), ("HeadBlob", "reset"), ("UploadBlob", "lost")}
    else:
        assert "to go on from there: bazel run //svc:msp_deploy" in error.hint
        assert world.releases() == []
    world.cloud.faults.clear()
    assert world.deliver(image).state == "SUCCEEDED"
    assert_one_release(world, image)


def test_a_tag_that_is_something_else_afterwards_is_never_released(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "sha256:" + "0" * 64
    put = RemoteRepository.put_manifest

    def put_and_lie(self: RemoteRepository, *arguments: Any) -> None:
        put(self, *arguments)
        monkeypatch.setattr(RemoteRepository, "manifest_digest", lambda *_: wrong)

    monkeypatch.setattr(RemoteRepository, "put_manifest", put_and_lie)
    with pytest.raises(MspError, match=wrong):
        world.deliver(world.image(b"layer"))
    assert world.releases() == []
