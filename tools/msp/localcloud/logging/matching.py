"""Whether a query holds for an entry.

A field that an entry's payload or labels don't have fails every comparison, also `!=`; one that Google's definition of
entries has and that is not set has its default. A field that neither has is an error, said before anything is searched.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from google.protobuf import symbol_database
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from msp.localcloud.logging import messages as pb
from msp.localcloud.logging.language import (
    All,
    Anywhere,
    Comparison,
    Expression,
    Not,
    conjuncts,
    parse,
    unparseable,
)
from msp.localcloud.status import ApiError

Matcher = Callable[[Message], bool]
Value: TypeAlias = Any
"""A field's value or descriptor, of whatever type the field has."""

_PAYLOADS = frozenset({"proto_payload", "json_payload"})
_TIMES = frozenset({("timestamp",), ("receiveTimestamp",), ("receive_timestamp",)})
_BYTES_TOLD = frozenset(
    {
        ("logName",),
        ("resource", "type"),
        ("protoPayload", "methodName"),
        ("protoPayload", "resourceName"),
        ("protoPayload", "serviceName"),
        ("protoPayload", "authenticationInfo", "principalEmail"),
    }
)
"""Texts that stand in a serialized entry as they are."""
_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EARLIEST, _LATEST = 0, 2**63


@lru_cache(maxsize=256)
def matcher(text: str) -> Matcher:
    """What tells whether a query holds for a `LogEntry`.

    Raises:
        ApiError: `INVALID_ARGUMENT`: it is no query, a field is unknown, or a value can't be one of its field's.
    """
    return _compiled(parse(text))


def between(text: str) -> tuple[int, int]:
    """The timestamps, in nanoseconds, that an entry has for which a query holds: the first and the last."""
    first, last = _EARLIEST, _LATEST
    for term in conjuncts(parse(text)):
        if isinstance(term, Comparison) and term.path == ("timestamp",) and not term.exists:
            moment = _nanoseconds(term.value)
            if term.comparator in {">", ">=", "="}:
                first = max(first, moment)
            if term.comparator in {"<", "<=", "="}:
                last = min(last, moment)
    return first, last


def fragments(text: str) -> list[bytes]:
    """What must stand in an entry's bytes, in lower case, for a query to hold: most entries need not be read."""
    return [
        term.value.lower().encode()
        for term in conjuncts(parse(text))
        if isinstance(term, Comparison)
        and term.path in _BYTES_TOLD
        and term.comparator in {"=", ":"}
        and not term.exists
        and term.value.isascii()
    ]


def _compiled(expression: Expression) -> Matcher:
    if isinstance(expression, Comparison):
        return _comparison(expression)
    if isinstance(expression, Anywhere):
        wanted = expression.value.casefold()
        return lambda entry: any(wanted in text.casefold() for text in _texts(entry))
    if isinstance(expression, Not):
        inner = _compiled(expression.term)
        return lambda entry: not inner(entry)
    terms = [_compiled(term) for term in expression.terms]
    together = all if isinstance(expression, All) else any
    return lambda entry: together(term(entry) for term in terms)


def _comparison(comparison: Comparison) -> Matcher:
    path = _checked_path(comparison)
    if comparison.exists:
        return lambda entry: any(True for _ in _values(entry, path))
    test = _test(comparison)
    defaulted = path[0] not in {*_PAYLOADS, "labels"} and path[:2] != ("resource", "labels")

    def holds(entry: Message) -> bool:
        values = _values(entry, path)
        first = next(values, None)
        if first is None:
            return defaulted and test(*_default(path))
        return test(*first) or any(test(*value) for value in values)

    return holds


def _checked_path(comparison: Comparison) -> tuple[str, ...]:
    """The path with its fields named as in the definition of entries; what a payload holds is only known there."""
    descriptor: Value = pb.LogEntry.DESCRIPTOR
    names: list[str] = []
    for at, name in enumerate(comparison.path):
        field = _field(descriptor, name)
        if field is None:
            raise unparseable(f"field not found: '{'.'.join(comparison.path)}'")
        names.append(field.name)
        rest = comparison.path[at + 1 :]
        if field.name in _PAYLOADS or _is_map(field):
            return (*names, *rest)
        descriptor = field.message_type
        if rest and (descriptor is None or _is_time(field)):
            raise unparseable(f"field not found: '{'.'.join(comparison.path)}'")
    return tuple(names)


