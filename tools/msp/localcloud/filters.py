"""Filters of list requests (https://google.aip.dev/160): parsed, then asked of messages.

As the standard has it, `OR` binds tighter than `AND`, words beside each other are joined by `AND`, `NOT` and `-`
negate, `:` asks whether something has a value, and `*` in a string stands for anything.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeAlias

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from msp.localcloud.status import ApiError, Code

Value: TypeAlias = Any
"""A field's value or descriptor, of whatever type the field has."""

_MOST_CHARACTERS = 4096
_MOST_DEPTH = 50
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator><=|>=|!=|[=<>:()])
    |(?P<minus>-(?=[\w("']))
    |(?P<word>[^\s"'()=<>!:,]+)
    )""",
    re.VERBOSE,
)
_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Restriction:
    """One comparison: `path comparator value`; without a comparator, a word that any text of the message may have."""

    path: tuple[str, ...]
    comparator: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    term: "Expression"


@dataclass(frozen=True, slots=True)
class All:
    """What must hold together."""

    terms: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Of which one at least must hold."""

    terms: tuple["Expression", ...]


Expression = Restriction | Not | All | AnyOf


@lru_cache(maxsize=256)
def parse(text: str) -> Expression:
    """The expression that a filter says; an empty filter is one that always holds.

    Raises:
        ApiError: `INVALID_ARGUMENT`: the text is no filter; the message says where.
    """
    if len(text) > _MOST_CHARACTERS:
        raise _invalid(f"longer than {_MOST_CHARACTERS} characters")
    return _Parser(text).whole()


def equalities(expression: Expression) -> dict[str, str]:
    """The fields that must have one exact value for the filter to hold, so that an index can narrow the search."""
    terms = expression.terms if isinstance(expression, All) else (expression,)
    return {
        ".".join(term.path): term.value
        for term in terms
        if isinstance(term, Restriction) and term.comparator == "=" and "*" not in term.value
    }


def matches(expression: Expression, message: Message) -> bool:
    """Whether the filter holds for a message.

    Raises:
        ApiError: `INVALID_ARGUMENT`: a field is unknown or a value can't be one of its type.
    """
    if isinstance(expression, Restriction):
        return _holds(expression, message)
    if isinstance(expression, Not):
        return not matches(expression.term, message)
    if isinstance(expression, All):
        return all(matches(term, message) for term in expression.terms)
    return any(matches(term, message) for term in expression.terms)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        if not self._tokens:
            return All(())
        expression = self._expression()
        if self._at < len(self._tokens):
            raise _invalid(f"unexpected {self._tokens[self._at][1]!r}")
        return expression

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ("end", "the end")

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise _invalid("nested too deep")
        terms = [self._factor()]
        while self._peek()[0] != "end" and self._peek() != ("operator", ")"):
            if self._peek() == ("word", "AND"):
                self._at += 1
            terms.append(self._factor())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _factor(self) -> Expression:
        terms = [self._term()]
        while self._peek() == ("word", "OR"):
            self._at += 1
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _term(self) -> Expression:
        kind, token = self._peek()
        if kind == "minus" or (kind, token) == ("word", "NOT"):
            self._at += 1
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Expression:
        kind, token = self._peek()
        self._at += 1
        if (kind, token) == ("operator", "("):
            inner = self._expression()
            if self._peek() != ("operator", ")"):
                raise _invalid(f"expected ')' and found {self._peek()[1]!r}")
            self._at += 1
            return inner
        if kind not in {"word", "text"} or (token in {"AND", "OR", "NOT"} and kind == "word"):
            raise _invalid(f"expected a field and found {token!r}")
        comparator_kind, comparator = self._peek()
        if comparator_kind != "operator" or comparator not in _ORDERS:
            return Restriction((), "", token)
        self._at += 1
        return Restriction(tuple(token.split(".")), comparator, self._value())

    def _value(self) -> str:
        kind, token = self._peek()
        sign = ""
        if kind == "minus":
            self._at += 1
            sign, (kind, token) = "-", self._peek()
        if kind not in {"word", "text"}:
            raise _invalid(f"expected a value and found {token!r}")
        self._at += 1
        # An unquoted timestamp holds colons, which are operators elsewhere.
        while kind == "word" and self._peek() == ("operator", ":") and self._peek(1)[0] == "word":
            token += ":" + self._peek(1)[1]
            self._at += 2
        return sign + token


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _invalid(f"can't read it from {text[at : at + 20].strip()!r} on")
        kind = found.lastgroup or ""
        token = found[kind]
        yield kind, re.sub(r"\\(.)", r"\1", token[1:-1]) if kind == "text" else token
        at = found.end()


def _holds(restriction: Restriction, message: Message) -> bool:
    if not restriction.comparator:
        return any(restriction.value.lower() in text.lower() for text in _texts(message))
    return _compare(message, restriction.path, restriction)


def _compare(message: Message, path: Sequence[str], restriction: Restriction) -> bool:
    descriptor: Any = message.DESCRIPTOR
    field = descriptor.fields_by_camelcase_name.get(path[0]) or descriptor.fields_by_name.get(path[0])
    if field is None:
        # gcloud writes fields in PascalCase at times.
        field = descriptor.fields_by_camelcase_name.get(path[0][:1].lower() + path[0][1:])
    if field is None:
        raise _invalid(f"unknown field {'.'.join(restriction.path)!r}")
    value, rest = getattr(message, field.name), path[1:]
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _compare_map(field, value, rest, restriction)
    if field.is_repeated:
        if restriction.value == "*" and restriction.comparator == ":" and not rest:
            return len(value) > 0
        wanted = [_compare_one(field, item, rest, restriction) for item in value]
        return all(wanted) if restriction.comparator == "!=" else any(wanted)
    if field.message_type is not None and not message.HasField(field.name):
        return restriction.comparator == "!="
    return _compare_one(field, value, rest, restriction)


def _compare_map(
    field: FieldDescriptor, value: Mapping[str, Any], rest: Sequence[str], restriction: Restriction
) -> bool:
    entry: Any = field.message_type
    if not rest:
        if restriction.comparator != ":":
            raise _invalid(f"{'.'.join(restriction.path)!r} is a map: write {restriction.path[-1]}.key=value")
        return any(fnmatchcase(key, restriction.value) for key in value)
    key = ".".join(rest)
    if key not in value:
        return restriction.comparator == "!="
    return _compare_one(entry.fields_by_name["value"], value[key], (), restriction)


def _compare_one(field: Value, value: Value, rest: Sequence[str], restriction: Restriction) -> bool:
    """Compares one value: of a field, of an element of a repeated field, or of a map."""
    if field.message_type is not None and rest:
        return _compare(value, rest, restriction)
    if rest:
        raise _invalid(f"unknown field {'.'.join(restriction.path)!r}")
    if field.message_type is not None:
        return _compare_message(field, value, restriction)
    if field.enum_type is not None:
        names = field.enum_type.values_by_number
        return _same_text(names[value].name if value in names else str(value), restriction)
    if isinstance(value, bool):
        if restriction.value.lower() not in {"true", "false", "*"}:
            raise _invalid(f"{restriction.value!r} is neither true nor false")
        return _same_text(str(value).lower(), restriction)
    if isinstance(value, (int, float)):
        return _ordered(value, _parsed(lambda: float(restriction.value), restriction), restriction)
    return _same_text(str(value), restriction)


def _compare_message(field: Value, value: Value, restriction: Restriction) -> bool:
    if restriction.value == "*" and restriction.comparator == ":":
        return True
    converter = _CONVERTERS.get(field.message_type.full_name)
    if converter is None:
        raise _invalid(f"{'.'.join(restriction.path)!r} can't be compared")
    wanted = _parsed(lambda: converter(_well_known(type(value), restriction.value)), restriction)
    return _ordered(converter(value), wanted, restriction)


def _same_text(value: str, restriction: Restriction) -> bool:
    wanted, comparator = restriction.value, restriction.comparator
    if comparator in {"<", "<=", ">", ">="}:
        return _ordered(value, wanted, restriction)
    if comparator == ":" and wanted == "*":
        return value != ""
    same = fnmatchcase(value, re.sub(r"([\[?])", r"[\1]", wanted)) if "*" in wanted else value == wanted
    return same != (comparator == "!=")


def _ordered(value: Value, wanted: Value, restriction: Restriction) -> bool:
    return bool(_ORDERS[restriction.comparator](value, wanted))


def _parsed(convert: Callable[[], Any], restriction: Restriction) -> Value:
    try:
        return convert()
    except (ValueError, OverflowError, json_format.ParseError):
        raise _invalid(f"{restriction.value!r} can't be compared with {'.'.join(restriction.path)!r}") from None


def _well_known(kind: Callable[[], Value], text: str) -> Value:
    message = kind()
    message.FromJsonString(text)
    return message


def _to_datetime(value: Value) -> datetime:
    return value.ToDatetime()  # type: ignore[no-any-return]


def _to_timedelta(value: Value) -> timedelta:
    return value.ToTimedelta()  # type: ignore[no-any-return]


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "google.protobuf.Timestamp": _to_datetime,
    "google.protobuf.Duration": _to_timedelta,
}


def _texts(message: Message) -> Iterator[str]:
    """All texts in a message's own fields and its maps, for a filter that is a bare word."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key in value:
                yield key
                if isinstance(value[key], str):
                    yield value[key]
        elif isinstance(value, str):
            yield value


def _invalid(problem: str) -> ApiError:
    return ApiError(Code.INVALID_ARGUMENT, f"invalid list filter: {problem}")
