"""What a delivery may not do, or not without being told so: replace what is newer, bring back what was rolled back."""

import dataclasses
import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.delivery.example import CLOUD_DEPLOY, STAGES

from msp import names
from msp.delivery.outcome import DeliveryError, GuardError, Outcome
from msp.delivery.planning.overrides import Overrides
from msp.delivery.preflight.findings import PreflightError
from msp.delivery.report import events
from msp.delivery.report.json_file import JsonReport
from msp.delivery.report.stages_picture import next_steps, picture
from msp.image.layout import Layout

if TYPE_CHECKING:
    from tests.delivery.conftest import Recorder, World

    from msp.delivery.planning.plan import ReleasePlan

A, B, C = ("a" * 40, "b" * 40, "c" * 40)
STAGING, PROD = STAGES


@pytest.fixture
def recorder(make_recorder: Any) -> "Recorder":
    made: Recorder = make_recorder()
    return made


class History:
    """A checkout whose commits follow each other in their names' order.

    Args:
        shallow: Whether it knows that one commit is another's ancestor never, as in a clone of depth 1.
    """

    def __init__(self, *, shallow: bool = False) -> None:
        self._shallow = shallow

    def __call__(self, *arguments: str) -> str | None:
        match arguments:
            case ("merge-base", "--is-ancestor", older, newer):
                return "" if older <= newer and not self._shallow else None
            case ("cat-file", *_):
                return ""
            case ("rev-parse", "--is-shallow-repository"):
                return "true" if self._shallow else "false"
        raise AssertionError(arguments)


GIT = History()


def numbered(world: "World", commit: str, number: int, **more: Any) -> "ReleasePlan":
    """A plan of a build that the CI knows a page of."""
    made = world.plan(commit=commit, build_number=str(number), **more)
    build = dataclasses.replace(made.build, build_url=f"https://buildkite.com/o/p/builds/{number}")
    return dataclasses.replace(
        made, build=build, build_annotations={**made.build_annotations, "build_url": build.build_url}
    )


def refused(world: "World", image: Path, made: "ReleasePlan", **settings: Any) -> GuardError:
    releases = len(world.releases())
    with pytest.raises(GuardError) as raised:
        world.deliver(image, made, **settings)
    assert raised.value.exit_code == 4
    assert len(world.releases()) == releases
    return raised.value


def roll_back(world: "World", release: str, target: str = STAGING) -> None:
    body = {"targetId": target, "releaseId": release, "rolloutId": f"back-to-{release}"[:63]}
    world.call("POST", f"/v1/{world.pipeline}:rollbackTarget", body)
    world.cloud.settle()


def suspend(world: "World") -> None:
    world.call("PATCH", f"/v1/{world.pipeline}", {"suspended": True}, updateMask="suspended")


def freeze(world: "World", target: str, days: float = 1.0) -> datetime:
    """Forbids every rollout to a target; returns until when."""
    start, end = (datetime.now(UTC) + timedelta(days=each) for each in (-days, days))
    dates = {
        "startDate": {"year": start.year, "month": start.month, "day": start.day},
        "startTime": {"hours": 0},
        "endDate": {"year": end.year, "month": end.month, "day": end.day},
        "endTime": {"hours": 7},
    }
    rule = {"rolloutRestriction": {"id": "all", "timeWindows": {"timeZone": "UTC", "oneTimeWindows": [dates]}}}
    body = {"description": "holidays", "selectors": [{"target": {"id": target}}], "rules": [rule]}
    world.call("POST", f"/v1/{world.location}/deployPolicies", body, deployPolicyId="freeze")
    return end.replace(hour=7, minute=0)


def remake_pipeline(world: "World") -> None:
    """Deletes the pipeline with all of its releases, and makes it anew."""
    world.call("DELETE", f"/v1/{world.pipeline}", force="true")
    body = {"serialPipeline": {"stages": [{"targetId": STAGING}, {"targetId": PROD}]}}
    name = names.pipeline_id(world.service, "us-central1")
    world.call("POST", f"/v1/{world.location}/deliveryPipelines", body, deliveryPipelineId=name)


def test_what_was_rolled_back_stays_so_until_forced(world: "World") -> None:
    first, second = world.image(b"one"), world.image(b"two")
    good = world.deliver(first, world.plan(commit=A, build_number="1"), git=GIT)
    bad = world.deliver(second, world.plan(commit=B, build_number="2"), git=GIT)
    roll_back(world, good.release)
    unchanged = world.plan(commit=C, build_number="3")
    error = refused(world, second, unchanged, git=GIT)
    assert error.state == "HELD"
    assert bad.release in error.message
    assert f"{unchanged.rerun} --force" in error.hint
    assert world.tag(unchanged.tag) is None
    # Nor does the build itself come back by CI's retry button.
    assert refused(world, second, world.plan(commit=B, build_number="2"), git=GIT).state == "HELD"
    forced = world.deliver(second, unchanged, git=GIT, force=True)
    assert (forced.state, forced.created) == ("SUCCEEDED", True)
    # It was brought back in so many words: now it is like any other.
    assert world.deliver(second, world.plan(commit=C, build_number="4"), git=GIT).state == "ALREADY_DEPLOYED"


