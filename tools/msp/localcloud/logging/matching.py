"""Whether a query holds for an entry.

A field that an entry's payload or labels don't have fails every comparison, also `!=`; one that Google's definition of
entries has and that is not set has its default. A field that neither has is an error, said before anything is searched.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from msp.localcloud.logging import messages as pb
from msp.localcloud.logging.fields import Value, field_of, is_map, texts, values
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
        return lambda entry: any(wanted in text.casefold() for text in texts(entry))
    if isinstance(expression, Not):
        inner = _compiled(expression.term)
        return lambda entry: not inner(entry)
    terms = [_compiled(term) for term in expression.terms]
    together = all if isinstance(expression, All) else any
    return lambda entry: together(term(entry) for term in terms)


def _comparison(comparison: Comparison) -> Matcher:
    path = _checked_path(comparison)
    if comparison.exists:
        return lambda entry: any(True for _ in values(entry, path))
    test = _test(comparison)
    defaulted = path[0] not in {*_PAYLOADS, "labels"} and path[:2] != ("resource", "labels")

    def holds(entry: Message) -> bool:
        found = values(entry, path)
        first = next(found, None)
        if first is None:
            return defaulted and test(*_default(path))
        return test(*first) or any(test(*value) for value in found)

    return holds


def _checked_path(comparison: Comparison) -> tuple[str, ...]:
    """The path with its fields named as in the definition of entries; what a payload holds is only known there."""
    descriptor: Value = pb.LogEntry.DESCRIPTOR
    names: list[str] = []
    for at, name in enumerate(comparison.path):
        field = field_of(descriptor, name)
        if field is None:
            raise unparseable(f"field not found: '{'.'.join(comparison.path)}'")
        names.append(field.name)
        rest = comparison.path[at + 1 :]
        if field.name in _PAYLOADS or is_map(field):
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
        return comparator == ":" and any(wanted.casefold() in text.casefold() for text in texts(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (field is None or field.enum_type is None):
        try:
            return bool(_ORDERS[comparator](value, float(wanted)))
        except ValueError:
            return False
    text, wanted = _text(field, value).casefold(), wanted.casefold()
    return wanted in text if comparator == ":" else bool(_ORDERS[comparator](text, wanted))


def _default(path: Sequence[str]) -> tuple[Value, Value]:
    message: Value = pb.LogEntry()
    field: Value = None
    for name in path:
        field = message.DESCRIPTOR.fields_by_name[name]
        message = getattr(message, name)
    return field, message


def _is_time(field: Value) -> bool:
    return field.message_type is not None and bool(field.message_type.full_name.startswith("google.protobuf."))


def _text(field: Value, value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if field is not None and field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else str(known.name)
    return "" if isinstance(value, Message) else str(value)


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