def _test(comparison: Comparison) -> Callable[[Value, Value], bool]:
    """Whether one value, given with its field's descriptor (`None` for a value of JSON), compares as wanted."""
    wanted, comparator = comparison.value, comparison.comparator
    if comparator in {"=~", "!~"}:
        pattern = _expression(wanted)
        return lambda field, value: (pattern.search(_text(field, value)) is not None) == (comparator == "=~")
    if comparison.path in _TIMES:
        moment = _nanoseconds(wanted)
        return lambda _, value: bool(_ORDERS[comparator](_time(value), moment))
    if comparison.path == ("severity",):
        level = _level(wanted)
        return lambda _, value: bool(_ORDERS[comparator](value, level))
    return lambda field, value: _compares(field, value, comparator, wanted)


def _compares(field: Value, value: Value, comparator: str, wanted: str) -> bool:
    if isinstance(value, Message):
        if isinstance(value, Timestamp):
            try:
                return bool(_ORDERS[comparator](_time(value), _nanoseconds(wanted)))
            except ApiError:
                return False
        return comparator == ":" and any(wanted.casefold() in text.casefold() for text in _texts(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (field is None or field.enum_type is None):
        try:
            return bool(_ORDERS[comparator](value, float(wanted)))
        except ValueError:
            return False
    text, wanted = _text(field, value).casefold(), wanted.casefold()
    return wanted in text if comparator == ":" else bool(_ORDERS[comparator](text, wanted))


def _values(message: Message, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    """Each value at a path, with its field's descriptor; nothing where it is not set."""
    kind = message.DESCRIPTOR.full_name
    if kind == "google.protobuf.Any":
        if path and path[0] == "@type":
            yield from [(None, message.type_url)] if len(path) == 1 else []  # type: ignore[attr-defined]
        elif (inner := _unpacked(message)) is not None:
            yield from _values(inner, path) if path else [(None, inner)]
        return
    if not path:
        yield None, message
        return
    if kind == "google.protobuf.Struct":
        yield from _in_map(None, message.fields, path)  # type: ignore[attr-defined]
        return
    field = _field(message.DESCRIPTOR, path[0])
    if field is not None:
        yield from _in_field(field, message, path[1:])


def _in_field(field: Value, message: Message, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    value = getattr(message, field.name)
    if _is_map(field):
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
            yield from _values(value, path)
    elif not path:
        yield field, value


def _in_json(value: Value, path: Sequence[str]) -> Iterator[tuple[Value, Value]]:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        for each in value.list_value.values:
            yield from _in_json(each, path)
    elif kind == "struct_value":
        yield from _values(value.struct_value, path) if path else [(None, value.struct_value)]
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


def _default(path: Sequence[str]) -> tuple[Value, Value]:
    message: Value = pb.LogEntry()
    field: Value = None
    for name in path:
        field = message.DESCRIPTOR.fields_by_name[name]
        message = getattr(message, name)
    return field, message


def _field(descriptor: Value, name: str) -> FieldDescriptor | None:
    found: FieldDescriptor | None = descriptor.fields_by_camelcase_name.get(name) or descriptor.fields_by_name.get(name)
    return found


def _is_map(field: Value) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_time(field: Value) -> bool:
    return field.message_type is not None and bool(field.message_type.full_name.startswith("google.protobuf."))


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


def _text(field: Value, value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if field is not None and field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else str(known.name)
    return "" if isinstance(value, Message) else str(value)


def _texts(message: Message) -> Iterator[str]:
    """All texts in a message, however deep."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        inner = _unpacked(message)
        if inner is not None:
            yield from _texts(inner)
        return
    for field, value in message.ListFields():
        if _is_map(field):
            for key in value:
                yield key
                yield from _texts_of(value[key])
        else:
            for each in value if field.is_repeated else [value]:
                yield from _texts_of(each)


def _texts_of(value: Value) -> Iterator[str]:
    if isinstance(value, Message):
        yield from _texts(value)
    elif isinstance(value, str):
        yield value


def _expression(text: str) -> re.Pattern[str]:
    # RE2 has neither look-arounds nor back references.
    if re.search(r"\(\?(?:[=!]|<[=!])|\\[1-9]", text):
        raise unparseable(f"invalid regular expression '{text}': invalid or unsupported Perl syntax")
    try:
        return re.compile(text)
    except re.error as error:
        raise unparseable(f"invalid regular expression '{text}': {error}") from None


def _level(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        pass
    known = pb.LogEntry.DESCRIPTOR.fields_by_name["severity"].enum_type.values_by_name
    if text.upper() not in known:
        raise unparseable(f"'{text}' is not a severity")
    return int(known[text.upper()].number)


def _time(value: Value) -> int:
    return int(value.seconds) * 10**9 + int(value.nanos)


def _nanoseconds(text: str) -> int:
    """A timestamp of RFC 3339, or a date. Google's Python library writes an offset without its colon, `+0000`."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T00:00:00Z"
    moment = Timestamp()
    try:
        moment.FromJsonString(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text))
    except ValueError:
        raise unparseable(f"'{text}' is not a timestamp") from None
    return _time(moment)