def test_a_new_image_goes_on_after_a_rollback(world: "World") -> None:
    good = world.deliver(world.image(b"one"), world.plan(commit=A, build_number="1"), git=GIT)
    world.deliver(world.image(b"two"), world.plan(commit=B, build_number="2"), git=GIT)
    roll_back(world, good.release)
    assert world.deliver(world.image(b"three"), world.plan(commit=C, build_number="3"), git=GIT).created


@pytest.mark.parametrize("git", [GIT, History(shallow=True)], ids=["by ancestry", "in a shallow clone, by number"])
def test_an_older_build_does_not_replace_a_newer(world: "World", tmp_path: Path, git: History) -> None:
    newer = world.deliver(world.image(b"new"), numbered(world, B, 8), git=git)
    old, made = world.image(b"old"), numbered(world, A, 7)
    error = refused(world, old, made, git=git, report=JsonReport(tmp_path / "refused", StringIO()).report)
    assert (error.state, error.superseded_by) == ("SUPERSEDED", newer.release)
    assert f"{made.rerun} --force" in error.hint
    said = json.loads((tmp_path / "refused").read_text())
    assert (said["state"], said["superseded_by"], said["exit_code"]) == ("SUPERSEDED", newer.release, 4)
    ended = world.deliver(old, made, git=git, if_newer=True, report=JsonReport(tmp_path / "ended", StringIO()).report)
    assert (ended.state, ended.exit_code, ended.superseded_by) == ("SUPERSEDED", 0, newer.release)
    said = json.loads((tmp_path / "ended").read_text())
    assert (said["state"], said["superseded_by"], said["exit_code"]) == ("SUPERSEDED", newer.release, 0)
    assert len(world.releases()) == 1
    assert world.tag(made.tag) is None
    assert newer.release in "".join(picture(ended))
    assert world.deliver(old, made, git=git, force=True).created


def test_a_tag_of_ones_own_hides_no_age(world: "World") -> None:
    git = History(shallow=True)
    world.deliver(world.image(b"new"), numbered(world, B, 8, overrides=Overrides(tag="nightly_1")), git=git)
    assert refused(world, world.image(b"old"), numbered(world, A, 7), git=git).state == "SUPERSEDED"


def test_a_newer_build_replaces_an_older_in_a_shallow_clone(world: "World") -> None:
    git = History(shallow=True)
    world.deliver(world.image(b"old"), numbered(world, B, 7), git=git)
    assert world.deliver(world.image(b"new"), numbered(world, A, 8), git=git).created


def test_what_is_of_unknown_age_is_told_and_replaced(world: "World", recorder: "Recorder") -> None:
    world.deliver(world.image(b"one"), world.plan(commit=B, build_number="laptop"))
    assert world.deliver(world.image(b"two"), world.plan(commit=A), report=recorder.report).created
    assert any("can't be told" in warning for warning in recorder.warnings)


@pytest.mark.parametrize("if_newer", [False, True])
def test_a_newer_build_that_comes_meanwhile_is_seen_before_the_rollout(world: "World", *, if_newer: bool) -> None:
    made, newer = world.plan(commit=A, build_number="1"), world.plan(commit=B, build_number="2")
    other = world.image(b"new")

    def report(event: events.Event) -> None:
        if isinstance(event, events.Released):
            world.deliver(other, newer, git=GIT)

    if if_newer:
        ended = world.deliver(world.image(b"old"), made, git=GIT, if_newer=True, report=report)
        assert (ended.state, ended.release, ended.created) == ("SUPERSEDED", made.release, True)
        assert ended.superseded_by == newer.release
    else:
        with pytest.raises(GuardError) as raised:
            world.deliver(world.image(b"old"), made, git=GIT, report=report)
        assert raised.value.superseded_by == newer.release
        assert f"release {made.release} is made" in raised.value.hint
    (rollout,) = world.rollouts()
    assert newer.release in rollout["name"]


def test_an_unchanged_image_has_nothing_to_do_in_a_suspended_pipeline(world: "World") -> None:
    image = world.image(b"layer")
    world.deliver(image)
    suspend(world)
    assert world.deliver(image, world.plan(build_number="43")).exit_code == 0
    error = refused(world, world.image(b"other"), world.plan(build_number="44"), force=True)
    assert error.state == "BLOCKED"


