"""What the guards decide, as a function of facts alone: no cloud, a history written down."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.delivery.example import COMMIT, DIGEST, STAGES, made

from msp.delivery.outcome import LaterFailure
from msp.delivery.preflight.guards import Ruling, Verdict, judge
from msp.deploy_policies.selection import ResourceSelector
from msp.rollouts.age import Ancestry
from msp.rollouts.facts import Automation, Facts, Pipeline, Release, Rollout, Stage
from msp.rollouts.states import RolloutState

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
FIRST, SECOND = STAGES
OLDER, NEWER = "a" * 40, "b" * 40
OTHER_DIGEST = "sha256:" + "b" * 64


def release(name: str, minute: int = 0, digest: str = OTHER_DIGEST, commit: str = OLDER) -> Release:
    return Release(name, START + timedelta(minutes=minute), digest=digest, commit=commit)


def rollout(of: str, target: str = FIRST, state: str = "SUCCEEDED", minute: int = 0, **fields: Any) -> Rollout:
    at = START + timedelta(minutes=minute)
    return Rollout(f"{of}-to-{target}", of, target, at, RolloutState(state), started=at, ended=at, **fields)


def facts(*rollouts: Rollout, releases: tuple[Release, ...] = (), **fields: Any) -> Facts:
    pipeline = fields.pop("pipeline", Pipeline("p", tuple(map(Stage, STAGES))))
    newest_first = tuple(sorted(rollouts, key=lambda each: each.created, reverse=True))
    return Facts(pipeline, START + timedelta(days=1), releases, newest_first, **fields)


def is_ancestor(one: str, other: str) -> bool:
    """This build's commit comes after `OLDER` and before `NEWER`."""
    order = [OLDER, COMMIT, NEWER]
    return order.index(one) <= order.index(other)


def judged(known: Facts, *, ancestry: Ancestry = is_ancestor, digest: str = DIGEST, force: bool = False) -> Verdict:
    return judge(known, dataclasses.replace(made(), digest=digest), ancestry, force=force)


RUNS = facts(rollout("running"), releases=(release("running", digest=DIGEST),))


def test_an_empty_pipeline_takes_the_first_release() -> None:
    assert judged(facts()) == judged(facts(pipeline=Pipeline("p"))) == Verdict(Ruling.GO_ON)


def test_what_runs_already_needs_nothing_unless_it_is_forced_or_its_image_is_not_known() -> None:
    assert judged(RUNS) == Verdict(Ruling.NOTHING_TO_DO, rollout=RUNS.rollouts[0])
    assert judged(RUNS, force=True).ruling is Ruling.GO_ON
    assert judged(RUNS, digest="").ruling is Ruling.GO_ON


def test_what_is_about_to_be_replaced_does_not_count_as_running() -> None:
    coming = rollout("older", state="IN_PROGRESS", minute=1)
    known = facts(*RUNS.rollouts, coming, releases=(*RUNS.releases, release("older", 1)))
    assert judged(known).ruling is Ruling.GO_ON


def test_a_later_stage_that_it_did_not_get_into_is_told() -> None:
    tries = [rollout("running", SECOND, "FAILED", minute, failure="out of cheese") for minute in (1, 2)]
    found = judged(facts(*RUNS.rollouts, *tries, releases=RUNS.releases))
    assert found.ruling is Ruling.NOTHING_TO_DO
    assert found.later == LaterFailure(SECOND, "running", "failed: out of cheese")
    assert found.notes[0] == f"{SECOND}: rollout running-to-{SECOND} failed: out of cheese; it does not run this image"


def test_another_images_failed_attempt_since_is_told_and_this_images_own_is_not() -> None:
    attempt = rollout("attempt", state="FAILED", minute=1)
    for digest, notes in ((OTHER_DIGEST, 1), (DIGEST, 0)):
        found = judged(facts(*RUNS.rollouts, attempt, releases=(*RUNS.releases, release("attempt", 1, digest))))
        assert found.ruling is Ruling.NOTHING_TO_DO
        assert len(found.notes) == notes
        assert all(f"may have left its image on {FIRST}" in note for note in found.notes)


@pytest.mark.parametrize(("reason", "said"), [("INC-1", " (INC-1): it"), ("", "suspended: it")])
def test_a_suspended_pipeline_blocks_also_what_is_forced(reason: str, said: str) -> None:
    pipeline = Pipeline("p", tuple(map(Stage, STAGES)), suspended=True, reason=reason)
    for known in (facts(pipeline=pipeline), facts(pipeline=dataclasses.replace(pipeline, stages=()))):
        for force in (False, True):
            found = judged(known, force=force)
            assert found.ruling is Ruling.BLOCKED
            assert said in found.message
            assert made().pipeline_url in found.hint


def test_an_unchanged_image_has_nothing_to_do_in_a_suspended_pipeline() -> None:
    pipeline = dataclasses.replace(RUNS.pipeline, suspended=True)
    assert judged(dataclasses.replace(RUNS, pipeline=pipeline)).ruling is Ruling.NOTHING_TO_DO


def rolled_back(**by: str) -> Facts:
    back = rollout("good", minute=2, **by)
    bad = rollout("bad", minute=1, rolled_back_by=(back.key,))
    releases = (release("bad", 1, DIGEST), release("good", commit=OLDER))
    return facts(rollout("first"), bad, back, releases=releases)


def test_what_was_rolled_back_is_held_with_who_did_it_and_why() -> None:
    found = judged(rolled_back(by="ada", reason="it leaks"))
    assert found.ruling is Ruling.HELD
    assert found.message == f"this image was rolled back on {FIRST} by ada (release bad): it leaks"
    assert judged(rolled_back()).message == f"this image was rolled back on {FIRST} (release bad)"
    assert f"{made().rerun} --force" in found.hint
    assert judged(rolled_back(), force=True).ruling is Ruling.GO_ON


def test_a_newer_build_that_runs_or_waits_is_in_the_way() -> None:
    newer = release("newer", 1, commit=NEWER)
    for state, does in (("SUCCEEDED", "runs"), ("PENDING_APPROVAL", "is about to run")):
        found = judged(facts(rollout("newer", state=state), releases=(newer,)))
        assert found.ruling is Ruling.SUPERSEDED
        assert found.rollout == rollout("newer", state=state)
        said = f"{FIRST} {does} newer of commit {NEWER[:12]}, which is newer than this one, {COMMIT[:12]}"
        assert found.message == said
        assert judged(facts(rollout("newer", state=state), releases=(newer,)), force=True).ruling is Ruling.GO_ON


def test_an_older_build_is_replaced_and_one_of_unknown_age_is_told() -> None:
    known = facts(rollout("there"), releases=(release("there"),))
    assert judged(known) == Verdict(Ruling.GO_ON)
    (note,) = judged(known, ancestry=lambda *_: None).notes
    assert note == f"whether there on {FIRST} is older than this build can't be told"


def test_what_waits_in_later_stages_is_told_and_hinders_nothing() -> None:
    since = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
    held = Automation("promote", (ResourceSelector(FIRST),), suspended=True, by="ada", since=since, reason="INC-1")
    anonymous = dataclasses.replace(held, by="", since=None, reason="")
    found = judged(facts(automations=(held,), unread=frozenset({"policies"})))
    assert found == Verdict(
        Ruling.GO_ON,
        notes=(
            f"promotion to {SECOND} is held by ada since 2026-01-05 08:30 UTC: INC-1",
            "whether a stage is frozen can't be told: no permission to list deploy policies",
        ),
    )
    assert judged(facts(automations=(anonymous,))).notes == (f"promotion to {SECOND} is held",)
