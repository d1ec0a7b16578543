"""`status`: what runs where, for one service or for many, as a document."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msp.operate.standing import StageStanding, Standing, Urgency
from msp.show.document import Block, Column, Commands, Document, Line, Table, Text, Tone

_SHORTER = 7

_TONES = {
    Urgency.FAILED: Tone.BAD,
    Urgency.WAITS: Tone.WAITING,
    Urgency.STOPPED: Tone.WAITING,
    Urgency.UNDER_WAY: Tone.WAITING,
    Urgency.BEHIND: Tone.PLAIN,
    Urgency.FINE: Tone.GOOD,
}
_MARKS = {
    Urgency.FAILED: "✗",
    Urgency.WAITS: "◐",
    Urgency.STOPPED: "‖",
    Urgency.UNDER_WAY: "◐",
    Urgency.BEHIND: "↑",
    Urgency.FINE: "✓",
}


def status_of_one(found: Standing) -> Document:
    """A service: a row for each stage, then what a person should know and what to type."""
    facts = found.facts
    columns = (Column("stage"), Column("release"), Column("age"), Column("behind"), Column("", shrinks=True))
    rows = tuple(_stage_row(each, facts.now) for each in found.stages)
    blocks: list[Block] = [Table(columns, rows)] if rows else [Line.of("the pipeline has no stages", Tone.QUIET)]
    blocks += _matters(found)
    service = found.service
    return Document(
        f"{service.id} in {service.region} ({service.project})", tuple(blocks), {"services": [_data(found)]}
    )


def status_of_many(found: Sequence[Standing], problems: Sequence[str] = ()) -> Document:
    """A fleet: a row for each service, those that need a person first.

    Args:
        found: The services.
        problems: What could not be read, a sentence each.
    """
    ordered = sorted(found, key=lambda each: (each.urgency, each.service.id))
    columns = (Column(""), Column("service"), Column("runs, stage by stage"), Column("needs", shrinks=True))
    needing = sum(each.urgency <= Urgency.WAITS for each in found)
    head = f"{_number(len(found), 'service')}, {needing or 'none'} need{'s' if needing == 1 else ''} a person"
    blocks: list[Block] = [Line.of(problem, Tone.BAD, mark="✗") for problem in problems]
    blocks.append(Table(columns, tuple(map(_service_row, ordered))))
    return Document(head, tuple(blocks), {"services": [_data(each) for each in ordered], "problems": list(problems)})


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that makes sense: `3 d`, `2 h`, `5 min`."""
    passed = max(now - since, timedelta(0))
    if passed >= timedelta(days=2):
        return f"{passed.days} d"
    if passed >= timedelta(hours=2):
        return f"{passed // timedelta(hours=1)} h"
    return f"{passed // timedelta(minutes=1)} min"


def _stage_row(each: StageStanding, now: datetime) -> tuple[Text, ...]:
    rollout = each.running.rollout
    when = age(rollout.ended or rollout.created, now) if rollout else ""
    behind = "?" if each.behind is None else str(each.behind or "")
    author = f"({each.release.author})" if each.release and each.release.author else ""
    about = " ".join(filter(None, (each.release.subject if each.release else "", author)))
    if rollout is None:
        runs = Text("nothing" if each.running.known else "not known", Tone.QUIET)
        return (Text(each.name), runs, Text(""), Text(""), Text(""))
    tone = Tone.BAD if each.running.failed else Tone.GOOD
    return Text(each.name), Text(rollout.release, tone, code=True), Text(when), Text(behind), Text(about, Tone.QUIET)


def _matters(found: Standing) -> Iterator[Block]:
    if not found.matters:
        yield Line.of("nothing needs a person", Tone.GOOD, mark="✓")
    for matter in found.matters:
        where = f"{matter.stage}: " if matter.stage else ""
        yield Line.of(f"{where}{matter.text}", _TONES[matter.urgency], mark=_MARKS[matter.urgency])
        if matter.command:
            yield Commands("", (matter.command,))


def _service_row(found: Standing) -> tuple[Text, ...]:
    tone = _TONES[found.urgency]
    runs = " ▸ ".join(map(_short, found.stages)) or "no stages"
    first = next(iter(found.matters), None)
    where = f"{first.stage}: " if first and first.stage else ""
    return (
        Text(_MARKS[found.urgency], tone),
        Text(found.service.id),
        Text(runs, Tone.QUIET, code=True),
        Text(f"{where}{first.text}" if first else "", tone),
    )


def _short(each: StageStanding) -> str:
    if each.running.rollout is None:
        return "-"
    commit = each.release.commit[:_SHORTER] if each.release else ""
    return commit or each.running.release


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _data(found: Standing) -> dict[str, object]:
    service = found.service
    return {
        "service": service.id,
        "project": service.project,
        "region": service.region,
        "pipeline": service.pipeline_id,
        "suspended": found.facts.pipeline.suspended,
        "stages": [_stage_data(each) for each in found.stages],
        "matters": [
            {"urgency": each.urgency.name, "stage": each.stage, "text": each.text, "command": each.command}
            for each in found.matters
        ],
    }


def _stage_data(each: StageStanding) -> dict[str, object]:
    rollout, release = each.running.rollout, each.release
    return {
        "stage": each.name,
        "target": each.stage.target,
        "category": each.stage.category,
        "release": rollout.release if rollout else None,
        "rollout": rollout.id if rollout else None,
        "since": f"{rollout.ended or rollout.created:%Y-%m-%dT%H:%M:%SZ}" if rollout else None,
        "digest": release.digest if release else None,
        "commit": release.commit if release else None,
        "author": release.author if release else None,
        "behind": each.behind,
        "coming": [{"rollout": r.id, "release": r.release, "state": r.state.value} for r in each.running.coming],
    }