def test_a_frozen_first_stage_is_told_before_anything_is_pushed(world: "World") -> None:
    image = world.image(b"layer")
    world.deliver(image)
    until = freeze(world, STAGING)
    made = world.plan(build_number="44")
    error = refused(world, world.image(b"other"), made, force=True)
    assert error.state == "BLOCKED"
    assert f"{STAGING} is frozen until {until:%Y-%m-%d %H:%M} UTC by policy 'freeze' (holidays)" in error.message
    assert world.tag(made.tag) is None
    assert world.deliver(image, world.plan(build_number="43")).state == "ALREADY_DEPLOYED"


def test_a_frozen_later_stage_is_told_and_hinders_nothing(world: "World", recorder: "Recorder") -> None:
    freeze(world, PROD)
    assert world.deliver(world.image(b"layer"), report=recorder.report).state == "SUCCEEDED"
    assert [warning for warning in recorder.warnings if warning.startswith(f"{PROD} is frozen until")]


def test_policies_that_one_may_not_see_are_told(world: "World", recorder: "Recorder") -> None:
    world.fault(f"{CLOUD_DEPLOY}/ListDeployPolicies", code="PERMISSION_DENIED")
    assert world.deliver(world.image(b"layer"), report=recorder.report).state == "SUCCEEDED"
    assert "whether a stage is frozen can't be told: no permission to list deploy policies" in recorder.warnings


def test_a_freeze_that_begins_meanwhile_blocks_the_rollout(world: "World") -> None:
    def report(event: events.Event) -> None:
        if isinstance(event, events.Released):
            freeze(world, STAGING)

    with pytest.raises(GuardError, match="is frozen until") as raised:
        world.deliver(world.image(b"layer"), report=report)
    assert "release deploy-0123456789ab-42 is made" in raised.value.hint
    assert world.rollouts() == []


def test_a_held_stage_is_told(world: "World", recorder: "Recorder") -> None:
    automation = {
        "suspended": True,
        "annotations": {"reason": "INC-1", "by": "ada@example.com"},
        "serviceAccount": "a@b.iam.gserviceaccount.com",
        "selector": {"targets": [{"id": STAGING}]},
        "rules": [{"promoteReleaseRule": {"id": "promote"}}],
    }
    world.call("POST", f"/v1/{world.pipeline}/automations", automation, automationId="promote")
    world.deliver(world.image(b"layer"), report=recorder.report)
    assert f"promotion to {PROD} is held by ada@example.com: INC-1" in recorder.warnings


def test_every_target_is_looked_at(bare_world: "World") -> None:
    bare_world.make_source()
    bare_world.make_type()
    bare_world.make_target("staging")
    ids = [{"targetId": STAGING}, {"targetId": PROD}]
    name = names.pipeline_id(bare_world.service, "us-central1")
    body = {"serialPipeline": {"stages": ids}}
    bare_world.call("POST", f"/v1/{bare_world.location}/deliveryPipelines", body, deliveryPipelineId=name)
    with pytest.raises(PreflightError) as raised:
        bare_world.deliver(bare_world.image(b"layer"))
    (problem,) = raised.value.problems
    assert f"target {PROD!r} does not exist" in problem.message


def test_a_source_bucket_of_another_project_is_refused(bare_world: "World") -> None:
    world = bare_world
    bucket = names.source_bucket(world.project)
    world.call("POST", "/storage/v1/b", {"name": bucket}, project="somebody-elses")
    world.make_source = lambda: None  # type: ignore[method-assign]
    url = f"{world.cloud.http_url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={names.SOURCE_OBJECT}"
    assert world.http.request("POST", url, body=b"theirs").status == 200
    world.make_pipeline()
    with pytest.raises(PreflightError) as raised:
        world.deliver(world.image(b"layer"))
    (problem,) = raised.value.problems
    assert f"bucket {bucket} is another project's" in problem.message


def test_a_pipeline_that_was_deleted_and_made_again_gets_the_build_again(world: "World") -> None:
    image = world.image(b"layer")
    assert world.deliver(image).created
    remake_pipeline(world)
    again = world.deliver(image)
    assert (again.state, again.created) == ("SUCCEEDED", True)
    assert len(world.releases()) == len(world.rollouts()) == 1


