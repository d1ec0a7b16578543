"""Messages as JSON (https://protobuf.dev/programming-guides/json), several times as fast as `json_format` writes them.

What to do with a field is found out once for its message type; `json_format` asks the descriptors for every message.
And a resource is written once: lists show the same ones again and again, releases hold the same pipeline and targets.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from json.encoder import encode_basestring
from typing import Any

from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from msp.localcloud import newer_fields
from msp.localcloud.json_memory import JsonMemory
from msp.localcloud.listed import Listed
from msp.localcloud.methods import AnyMessage

Writer = Callable[[Any], str]
"""Writes a value of one type."""

_memory = JsonMemory(most_bytes=64 * 1024 * 1024)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLOATS = frozenset({FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE})
_quoted: Writer = encode_basestring


def json_text(answer: Message | Listed, *, enum_numbers: bool = False) -> str:
    """A message, or a page of a list, as JSON, with nothing for what is not set.

    Args:
        answer: The message or the page.
        enum_numbers: Whether enums are written as numbers rather than names.
    """
    if isinstance(answer, Message):
        return _message_writer(answer.DESCRIPTOR, enum_numbers=enum_numbers)(answer)
    token = f'"nextPageToken": {_quoted(answer.next_page_token)}' if answer.next_page_token else ""
    if not answer.payloads:
        return "{" + token + "}"
    write = _payload_writer(answer.field.message_type, enum_numbers=enum_numbers)
    # Joined once: a page has megabytes.
    texts = [write(payload) for payload in answer.payloads]
    texts[0] = f'{{"{answer.field.json_name}": [{texts[0]}'
    texts[-1] += f"], {token}}}" if token else "]}"
    return ", ".join(texts)


@cache
def _payload_writer(descriptor: Descriptor, *, enum_numbers: bool) -> Callable[[bytes], str]:
    """Writes a resource that is serialized, if it was not written before."""
    parse = GetMessageClass(descriptor).FromString
    fields = _fields_writer(descriptor, enum_numbers=enum_numbers)

    def write(payload: bytes) -> str:
        return fields(parse(payload))

    return lambda payload: _memory.text(write, payload, write)


@cache
def _message_writer(descriptor: Descriptor, *, enum_numbers: bool) -> Writer:
    if descriptor.full_name == "google.protobuf.Timestamp":
        return _timestamp
    if descriptor.full_name == "google.protobuf.Any":
        return lambda packed: _packed(packed, enum_numbers=enum_numbers)
    if descriptor.full_name.startswith("google.protobuf.") or any(f.cpp_type in _FLOATS for f in descriptor.fields):
        return lambda message: _by_json_format(message, enum_numbers=enum_numbers)
    if "name" not in descriptor.fields_by_name:
        return _fields_writer(descriptor, enum_numbers=enum_numbers)
    resource = _payload_writer(descriptor, enum_numbers=enum_numbers)
    return lambda message: resource(message.SerializeToString())


def _fields_writer(descriptor: Descriptor, *, enum_numbers: bool) -> Writer:
    newer = descriptor.full_name in newer_fields.FIELDS
    known: dict[FieldDescriptor, tuple[str, Writer]] = {}

    def write(message: Message) -> str:
        parts = []
        for field, value in message.ListFields():
            if field not in known:
                known[field] = f"{_quoted(field.json_name)}: ", _field_writer(field, enum_numbers=enum_numbers)
            name, text = known[field]
            parts.append(name + text(value))
        if newer:
            parts += [f"{_quoted(name)}: {text}" for name, text in newer_fields.shown(message)]
        return "{" + ", ".join(parts) + "}"

    return write


def _field_writer(field: FieldDescriptor, *, enum_numbers: bool) -> Writer:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        key_text, value_text = _key_writer(key), _value_writer(value, enum_numbers=enum_numbers)
        return lambda pairs: (
            "{" + ", ".join([f"{key_text(name)}: {value_text(value)}" for name, value in pairs.items()]) + "}"
        )
    text = _value_writer(field, enum_numbers=enum_numbers)
    return (lambda values: "[" + ", ".join([text(each) for each in values]) + "]") if field.is_repeated else text


def _key_writer(field: FieldDescriptor) -> Writer:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda key: '"true"' if key else '"false"'
    return _quoted if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else lambda key: f'"{key}"'


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
        text = _second(moment.seconds)
    except OverflowError:
        return _quoted(moment.ToJsonString())  # says what is wrong
    if nanos := moment.nanos:
        digits = f"{nanos:09}"
        text += "." + (digits[:3] if digits.endswith("000000") else digits[:6] if digits.endswith("000") else digits)
    return f'"{text}Z"'


def _packed(packed: AnyMessage, *, enum_numbers: bool) -> str:
    name = packed.TypeName()
    if not packed.type_url or name.startswith("google.protobuf."):
        return _by_json_format(packed, enum_numbers=enum_numbers)
    inner = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name)).FromString(packed.value)
    fields = json_text(inner, enum_numbers=enum_numbers).removeprefix("{")
    return f'{{"@type": {_quoted(packed.type_url)}{"" if fields == "}" else ", "}{fields}'


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def _by_json_format(message: Message, *, enum_numbers: bool) -> str:
    value = json_format.MessageToDict(message, use_integers_for_enums=enum_numbers)
    return json.dumps(value, ensure_ascii=False)
