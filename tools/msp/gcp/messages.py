"""Reading Google's messages."""

from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")


def raw(message: Any) -> Any:  # noqa: ANN401 - any of proto-plus's messages
    """The message that proto-plus wraps."""
    return type(message).pb(message)


def enum_name(message: Any, field: str) -> str:  # noqa: ANN401 - any of proto-plus's messages
    """The name of an enum field's value, also of one that is younger than the library.

    Args:
        message: `google.cloud.deploy_v1.Rollout(state="SUCCEEDED")`.
        field: `state`.

    Returns:
        `SUCCEEDED`; the number (`99`) where the library knows no name.
    """
    content = type(message).pb(message)
    number = getattr(content, field)
    value = content.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return str(number) if value is None else str(value.name)


def nanoseconds(message: Any, field: str) -> int:  # noqa: ANN401
    """A timestamp as nanoseconds since 1970, to sort by; 0 where it isn't set."""
    return int(getattr(type(message).pb(message), field).ToNanoseconds())


def last_part(name: str) -> str:
    """The id of a resource: the last part of its full name."""
    return name.rpartition("/")[2]


def part_after(name: str, collection: str) -> str:
    """The id that follows a collection in a full name: `part_after("…/releases/r/rollouts/o", "releases")` is `r`."""
    return name.partition(f"/{collection}/")[2].partition("/")[0]


def noted_moment(text: str) -> datetime | None:
    """The moment that somebody noted in an annotation, aware: `2026-11-24T12:00:00Z`; None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def unpacked(packed: Any, kind: type[T]) -> T | None:  # noqa: ANN401 - google.protobuf.any_pb2.Any, untyped
    """What an operation's response holds, or None where that is empty or of another kind.

    Args:
        packed: `operation.response`.
        kind: `google.cloud.deploy_v1.Release`.
    """
    message = kind()
    return message if packed.Unpack(kind.pb(message)) else None  # type: ignore[attr-defined]  # proto-plus's metaclass
