"""Changes and differences as text for people."""

from collections.abc import Iterator

from msp import names
from msp.pipeline.live.changes import (
    DeleteResource,
    Grant,
    LiftSuspension,
    PipelineChange,
    PutResource,
    UploadArchive,
)
from msp.pipeline.live.comparison import Comparison
from msp.pipeline.live.guards import LessGuarded


def headline(change: PipelineChange) -> str:
    """A change in one line; `+` makes, `~` changes, `-` deletes."""
    match change:
        case UploadArchive():
            if not change.live.bucket_exists:
                return f"+ source archive {change.uri}, and its bucket"
            return f"{'+' if change.live.content is None else '~'} source archive {change.uri}"
        case PutResource():
            return f"{'+' if change.live is None else '~'} {names.short_name(change.wanted.name)}"
        case DeleteResource():
            return f"- {names.short_name(change.live.name)}"
        case Grant():
            return f"+ access to {names.short_name(change.resource)}"
        case LiftSuspension():
            return f"- suspension of {names.short_name(change.live.name)}"


def details(change: PipelineChange) -> Iterator[str]:
    """What a change consists of, a line each."""
    match change:
        case UploadArchive():
            if change.live.content is not None:
                yield "its content differs"
        case PutResource(live=None):
            for difference in change.differences:
                yield f"{difference.field}: {difference.wanted}"
        case PutResource():
            for difference in change.differences:
                yield f"{difference.field}: {_shown(difference.live)} -> {_shown(difference.wanted)}"
        case DeleteResource():
            yield "no longer in the specification"
        case Grant():
            for binding in change.bindings:
                yield f"{binding.role} for {binding.member}"
        case LiftSuspension():
            yield "suspended: True -> (unset)"


def listing(changes: tuple[PipelineChange, ...]) -> str:
    """All changes with their details, a blank line between them."""
    return "\n\n".join(
        "\n".join([headline(change), *(f"    {line}" for line in details(change))]) for change in changes
    )


def weakening(found: LessGuarded) -> str:
    """One thing that would keep releases back no longer, in a line."""
    why = " (the specification says so)" if found.specified else ""
    return f"{names.short_name(found.resource)} {found.what}{why}"


def guards(comparison: Comparison) -> list[str]:
    """What becomes less guarded, and what stays since the specification is silent on it: a block of lines each."""
    blocks = []
    if comparison.less_guarded:
        lines = (f"    {weakening(found)}" for found in comparison.less_guarded)
        blocks.append("\n".join(["less guarded:", *lines]))
    if comparison.kept:
        lines = (f"    {guard} of {names.short_name(resource)}" for resource, guard in comparison.kept)
        blocks.append("\n".join(["kept, as the specification is silent on it:", *lines]))
    return blocks


def _shown(value: str | None) -> str:
    return "(unset)" if value is None else value
