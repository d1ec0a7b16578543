"""Changes and differences as text for people."""

from collections.abc import Iterator

from msp.pipeline.live.changes import Change, DeleteResource, Grant, PutResource, UploadArchive

_KINDS = {
    "automations": "automation",
    "customTargetTypes": "custom target type",
    "deliveryPipelines": "delivery pipeline",
    "targets": "target",
}


def short_name(resource: str) -> str:
    """A full resource name as people say it: `target staging-us-central1`."""
    collection, _, identifier = resource.rpartition("/")
    return f"{_KINDS[collection.rpartition('/')[2]]} {identifier}"


def headline(change: Change) -> str:
    """A change in one line; `+` makes, `~` changes, `-` deletes."""
    match change:
        case UploadArchive():
            if not change.live.bucket_exists:
                return f"+ source archive {change.uri}, and its bucket"
            return f"{'+' if change.live.content is None else '~'} source archive {change.uri}"
        case PutResource():
            return f"{'+' if change.live is None else '~'} {short_name(change.wanted.name)}"
        case DeleteResource():
            return f"- {short_name(change.live.name)}"
        case Grant():
            return f"+ access to {short_name(change.resource)}"


def details(change: Change) -> Iterator[str]:
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


def listing(changes: tuple[Change, ...]) -> str:
    """All changes with their details, a blank line between them."""
    return "\n\n".join(
        "\n".join([headline(change), *(f"    {line}" for line in details(change))]) for change in changes
    )


def _shown(value: str | None) -> str:
    return "(unset)" if value is None else value
