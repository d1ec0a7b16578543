"""What there is to know of a service at a glance: what each stage runs, and what needs a person. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from msp.operate import guards
from msp.operate.hold import held
from msp.operate.service import Service, environment
from msp.operate.unfreeze import frozen_by
from msp.rollouts.age import Ancestry
from msp.rollouts.approval import stale
from msp.rollouts.facts import Facts, Release, Rollout, Stage
from msp.rollouts.freezes import freeze
from msp.rollouts.journey import stage_before
from msp.rollouts.rolled_back import rolled_back_on
from msp.rollouts.running import Running, running
from msp.rollouts.states import Action, RolloutState
from msp.rollouts.stops import holds

# How many commits the second has and the first lacks; None where the clone can't tell.
CommitCount = Callable[[str, str], int | None]


class Urgency(IntEnum):
    """How much something needs a person, the most first."""

    FAILED = 0
    WAITS = 1
    STOPPED = 2
    """Held, frozen or suspended: somebody wanted it so."""
    UNDER_WAY = 3
    BEHIND = 4
    FINE = 5


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that a person should know.

    Attributes:
        urgency: How much.
        stage: Of which stage: `prod`; empty for the whole pipeline.
        text: What, in a sentence.
        command: What to type about it; empty for nothing.
    """

    urgency: Urgency
    stage: str
    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class StageStanding:
    """One stage.

    Attributes:
        name: The environment: `prod`.
        stage: The stage.
        running: What happens on its target.
        release: The release that runs; None where none does, or it was not read.
        behind: Commits that the stage before has and this one lacks; None where that can't be told.
    """

    name: str
    stage: Stage
    running: Running
    release: Release | None
    behind: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A service.

    Attributes:
        service: Which.
        facts: All that is known.
        stages: Each stage, in order.
        matters: What a person should know, the most urgent first.
    """

    service: Service
    facts: Facts
    stages: tuple[StageStanding, ...]
    matters: tuple[Matter, ...]

    @property
    def urgency(self) -> Urgency:
        """That of the most urgent matter."""
        return min((matter.urgency for matter in self.matters), default=Urgency.FINE)


def standing(facts: Facts, service: Service, ancestry: Ancestry, count: CommitCount) -> Standing:
    """What there is to know of a service.

    Args:
        facts: What is known of its pipeline.
        service: Which.
        ancestry: Knows which commit comes from which.
        count: Counts commits.

    Raises:
        UnknownZoneError: This machine does not know a policy's time zone.
    """
    stages = tuple(_stages(facts, service, count))
    matters = (
        *_of_pipeline(facts, service),
        *(m for each in stages for m in _of_stage(facts, service, each, ancestry)),
    )
    return Standing(service, facts, stages, tuple(sorted(matters, key=lambda matter: matter.urgency)))


def _stages(facts: Facts, service: Service, count: CommitCount) -> Iterator[StageStanding]:
    before: Release | None = None
    for place, stage in enumerate(facts.pipeline.stages):
        there = running(facts, stage.target)
        release = facts.release(there.release)
        behind: int | None = 0
        if place and before is not None and (release is None or release.id != before.id):
            commits = (release.commit if release else "", before.commit)
            behind = count(*commits) if all(commits) else None
        yield StageStanding(environment(stage, service.region), stage, there, release, behind)
        before = release


def _of_pipeline(facts: Facts, service: Service) -> Iterator[Matter]:
    if found := guards.suspended(facts, service):
        yield Matter(Urgency.STOPPED, "", found.message)
    unread = {"targets": "labels and approvals", "policies": "freezes", "automations": "holds"}
    for part in sorted(facts.unread):
        yield Matter(Urgency.STOPPED, "", f"no permission to list {part}: {unread[part]} can't be told")


def _of_stage(facts: Facts, service: Service, each: StageStanding, ancestry: Ancestry) -> Iterator[Matter]:
    there, stage, name = each.running, each.stage, each.name
    if not stage.exists:
        yield Matter(Urgency.FAILED, name, f"there is no target {stage.target}")
    if there.failed is not None:
        flag = f"--stage={name}"
        way = service.typed("rollback", flag) if there.rollout else service.typed("retry", flag)
        yield Matter(Urgency.FAILED, name, f"{there.failed.release} failed{_cause(there.failed)}", way)
    for rollout in there.coming:
        yield _coming(facts, service, name, rollout, ancestry)
    for hold in holds(facts, stage.target):
        yield Matter(Urgency.STOPPED, name, held(hold), service.typed("resume", f"--stage={name}"))
    for action in (Action.CREATE, Action.APPROVE, Action.ROLLBACK):
        if found := freeze(facts, stage.target, action):
            does = {"CREATE": "rollouts", "APPROVE": "approvals", "ROLLBACK": "rollbacks"}[action.value]
            commands = (each.command(service) for each in frozen_by(facts, service, stage))
            ends = next((f"{command} --reason='…'" for command in commands if command), "")
            yield Matter(Urgency.STOPPED, name, f"{does} are {found.words}", ends)
            break
    if (each.behind or each.behind is None) and not there.coming and there.failed is None:
        yield _next(facts, service, each)


def _next(facts: Facts, service: Service, each: StageStanding) -> Matter:
    """What the stage before has that this one lacks: to be promoted, unless it was taken back from here."""
    before = stage_before(facts, each.stage.target)
    coming = running(facts, before.target).release if before else ""
    back = rolled_back_on(facts, each.stage.target, facts.same_image(coming))
    if back is None:
        promote = service.typed("promote", f"--stage={each.name}")
        return Matter(Urgency.BEHIND, each.name, _behind(each), promote)
    return Matter(Urgency.STOPPED, each.name, f"{back.rollout.release} was rolled back{back.who}{back.why}")


def _behind(each: StageStanding) -> str:
    if each.running.rollout is None and each.running.known:
        return "nothing runs here yet"
    if each.behind is None:
        return "behind the stage before; by how many commits can't be told here"
    return f"{each.behind} commit{'' if each.behind == 1 else 's'} behind the stage before"


def _coming(facts: Facts, service: Service, name: str, rollout: Rollout, ancestry: Ancestry) -> Matter:
    if rollout.state is not RolloutState.PENDING_APPROVAL:
        word = "waits for its turn" if rollout.state.waits else "is being rolled out"
        return Matter(Urgency.UNDER_WAY, name, f"{rollout.release} {word}")
    flags = (f"--stage={name}", f"--release={rollout.release}")
    if stale(facts, rollout, ancestry) is not None:
        text = f"{rollout.release} waits for an approval, and is older than what runs or comes"
        return Matter(Urgency.WAITS, name, text, service.typed("reject", *flags))
    stage = facts.stage(rollout.target)
    release = facts.release(rollout.release)
    author = release.author if release and stage and stage.not_author else ""
    who = f" by somebody else than {author}" if author else ""
    return Matter(
        Urgency.WAITS, name, f"{rollout.release} waits for an approval{who}", service.typed("approve", *flags)
    )


def _cause(rollout: Rollout) -> str:
    said = ": ".join(part for part in (rollout.failure_cause.replace("_", " ").lower(), rollout.failure) if part)
    return f": {said}" if said else ""