def test_an_answer_about_what_was_deleted_is_not_believed(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    image = world.image(b"layer")
    release, rollout = (f"6b0f0c9e-4a5b-5d0e-9d0a-0f5c1f1c6d1{digit}" for digit in "01")
    fresh = (f"6b0f0c9e-4a5b-5d0e-9d0a-0f5c1f1c6e{number:02d}" for number in range(10))
    # The second run happens to ask under the first one's, and is answered with what that has made.
    identifiers = [release, rollout, release, next(fresh), rollout, *fresh]
    asked: list[str] = []

    def identifier() -> str:
        asked.append(identifiers[len(asked)])
        return asked[-1]

    monkeypatch.setattr("msp.gcp.creation.uuid", SimpleNamespace(uuid4=identifier))
    world.deliver(image)
    remake_pipeline(world)
    assert world.deliver(image).state == "SUCCEEDED"
    assert asked == identifiers[:6]
    assert len(world.releases()) == len(world.rollouts()) == 1


def test_one_of_several_runs_says_that_it_made_the_release(world: "World") -> None:
    image = world.image(b"layer")
    world.fault(f"{CLOUD_DEPLOY}/CreateRelease", latency_seconds=0.1)
    ends: list[Outcome] = []
    threads = [threading.Thread(target=lambda: ends.append(world.deliver(image))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(end.created for end in ends) == [False, False, False, True]
    assert len(world.releases()) == 1


def test_a_lost_answer_is_no_reason_to_disown_the_release(world: "World") -> None:
    world.fault(f"{CLOUD_DEPLOY}/CreateRelease", lose_response=True, times=1)
    assert world.deliver(world.image(b"layer")).created


def test_two_builds_at_once_end_in_the_newer_one(world: "World") -> None:
    images = {A: world.image(b"old"), B: world.image(b"new")}
    ends: dict[str, Outcome] = {}

    def run(commit: str, number: int) -> None:
        made = world.plan(commit=commit, build_number=str(number))
        ends[commit] = world.deliver(images[commit], made, git=GIT, if_newer=True)

    threads = [threading.Thread(target=run, args=each) for each in ((A, 1), (B, 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends[B].state == "SUCCEEDED"
    assert ends[A].state in {"SUCCEEDED", "SUPERSEDED"}


def test_renders_that_fail_again_and_again_make_release_after_release(world: "World") -> None:
    image = world.image(b"layer")
    for expected in ("", "-r2", "-r3"):
        world.fault("execution/render/*", code="INTERNAL", message="no such action", times=2)
        ended = world.deliver(image)
        world.cloud.faults.clear()
        assert (ended.release, ended.exit_code) == (f"deploy-0123456789ab-42{expected}", 3)
    ended = world.deliver(image)
    assert (ended.release, ended.state) == ("deploy-0123456789ab-42-r4", "SUCCEEDED")
    assert world.deliver(image).release == "deploy-0123456789ab-42-r4"


def test_mended_code_after_a_failed_rollout_goes_beside_it_by_the_printed_command(world: "World") -> None:
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    assert world.deliver(world.image(b"broken")).exit_code == 3
    mended = world.image(b"mended")
    with pytest.raises(PreflightError) as raised:
        world.deliver(mended)
    digest = Layout(mended).digest.removeprefix("sha256:")[:8]
    tag, release = f"0123456789ab_42-{digest}", f"deploy-0123456789ab-42-{digest}"
    assert f"{world.plan().rerun} --tag={tag} --release={release}" in raised.value.hint
    asked = world.plan(overrides=Overrides(tag=tag, release=release))
    ended = world.deliver(mended, asked)
    assert (ended.state, ended.release) == ("SUCCEEDED", release)


def test_a_failed_later_stage_is_told_where_there_is_nothing_to_do(world: "World") -> None:
    image = world.image(b"layer")
    release = world.deliver(image).release
    world.fault("execution/deploy/*", code="INTERNAL", message="out of cheese", times=1)
    rollout = f"{release}-to-prod-0001"
    path = f"/v1/{world.pipeline}/releases/{release}/rollouts"
    world.call("POST", path, {"targetId": PROD}, rolloutId=rollout)
    world.cloud.settle()
    for number in ("42", "43"):
        ended = world.deliver(image, world.plan(build_number=number))
        assert ended.exit_code == 0
        assert any(f"{PROD}: rollout {rollout} failed" in note for note in ended.notes)
        assert ended.later is not None
        heading, command = next_steps(ended)
        assert PROD in heading
        assert command == "  bazel run //svc:msp_deploy.ops -- retry --stage=prod"
        assert "out of cheese" in "".join(picture(ended))


def test_a_program_that_pushes_what_was_rolled_back_releases_nothing(world: "World") -> None:
    first, second = world.image(b"one"), world.image(b"two")
    good = world.deliver(first, world.plan(commit=A, build_number="1"), git=GIT)
    world.deliver(second, world.plan(commit=B, build_number="2"), git=GIT)
    roll_back(world, good.release)

    class Pushed:
        digest = ""

        def run(self, *_: object, **__: object) -> str:
            return Layout(second).digest

        def close(self) -> None: ...

    with pytest.raises(GuardError) as raised:
        world.deliver(Pushed(), world.plan(commit=C, build_number="3"), git=GIT)
    assert raised.value.state == "HELD"
    assert "is pushed" in raised.value.hint
    assert isinstance(raised.value, DeliveryError)
    assert len(world.releases()) == 2
