"""What is at a path in a message: in its fields, in maps, in JSON, and in what an `Any` holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from google.protobuf import symbol_database
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

Value: TypeAlias = Any
"""A field's value or descriptor, of whatever type the field has."""


def values(message: Value, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    """Each value at a path, with its field's descriptor; nothing where it is not set."""
    kind = message.DESCRIPTOR.full_name
    if kind == "google.protobuf.Any":
        if path and path[0] == "@type":
            yield from [(None, message.type_url)] if len(path) == 1 else []
        elif (inner := _unpacked(message)) is not None:
            yield from values(inner, path) if path else [(None, inner)]
        return
    if not path:
        yield None, message
        return
    if kind == "google.protobuf.Struct":
        yield from _in_map(None, message.fields, path)
        return
    field = field_of(message.DESCRIPTOR, path[0])
    if field is not None:
        yield from _in_field(field, message, path[1:])


def texts(message: Message) -> Iterator[str]:
    """All texts in a message, however deep."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        inner = _unpacked(message)
        if inner is not None:
            yield from texts(inner)
        return
    for field, value in message.ListFields():
        if is_map(field):
            for key in value:
                yield key
                yield from _texts_of(value[key])
        else:
            for each in value if field.is_repeated else [value]:
                yield from _texts_of(each)


def field_of(descriptor: Value, name: str) -> FieldDescriptor | None:
    """The field of a name in camelCase or as in the definition; `None` when there is none."""
    found: FieldDescriptor | None = descriptor.fields_by_camelcase_name.get(name) or descriptor.fields_by_name.get(name)
    return found


def is_map(field: Value) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _in_field(field: Value, message: Message, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    value = getattr(message, field.name)
    if is_map(field):
        yield from _in_map(field.message_type.fields_by_name["value"], value, path)
    elif field.is_repeated:
        for each in value:
            yield from _of(field, each, path)
    elif message.HasField(field.name) if field.message_type is not None else value != field.default_value:
        yield from _of(field, value, path)


def _of(field: Value, value: Value, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    """A field's value, or what is at a path in it."""
    if isinstance(value, Message):
        if value.DESCRIPTOR.full_name == "google.protobuf.Value":
            yield from _in_json(value, path)
        else:
            yield from values(value, path)
    elif not path:
        yield field, value


def _in_json(value: Value, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        for each in value.list_value.values:
            yield from _in_json(each, path)
    elif kind == "struct_value":
        yield from values(value.struct_value, path) if path else [(None, value.struct_value)]
    elif not path and kind not in {None, "null_value"}:
        yield None, getattr(value, kind)


def _in_map(field: Value, found: Mapping[str, Any], path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    if not path:
        for key in found:
            yield None, key
        return
    # A key may have dots of its own, `run.googleapis.com/region`.
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        if key in found:
            yield from _of(field, found[key], path[length:])
            return


def _unpacked(message: Value) -> Message | None:
    """What an `Any` holds; `None` when its type is not known here."""
    try:
        inner: Message = symbol_database.Default().GetSymbol(message.TypeName())()
    except KeyError:
        return None
    try:
        message.Unpack(inner)
    except DecodeError:
        return None
    return inner


def _texts_of(value: Value) -> Iterator[str]:
    if isinstance(value, Message):
        yield from texts(value)
    elif isinstance(value, str):
        yield value
