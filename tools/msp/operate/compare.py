"""`changes`: the commits between what a stage runs and what would come, or between any two."""

from dataclasses import dataclass

from msp.changes.between import Changes, changes_between
from msp.changes.commit import Commit
from msp.errors import UsageError
from msp.operate.host import Host
from msp.operate.service import Service, environment
from msp.operate.words import changes_blocks, release_words
from msp.rollouts.facts import Facts, Release
from msp.rollouts.journey import stage_before
from msp.rollouts.running import running
from msp.show.document import Document, Line


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was asked for.

    Attributes:
        stage: Whose: `prod`; what it runs is compared with the stage before; empty for the last stage's.
        since: A stage or a release to begin from; empty for what `stage` runs.
        until: A stage or a release that would come; empty for what the stage before runs, or the newest release.
        everything: Whether to list every commit, whether or not it can change the image.
    """

    stage: str = ""
    since: str = ""
    until: str = ""
    everything: bool = False


def compare(asked: Comparison, facts: Facts, service: Service, host: Host) -> Document:
    """The commits in between, as a document.

    Raises:
        UsageError: There is no such stage or release, or it does not know its commit.
    """
    since, until = _ends(asked, facts, service)
    if until is None:
        raise UsageError(f"{service.id} has nothing to compare with yet", hint="deliver a release first")
    if (since is not None and not since.commit) or not until.commit:
        nameless = until if not until.commit else since
        raise UsageError(
            f"{nameless.id if nameless else ''} does not say its commit",
            hint="only releases that these tools made can be compared",
        )
    data: dict[str, object] = {"service": service.id, "until": until.id, "since": since.id if since else None}
    title = f"{service.id}: {since.id if since else 'nothing'} → {until.id}"
    heads = (Line.of(f"from  {release_words(since)}", mark=" "), Line.of(f"to    {release_words(until)}", mark=" "))
    if since is None:
        return Document(title, (*heads, Line.of("nothing runs there yet: all of it would be new")), data)
    image = "" if asked.everything else service.image
    found = changes_between(host.checkout(), since.commit, until.commit, image=image)
    return Document(title, (*heads, *changes_blocks(found)), data | changes_data(found))


def changes_data(found: Changes) -> dict[str, object]:
    """Changes, for programs."""
    return {
        "known": found.known,
        "come": [_commit_data(each) for each in found.come],
        "leave": [_commit_data(each) for each in found.leave],
        "skipped": found.skipped,
        "notes": list(found.notes),
    }


def _commit_data(commit: Commit) -> dict[str, object]:
    return {
        "commit": commit.id,
        "author": commit.author,
        "time": f"{commit.time:%Y-%m-%dT%H:%M:%SZ}",
        "subject": commit.subject,
        "reverts": list(commit.reverts),
    }


def _ends(asked: Comparison, facts: Facts, service: Service) -> tuple[Release | None, Release | None]:
    stages = facts.pipeline.stages
    if not stages:
        raise UsageError(f"the pipeline of {service.id} has no stages", hint="apply its specification")
    stage = service.stage(facts, asked.stage) if asked.stage else stages[-1]
    before = stage_before(facts, stage.target)
    since = _named(asked.since, facts, service) if asked.since else facts.release(running(facts, stage.target).release)
    if asked.until:
        return since, _named(asked.until, facts, service)
    return since, facts.release(running(facts, before.target).release) if before else next(iter(facts.releases), None)


def _named(name: str, facts: Facts, service: Service) -> Release | None:
    """The release of that id, or the one that a stage of that name runs."""
    if (release := facts.release(name)) is not None:
        return release
    for stage in facts.pipeline.stages:
        if name in {stage.target, environment(stage, service.region)}:
            return facts.release(running(facts, stage.target).release)
    raise UsageError(
        f"{name} is neither a stage nor a release of {service.id}",
        hint=f"see which there are: {service.typed('status')}",
    )
