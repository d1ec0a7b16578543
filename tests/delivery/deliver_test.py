"""A deployment against the local cloud: what stands afterwards, and what a rerun does."""

import base64
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.deploy_v1 import Rollout
from tests.delivery.example import CLOUD_DEPLOY, COMMIT

from msp import names
from msp.delivery.image_push import ProgramPush
from msp.delivery.outcome import DeliveryError, InterruptedDeliveryError
from msp.delivery.report import events
from msp.errors import MspError
from msp.gcp.deadline import NO_DEADLINE, Deadline
from msp.image.layout import Layout

if TYPE_CHECKING:
    from tests.delivery.conftest import Recorder, World


@pytest.fixture
def recorder(make_recorder: Any) -> "Recorder":
    made: Recorder = make_recorder()
    return made


def test_what_stands_is_what_the_contract_says(world: "World", recorder: "Recorder") -> None:
    image = world.image(b"layer")
    outcome = world.deliver(image, report=recorder.report)
    assert (outcome.state, outcome.created, outcome.exit_code) == ("SUCCEEDED", True, 0)
    assert outcome.release == "deploy-0123456789ab-42"
    assert outcome.rollout == "deploy-0123456789ab-42-to-staging-us-central1-0001"
    assert outcome.stages == ("staging-us-central1", "prod-us-central1")
    digest = Layout(image).digest
    (release,) = world.releases()
    assert release["name"] == f"{world.pipeline}/releases/deploy-0123456789ab-42"
    assert release["skaffoldConfigUri"] == f"gs://{world.project}-cloudrun-skaffold/source.tar.gz"
    assert release["labels"] == {"commit": COMMIT}
    assert release["deployParameters"] == {"customTarget/tag": "0123456789ab_42", "customTarget/digest": digest}
    assert release["annotations"] == {
        "commit": COMMIT,
        "author": "Ada Lovelace",
        "commit_message_base64": base64.b64encode(b"Count faster").decode(),
        "image": f"{world.repository}:0123456789ab_42",
        "digest": digest,
        "branch": "main",
        "build_number": "42",
        "build_url": "https://ci/42",
        "target": "//svc:msp_deploy",
    }
    assert world.tag("0123456789ab_42") == digest
    assert recorder.told == ["planned", "preflight passed", "pushed", "released", "finished SUCCEEDED"]
    assert recorder.states[-1] == "SUCCEEDED"


def test_the_same_build_again_changes_nothing(world: "World", recorder: "Recorder") -> None:
    image = world.image(b"layer")
    first = world.deliver(image)
    again = world.deliver(image, report=recorder.report)
    assert (again.state, again.release, again.rollout) == ("SUCCEEDED", first.release, first.rollout)
    assert not again.created
    assert len(world.releases()) == len(world.rollouts()) == 1
    assert recorder.told == ["planned", "preflight passed", "finished SUCCEEDED"]


def test_an_image_that_the_first_stage_runs_is_not_released_again(world: "World") -> None:
    image = world.image(b"layer")
    world.deliver(image)
    again = world.deliver(image, world.plan(build_number="43"))
    assert (again.state, again.exit_code) == ("ALREADY_DEPLOYED", 0)
    assert again.release == "deploy-0123456789ab-42"
    assert len(world.releases()) == 1
    assert world.tag("0123456789ab_43") is None


def test_force_releases_it_all_the_same(world: "World") -> None:
    image = world.image(b"layer")
    world.deliver(image)
    assert world.deliver(image, world.plan(build_number="43"), force=True).created
    assert len(world.releases()) == 2


def test_force_rolls_the_same_build_out_once_more(world: "World") -> None:
    image = world.image(b"layer")
    world.deliver(image)
    again = world.deliver(image, force=True)
    assert again.rollout == "deploy-0123456789ab-42-to-staging-us-central1-0002"
    assert len(world.releases()) == 1


def test_an_image_that_ran_before_the_present_one_is_released(world: "World") -> None:
    first, second = world.image(b"one"), world.image(b"two")
    world.deliver(first, world.plan(build_number="1"))
    world.deliver(second, world.plan(build_number="2"))
    back = world.deliver(first, world.plan(build_number="3"))
    assert (back.state, back.created) == ("SUCCEEDED", True)


def test_an_image_is_released_where_another_is_about_to_replace_it(world: "World") -> None:
    first, second = world.image(b"one"), world.image(b"two")
    world.deliver(first, world.plan(build_number="1"))
    target = {"requireApproval": True}
    world.call("PATCH", f"/v1/{world.location}/targets/staging-us-central1", target, updateMask="requireApproval")
    assert world.deliver(second, world.plan(build_number="2")).state == "PENDING_APPROVAL"
    assert world.deliver(first, world.plan(build_number="3")).created


