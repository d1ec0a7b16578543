"""Whether a delivery may go on, by what is known of its pipeline: a pure function of facts, told in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from msp.delivery.outcome import LaterFailure
from msp.delivery.planning.plan import ReleasePlan
from msp.rollouts.age import Ancestry, superseded
from msp.rollouts.facts import Facts, Release, Rollout
from msp.rollouts.freezes import freeze
from msp.rollouts.journey import failed_later
from msp.rollouts.rolled_back import rolled_back
from msp.rollouts.running import running
from msp.rollouts.states import Action, Invoker
from msp.rollouts.stops import holds


class Ruling(StrEnum):
    """What the guards decide."""

    GO_ON = "GO_ON"
    NOTHING_TO_DO = "NOTHING_TO_DO"
    """The first stage runs this image."""
    BLOCKED = "BLOCKED"
    """The pipeline is suspended, or its first stage frozen; `--force` changes nothing about that."""
    HELD = "HELD"
    """This image was rolled back."""
    SUPERSEDED = "SUPERSEDED"
    """A newer build is there, or on its way there."""


@dataclass(frozen=True)
class Verdict:
    """A decision and what to tell people.

    Attributes:
        ruling: The decision: `Ruling.HELD`.
        message: Why it may not go on; empty where it may.
        hint: What to do about it.
        rollout: What runs already, or is newer; None otherwise.
        notes: What is worth knowing all the same, a sentence each.
        later: The first later stage that this image did not get into.
    """

    ruling: Ruling = Ruling.GO_ON
    message: str = ""
    hint: str = ""
    rollout: Rollout | None = None
    notes: tuple[str, ...] = ()
    later: LaterFailure | None = None


def judge(facts: Facts, plan: ReleasePlan, ancestry: Ancestry, *, force: bool = False) -> Verdict:
    """Whether a plan may be carried out.

    Args:
        facts: What is known of the pipeline.
        plan: What is to be done. What goes by the image can't be told as long as its digest isn't known.
        ancestry: Knows which commit comes from which.
        force: Whether to release what runs, was rolled back, or is older.

    Raises:
        UnknownZoneError: This machine does not know the time zone of a policy.
    """
    if not facts.pipeline.stages:
        return _suspended(facts, plan) or Verdict()
    first = facts.pipeline.stages[0].target
    found = None if force else _runs_already(facts, plan, first)
    found = found or _suspended(facts, plan) or _frozen(facts, plan, first)
    if not found:
        ages = superseded(facts, first, _as_release(facts, plan), ancestry)
        found = None if force else _held(facts, plan) or _superseded(facts, plan, first, ages.newer)
        found = found or Verdict(notes=_of_unknown_age(first, ages.unknown))
    return replace(found, notes=(*found.notes, *_worth_knowing(facts)))


def _runs_already(facts: Facts, plan: ReleasePlan, target: str) -> Verdict | None:
    there = running(facts, target)
    release = facts.release(there.release)
    if release is None or not plan.digest or release.digest != plan.digest or there.coming:
        return None
    tried = failed_later(facts, release.id)
    notes = [f"{each.target}: rollout {each.id} {_fate(each)}; it does not run this image" for each in tried]
    if there.failed and there.failed.release not in facts.same_image(release.id):
        notes.append(f"rollout {there.failed.id} failed since and may have left its image on {target}: see --force")
    return Verdict(
        Ruling.NOTHING_TO_DO,
        rollout=there.rollout,
        notes=tuple(notes),
        later=_later(facts, tried[0]) if tried else None,
    )


def _later(facts: Facts, rollout: Rollout) -> LaterFailure:
    newest = next(iter(facts.rollouts_to(rollout.target)), None)
    return LaterFailure(rollout.target, rollout.release, _fate(rollout), bool(rollout.job) and rollout == newest)


def _fate(rollout: Rollout) -> str:
    word = rollout.state.value.lower().replace("_", " ")
    return f"{word}: {rollout.failure}" if rollout.failure else word


def _suspended(facts: Facts, plan: ReleasePlan) -> Verdict | None:
    pipeline = facts.pipeline
    if not pipeline.suspended:
        return None
    why = f" ({pipeline.reason})" if pipeline.reason else ""
    return Verdict(
        Ruling.BLOCKED,
        f"delivery pipeline {plan.pipeline!r} is suspended{why}: it takes no releases",
        "whoever suspended it had a reason; when that is gone, set rollout.suspended to false and apply\n"
        f"see {plan.pipeline_url}",
    )


def _frozen(facts: Facts, plan: ReleasePlan, target: str) -> Verdict | None:
    found = freeze(facts, target, Action.CREATE)
    if found is None:
        return None
    return Verdict(
        Ruling.BLOCKED,
        f"{target} is {found.words}",
        f"when it has ended, or whoever made it ends it: {plan.rerun}",
    )


def _held(facts: Facts, plan: ReleasePlan) -> Verdict | None:
    found = next(iter(rolled_back(facts, plan.release, digest=plan.digest)), None)
    if found is None:
        return None
    return Verdict(
        Ruling.HELD,
        f"this image was {found.words}",
        f"it stays so until there is a new image; to deliver it all the same: {plan.rerun} --force",
        rollout=found.rollout,
    )


def _superseded(facts: Facts, plan: ReleasePlan, target: str, newer: tuple[Rollout, ...]) -> Verdict | None:
    if not newer:
        return None
    first = newer[0]
    release = facts.release(first.release)
    commit = f" of commit {release.commit[:12]}" if release and release.commit else ""
    does = "runs" if first == running(facts, target).rollout else "is about to run"
    return Verdict(
        Ruling.SUPERSEDED,
        f"{target} {does} {first.release}{commit}, which is newer than this one, {plan.build.commit[:12]}",
        f"to take it back to this one: {plan.rerun} --force\nin a CI, --if_newer ends this with success",
        rollout=first,
    )


def _of_unknown_age(target: str, unknown: tuple[Rollout, ...]) -> tuple[str, ...]:
    return tuple(f"whether {each.release} on {target} is older than this build can't be told" for each in unknown[:1])


def _as_release(facts: Facts, plan: ReleasePlan) -> Release:
    build = plan.build
    return Release(
        plan.release,
        facts.now,
        digest=plan.digest,
        commit=build.commit,
        build_number=build.build_number,
        build_url=build.build_url,
    )


def _worth_knowing(facts: Facts) -> Iterator[str]:
    """What will meet the release in later stages, and what could not be looked at."""
    for stage in facts.pipeline.stages[1:]:
        ways = (
            freeze(facts, stage.target, Action.CREATE, invoker=who) for who in (Invoker.USER, Invoker.DEPLOY_AUTOMATION)
        )
        if found := next(filter(None, ways), None):
            yield f"{stage.target} is {found.words}"
    for hold in holds(facts):
        yield f"promotion to {hold.target} is {hold.words}"
    if "policies" in facts.unread:
        yield "whether a stage is frozen can't be told: no permission to list deploy policies"
