"""Messages as JSON (https://protobuf.dev/programming-guides/json), several times as fast as `json_format` writes them.

What to do with a field is found out once for its message type; `json_format` asks the descriptors for every message.
And a resource is written once: lists show the same ones again and again, releases hold the same pipeline and targets.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from msp.localcloud import newer_fields
from msp.localcloud.methods import AnyMessage

Writer = Callable[[Any], str]
"""Writes a value of one type."""

_MOST_REMEMBERED_BYTES = 8192
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLOATS = frozenset({FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE})
_quoted: Writer = json.JSONEncoder(ensure_ascii=False).encode


def json_text(message: Message, *, enum_numbers: bool = False) -> str:
    """A message as JSON, with nothing for what is not set.

    Args:
        message: The message.
        enum_numbers: Whether enums are written as numbers rather than names.
    """
    return _message_writer(message.DESCRIPTOR, enum_numbers=enum_numbers)(message)


@cache
def _message_writer(descriptor: Descriptor, *, enum_numbers: bool) -> Writer:
    if descriptor.full_name == "google.protobuf.Timestamp":
        return _timestamp
    if descriptor.full_name == "google.protobuf.Any":
        return lambda packed: _packed(packed, enum_numbers=enum_numbers)
    if descriptor.full_name.startswith("google.protobuf.") or any(f.cpp_type in _FLOATS for f in descriptor.fields):
        return lambda message: _by_json_format(message, enum_numbers=enum_numbers)
    known: dict[int, tuple[str, Writer]] = {}

    def write(message: Message) -> str:
        parts = []
        for field, value in message.ListFields():
            if field.number not in known:
                known[field.number] = f"{_quoted(field.json_name)}: ", _field_writer(field, enum_numbers=enum_numbers)
            name, text = known[field.number]
            parts.append(name + text(value))
        parts += [f"{_quoted(name)}: {text}" for name, text in newer_fields.shown(message)]
        return f"{{{', '.join(parts)}}}"

    if "name" not in descriptor.fields_by_name:
        return write

    def write_once(resource: Message) -> str:
        payload = resource.SerializeToString()
        large = len(payload) > _MOST_REMEMBERED_BYTES
        return write(resource) if large else _remembered(descriptor, write, payload)

    return write_once


@lru_cache(maxsize=2048)
def _remembered(descriptor: Descriptor, write: Writer, payload: bytes) -> str:
    return write(GetMessageClass(descriptor).FromString(payload))


def _field_writer(field: FieldDescriptor, *, enum_numbers: bool) -> Writer:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        key_text, value_text = _key_writer(key), _value_writer(value, enum_numbers=enum_numbers)
        return lambda pairs: f"{{{', '.join(f'{key_text(name)}: {value_text(pairs[name])}' for name in pairs)}}}"
    text = _value_writer(field, enum_numbers=enum_numbers)
    return (lambda values: f"[{', '.join(map(text, values))}]") if field.is_repeated else text


def _key_writer(field: FieldDescriptor) -> Writer:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda key: '"true"' if key else '"false"'
    return lambda key: _quoted(str(key))


def _value_writer(field: FieldDescriptor, *, enum_numbers: bool) -> Writer:
    if field.message_type is not None:
        return _message_writer(field.message_type, enum_numbers=enum_numbers)
    if field.enum_type is not None:
        return str if enum_numbers else _enum_writer(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: f'"{base64.b64encode(value).decode()}"'
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda value: "true" if value else "false"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _quoted
    # JavaScript's numbers are too short for 64 bits.
    long = field.cpp_type in {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
    return (lambda value: f'"{value}"') if long else str


def _enum_writer(enum: EnumDescriptor) -> Writer:
    names = {number: _quoted(value.name) for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, str(number))


def _timestamp(moment: Timestamp) -> str:
    try:
        text = (_EPOCH + timedelta(seconds=moment.seconds)).isoformat()[:19]
    except OverflowError:
        return _quoted(moment.ToJsonString())  # says what is wrong
    if moment.nanos:
        digits = f"{moment.nanos:09}"
        text += "." + (digits[:3] if digits.endswith("000000") else digits[:6] if digits.endswith("000") else digits)
    return f'"{text}Z"'


def _packed(packed: AnyMessage, *, enum_numbers: bool) -> str:
    name = packed.TypeName()
    if not packed.type_url or name.startswith("google.protobuf."):
        return _by_json_format(packed, enum_numbers=enum_numbers)
    inner = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name)).FromString(packed.value)
    fields = json_text(inner, enum_numbers=enum_numbers).removeprefix("{")
    return f'{{"@type": {_quoted(packed.type_url)}{"" if fields == "}" else ", "}{fields}'


def _by_json_format(message: Message, *, enum_numbers: bool) -> str:
    value = json_format.MessageToDict(message, use_integers_for_enums=enum_numbers)
    return json.dumps(value, ensure_ascii=False)