def test_a_rollout_that_waits_for_approval_is_no_failure_and_is_taken_up(bare_world: "World") -> None:
    world = bare_world
    world.make_source()
    world.make_type()
    world.make_target("staging", requireApproval=True)
    body = {"serialPipeline": {"stages": [{"targetId": "staging-us-central1"}]}}
    path = f"/v1/{world.location}/deliveryPipelines"
    world.call("POST", path, body, deliveryPipelineId=names.pipeline_id(world.service, "us-central1"))
    image = world.image(b"layer")
    outcome = world.deliver(image)
    assert (outcome.state, outcome.exit_code) == ("PENDING_APPROVAL", 0)
    assert world.deliver(image).rollout == outcome.rollout
    rollout = f"/v1/{world.pipeline}/releases/{outcome.release}/rollouts/{outcome.rollout}"
    world.call("POST", f"{rollout}:approve", {"approved": False})
    rejected = world.deliver(image)
    assert (rejected.state, rejected.exit_code) == ("APPROVAL_REJECTED", 3)


def test_a_rollout_that_fails_ends_with_3_and_its_cause_and_a_rerun_tries_again(world: "World") -> None:
    image = world.image(b"layer")
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    outcome = world.deliver(image)
    assert (outcome.state, outcome.exit_code) == ("FAILED", 3)
    assert "out of cheese" in outcome.failure
    again = world.deliver(image)
    assert (again.state, again.exit_code) == ("SUCCEEDED", 0)
    assert again.rollout == "deploy-0123456789ab-42-to-staging-us-central1-0002"
    assert len(world.releases()) == 1


def test_without_waiting_it_ends_when_the_rollout_has_begun(world: "World", recorder: "Recorder") -> None:
    outcome = world.deliver(world.image(b"layer"), report=recorder.report, wait=False)
    assert outcome.rollout
    assert len(recorder.states) == 1


