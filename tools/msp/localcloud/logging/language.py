"""The Logging query language (https://cloud.google.com/logging/docs/view/logging-query-language), parsed.

`NOT` binds tightest, then `OR`, then `AND`; comparisons beside each other, on lines of their own for instance, are
joined by `AND`. `:` looks for a part of a text, `=~` and `!~` for a regular expression, `field:*` for a field that is
there, and `field=(a OR b)` compares with several values.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from msp.localcloud.status import ApiError, Code

_MOST_CHARACTERS = 20_000
_MOST_DEPTH = 50
_TOKEN = re.compile(
    r"""(?:\s|--[^\n]*)*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator><=|>=|!=|=~|!~|[=<>:(),])
    |(?P<minus>-(?=[\w("']))
    |(?P<word>[^\s"'()=<>!:,~]+)
    |(?P<end>$)
    )""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
COMPARATORS = frozenset({"=", "!=", "<", "<=", ">", ">=", ":", "=~", "!~"})
_LOGICAL = frozenset({"AND", "OR", "NOT"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path comparator value`.

    Attributes:
        path: The field, `("protoPayload", "methodName")`.
        comparator: One of `COMPARATORS`.
        value: What it is compared with, as text.
        exists: Whether it is `:*`, which asks whether the field is there.
    """

    path: tuple[str, ...]
    comparator: str
    value: str
    exists: bool = False


@dataclass(frozen=True, slots=True)
class Anywhere:
    """A text that any field may hold."""

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


Expression = Comparison | Anywhere | Not | All | AnyOf


@lru_cache(maxsize=256)
def parse(text: str) -> Expression:
    """The expression that a query says; an empty one always holds.

    Raises:
        ApiError: `INVALID_ARGUMENT`: it is none, or uses what is not emulated; the message says what and where.
    """
    if len(text) > _MOST_CHARACTERS:
        raise unparseable(f"it is longer than {_MOST_CHARACTERS} characters")
    return _Parser(text).whole()


def conjuncts(expression: Expression) -> Sequence[Expression]:
    """What must hold, each, for the expression to hold."""
    return expression.terms if isinstance(expression, All) else (expression,)


def unparseable(problem: str) -> ApiError:
    """The error of a query that says nothing that can be answered."""
    return ApiError(Code.INVALID_ARGUMENT, f"Unparseable filter: {problem}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    joined: bool
    """Whether it follows the token before without a space."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._read())
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        if self._peek().kind == "end":
            return All(())
        expression = self._joined(self._simple)
        if self._peek().kind != "end":
            raise self._unexpected()
        return expression

    def _read(self) -> Iterator[_Token]:
        at = 0
        while True:
            found = _TOKEN.match(self._text, at)
            if found is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                raise self._error(start, self._text[start : start + 20])
            kind = str(found.lastgroup)
            start, text = found.start(kind), found[kind]
            if kind == "text":
                text = _ESCAPED.sub(lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), text[1:-1])
            yield _Token(kind, text, start, start == at)
            if kind == "end":
                return
            at = found.end()

    def _peek(self, ahead: int = 0) -> _Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _take(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _is(self, kind: str, text: str) -> bool:
        token = self._peek()
        return (token.kind, token.text) == (kind, text)

    def _joined(self, simple: Callable[[], Expression]) -> Expression:
        """Terms joined by `OR`, then by `AND`."""
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise unparseable("it is nested too deep")
        factors = [self._alternatives(simple)]
        while self._peek().kind != "end" and not self._is("operator", ")"):
            if self._is("word", "AND"):
                self._at += 1
            factors.append(self._alternatives(simple))
        self._depth -= 1
        return factors[0] if len(factors) == 1 else All(tuple(factors))

    def _alternatives(self, simple: Callable[[], Expression]) -> Expression:
        terms = [self._term(simple)]
        while self._is("word", "OR"):
            self._at += 1
            terms.append(self._term(simple))
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _term(self, simple: Callable[[], Expression]) -> Expression:
        if self._peek().kind == "minus" or self._is("word", "NOT"):
            self._at += 1
            return Not(self._term(simple))
        if self._is("operator", "("):
            self._at += 1
            inner = self._joined(simple)
            if not self._is("operator", ")"):
                raise self._unexpected()
            self._at += 1
            return inner
        return simple()

    def _simple(self) -> Expression:
        token = self._peek()
        if token.kind not in {"word", "text"} or (token.kind == "word" and token.text in _LOGICAL):
            raise self._unexpected()
        following = self._peek(1)
        if token.kind == "word" and (following.kind, following.text, following.joined) == ("operator", "(", True):
            return self._function()
        path = self._path()
        comparator = self._peek()
        if comparator.kind != "operator" or comparator.text not in COMPARATORS:
            return Anywhere(".".join(path))
        self._at += 1
        return self._compared(path, comparator.text)

    def _path(self) -> tuple[str, ...]:
        """A field's path, of which a segment may be quoted: `labels."k8s-pod/app"`."""
        token = self._take()
        if token.kind == "text":
            return (token.text,)
        segments, before = token.text.split("."), token
        while before.text.endswith(".") and self._peek().kind == "text" and self._peek().joined:
            segments[-1] = self._take().text
            following = self._peek()
            if not (following.kind == "word" and following.joined and following.text.startswith(".")):
                break
            before = self._take()
            segments += before.text[1:].split(".")
        return tuple(segments)

    def _compared(self, path: tuple[str, ...], comparator: str) -> Expression:
        if self._is("operator", "("):
            return self._term(lambda: self._value(path, comparator))
        return self._value(path, comparator)

    def _value(self, path: tuple[str, ...], comparator: str) -> Expression:
        token = self._take()
        sign = ""
        if token.kind == "minus":
            sign, token = "-", self._take()
        if token.kind not in {"word", "text"} or (token.kind == "word" and token.text in _LOGICAL):
            self._at -= 1
            raise self._unexpected()
        value = sign + token.text
        # A timestamp without quotes holds colons, which are operators elsewhere.
        while token.kind == "word" and self._is("operator", ":") and self._peek().joined and self._peek(1).joined:
            self._at += 1
            value += ":" + self._take().text
        return Comparison(path, comparator, value, comparator == ":" and token.kind == "word" and value == "*")

    def _function(self) -> Expression:
        """Of the functions, `log_id("…")`: the log by the end of its name."""
        name = self._take()
        if name.text != "log_id":
            raise self._error(name.at, name.text, f"the function {name.text} is not emulated")
        self._at += 1
        argument, closing = self._take(), self._take()
        if argument.kind != "text" or (closing.kind, closing.text) != ("operator", ")"):
            raise self._error(name.at, name.text, 'log_id takes one text: log_id("cloudaudit.googleapis.com/activity")')
        ending = re.escape(argument.text.replace("/", "%2F"))
        return Comparison(("logName",), "=~", f"/logs/{ending}$")

    def _unexpected(self) -> ApiError:
        token = self._peek()
        return self._error(token.at, token.text)

    def _error(self, at: int, token: str, problem: str = "syntax error") -> ApiError:
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        return unparseable(f"{problem} at line {line}, column {column}, token '{token}'")