def test_a_rollout_that_takes_too_long_is_left_to_itself(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msp.delivery.rollout.settled", lambda _: False)
    with pytest.raises(DeliveryError, match=r"waited \d\.\d seconds for rollout deploy-0123456789ab-42-to") as raised:
        world.deliver(world.image(b"layer"), timeout=3.0)
    assert "goes on in Cloud Deploy by itself" in raised.value.hint
    assert "--commit=0123456789abcdef0123456789abcdef01234567 --build_number=42" in raised.value.hint


def test_the_time_limit_is_for_the_push_too(world: "World") -> None:
    class Endless:
        """A push whose registry never answers."""

        digest = "sha256:" + "a" * 64

        def run(
            self, plan: object, clients: object, *, gate: object, stop: object, deadline: Deadline = NO_DEADLINE
        ) -> str:
            del plan, clients, gate, stop
            threading.Event().wait(deadline.patience)
            deadline.limit(1)
            raise AssertionError

        def close(self) -> None:
            pass

    with pytest.raises(DeliveryError, match="it was not done within 2 s"):
        world.deliver(Endless(), timeout=2.0)
    assert world.releases() == []


def test_whoever_interrupts_it_learns_what_stands(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Rollout) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("msp.delivery.rollout.settled", interrupt)
    with pytest.raises(InterruptedDeliveryError) as raised:
        world.deliver(world.image(b"layer"))
    assert raised.value.exit_code == 130
    assert "release deploy-0123456789ab-42 is made" in raised.value.hint
    assert "bazel run //svc:msp_deploy -- --commit=" in raised.value.hint


def test_a_release_of_the_old_script_is_taken_up_by_its_tag(world: "World") -> None:
    body = {
        "skaffoldConfigUri": f"gs://{world.project}-cloudrun-skaffold/source.tar.gz",
        "deployParameters": {"customTarget/tag": "0123456789ab_42"},
    }
    world.call("POST", f"/v1/{world.pipeline}/releases", body, releaseId="deploy-0123456789ab-42")
    outcome = world.deliver(world.image(b"layer"))
    assert (outcome.state, outcome.created) == ("SUCCEEDED", False)
    assert len(world.releases()) == 1


def test_a_release_that_cannot_be_rolled_out_ends_with_3(world: "World") -> None:
    world.fault(f"{CLOUD_DEPLOY}/CreateRollout", code="FAILED_PRECONDITION", message="the release failed to render")
    outcome = world.deliver(world.image(b"layer"))
    assert (outcome.state, outcome.exit_code, outcome.rollout) == ("FAILED", 3, "")
    assert outcome.failure == "the release failed to render"


def test_an_image_that_is_only_about_to_run_is_released(world: "World") -> None:
    image = world.image(b"layer")
    target = {"requireApproval": True}
    world.call("PATCH", f"/v1/{world.location}/targets/staging-us-central1", target, updateMask="requireApproval")
    assert world.deliver(image, world.plan(build_number="1")).state == "PENDING_APPROVAL"
    assert world.deliver(image, world.plan(build_number="2")).created


def rival(world: "World", digest: str) -> events.Report:
    """Somebody else, who makes the release just before us."""
    parameters = {"customTarget/tag": "0123456789ab_42", "customTarget/digest": digest}
    source = f"gs://{world.project}-cloudrun-skaffold/source.tar.gz"
    body = {"skaffoldConfigUri": source, "deployParameters": parameters}

    def report(event: events.Event) -> None:
        if isinstance(event, events.Pushed):
            world.call("POST", f"/v1/{world.pipeline}/releases", body, releaseId="deploy-0123456789ab-42")

    return report


def test_a_release_that_somebody_else_makes_meanwhile_is_taken_up(world: "World") -> None:
    image = world.image(b"layer")
    outcome = world.deliver(image, report=rival(world, Layout(image).digest))
    assert (outcome.state, outcome.created) == ("SUCCEEDED", False)
    assert len(world.releases()) == len(world.rollouts()) == 1


def test_another_image_that_somebody_releases_meanwhile_is_an_error_that_names_both(world: "World") -> None:
    image, other = world.image(b"layer"), "sha256:" + "0" * 64
    with pytest.raises(DeliveryError) as raised:
        world.deliver(image, report=rival(world, other))
    assert other in raised.value.message
    assert Layout(image).digest in raised.value.message
    assert world.rollouts() == []


PUSHER = """#!/bin/sh
echo "called with $*" >&2
exec {python} - "$@" <<'END'
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.progress import Silent
from msp.image.push import push
from msp.names.references import Repository
from msp.image.registry import Registry
_, tag_flag, tag, repository_flag, repository = sys.argv
assert (tag_flag, repository_flag) == ("--tag", "--repository")
registry = Registry(connection_pool(), Keychain(None, {{}}), Endpoints.google())
push(Layout(Path({image!r})), Repository.parse(repository), tag, registry, Silent())
END
"""


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_program_pushes_in_our_place(world: "World") -> None:
    image = world.image(b"layer")
    text = PUSHER.format(python=sys.executable, path=sys.path, image=str(image))
    push = ProgramPush(program(world.tmp_path / "candidate_push", text))
    outcome = world.deliver(push)
    assert (outcome.state, outcome.plan.digest) == ("SUCCEEDED", Layout(image).digest)
    assert world.releases()[0]["deployParameters"]["customTarget/digest"] == Layout(image).digest
    again = world.deliver(push, world.plan(build_number="43"))
    assert again.state == "ALREADY_DEPLOYED"


def test_a_program_is_not_started_where_something_stands_in_the_way(bare_world: "World") -> None:
    trace = bare_world.tmp_path / "started"
    push = ProgramPush(program(bare_world.tmp_path / "candidate_push", f"#!/bin/sh\ntouch {trace}\n"))
    with pytest.raises(MspError, match="can't be released"):
        bare_world.deliver(push)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#!/bin/sh\nexit 7\n", "candidate_push could not push .* it ended with 7"),
        ("#!/bin/sh\n", "candidate_push ended well, and .* is not there"),
        ("no program at all", "candidate_push can't be run"),
    ],
    ids=["fails", "does nothing", "no program"],
)
def test_a_program_that_does_not_push(world: "World", text: str, message: str) -> None:
    push = ProgramPush(program(world.tmp_path / "candidate_push", text))
    with pytest.raises(MspError, match=message) as raised:
        world.deliver(push)
    assert raised.value.hint
    assert world.releases() == []


def test_that_no_tag_was_written_is_said_only_where_none_was(world: "World") -> None:
    image = world.image(b"layer")
    world.fault("registry/StartBlobUpload", code="PERMISSION_DENIED", message="no")
    with pytest.raises(MspError) as before:
        world.deliver(image)
    assert "nothing was released, and no tag was written" in before.value.hint
    assert world.tag("0123456789ab_42") is None
    world.cloud.faults.clear()
    # The registry takes the manifest, and its answer is lost: who asks can't tell.
    world.fault("registry/PutManifest", lose_response=True)
    with pytest.raises(MspError) as after:
        world.deliver(image)
    assert "no tag was written" not in after.value.hint
    assert "whether" in after.value.hint
    assert "0123456789ab_42 was pushed isn't known" in after.value.hint
