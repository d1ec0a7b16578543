"""A YAML text -> its tree of nodes, with every syntax problem, and within bounds that no document can exceed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import yaml

from msp.spec.node import Entry, Mapping, Node, Path, Place, Scalar, Sequence
from msp.spec.patterns import quoted
from msp.spec.scalar import Value, resolve
from msp.spec.syntax import explain

MAX_DEPTH = 50
"""Levels of nesting that a document may have with aliases expanded; a specification needs about 8."""

MAX_VALUES = 20_000
"""Names and values that a document may have with aliases expanded; a specification has hundreds."""

Report = Callable[[Place, Path, str], None]
"""Takes a problem: where it is, which field it concerns, what is wrong and what to write instead."""

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVED_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}


def compose(text: str, report: Report) -> Node | None:
    """Reads a document.

    Nothing is expanded before its size is known, and nothing recurses: a hostile document is refused early.

    Returns:
        The root node; None when there is no document, or when it can't be read to its end, which is reported.
    """
    composer = _Composer(report)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            composer.take(event)
    except _Stopped:
        return None
    except yaml.MarkedYAMLError as error:
        for place, message in explain(error, text, composer.unclosed()):
            report(place, (), message)
        return None
    return composer.root


class _Stopped(Exception):  # noqa: N818 - not an error of ours: it ends the reading early
    """The rest of the document is not read; why was reported."""


@dataclass(slots=True)
class _Open:
    """A collection whose end was not seen yet."""

    node: Mapping | Sequence
    event: yaml.CollectionStartEvent
    before: int
    key: Node | None = None
    merged: list[Node] = field(default_factory=list)


class _Composer:
    """Builds nodes from the parser's events."""

    def __init__(self, report: Report) -> None:
        self.root: Node | None = None
        self._report = report
        self._documents = 0
        self._values = 0
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        """Takes the next event."""
        match event:
            case yaml.ScalarEvent():
                scalar = Scalar(_place(event), event.value, _value(event), bare=event.implicit[0])
                self._set_anchor(event.anchor, scalar)
                self._add(scalar, values=1)
            case yaml.MappingStartEvent():
                self._open(Mapping(_place(event)), event)
            case yaml.SequenceStartEvent():
                self._open(Sequence(_place(event)), event)
            case yaml.CollectionEndEvent():
                self._close()
            case yaml.AliasEvent():
                node = self._alias(event)
                self._add(node, values=node.size)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._report(_place(event), (), "a second document begins here, but a file holds one specification")
                    raise _Stopped
            case _:
                pass

    def unclosed(self) -> Place | None:
        """Where the innermost `[` or `{` is that was not closed yet."""
        return next((opened.node.place for opened in reversed(self._stack) if opened.event.flow_style), None)

    def _path(self) -> Path:
        """The path of the value that is being read."""
        steps: list[str | int] = []
        for opened in self._stack:
            match opened:
                case _Open(node=Sequence(items=items)):
                    steps.append(len(items))
                case _Open(key=Scalar(text=text)):
                    steps.append(text)
                case _:
                    pass
        return tuple(steps)

    def _open(self, node: Mapping | Sequence, event: yaml.CollectionStartEvent) -> None:
        self._check_bounds(node, values=1)
        self._stack.append(_Open(node, event, before=self._values))
        self._values += 1
        if event.anchor:
            self._anchors.pop(event.anchor, None)

    def _close(self) -> None:
        opened = self._stack.pop()
        node = opened.node
        node.size = self._values - opened.before
        if isinstance(node, Mapping):
            for merged in opened.merged:
                self._merge(node, merged)
        self._set_anchor(opened.event.anchor, node)
        self._add(node, values=0)

    def _add(self, node: Node, *, values: int) -> None:
        self._check_bounds(node, values=values)
        self._values += values
        if not self._stack:
            self.root = node
            return
        opened = self._stack[-1]
        opened.node.height = max(opened.node.height, node.height + 1)
        if isinstance(opened.node, Sequence):
            opened.node.items.append(node)
        elif opened.key is None:
            opened.key = node
        else:
            self._add_field(opened, opened.node, opened.key, node)
            opened.key = None

    def _add_field(self, opened: _Open, mapping: Mapping, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._report(key.place, self._path(), "the name of a field must be a text, not a list or a mapping")
        elif key.broken:
            pass
        elif key.text == "<<" and key.bare:
            opened.merged.append(value)
        elif first := mapping.entries.get(key.text):
            message = f"{quoted(key.text)} is set twice, first on line {first.key.place.line}; remove one of the two"
            self._report(key.place, self._path(), message)
        else:
            mapping.entries[key.text] = Entry(key, value)

    def _merge(self, mapping: Mapping, merged: Node) -> None:
        """Adds the fields of `<<: merged` that the mapping does not set itself (https://yaml.org/type/merge.html)."""
        match merged:
            case Mapping(entries=entries):
                for name, entry in entries.items():
                    mapping.entries.setdefault(name, entry)
            case Sequence(items=items) if all(isinstance(item, Mapping) for item in items):
                for item in items:
                    self._merge(mapping, item)
            case Node(broken=False):
                self._report(merged.place, self._path(), "`<<` takes the fields of a mapping, as in `<<: *defaults`")
            case _:
                pass

    def _set_anchor(self, anchor: str | None, node: Node) -> None:
        if anchor:
            self._anchors[anchor] = node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        place, anchor = _place(event), event.anchor or ""
        if node := self._anchors.get(anchor):
            return replace(node, place=place)
        inside = any(opened.event.anchor == anchor for opened in self._stack)
        wrong = "stands inside of what it refers to" if inside else f"has no anchor {quoted('&' + anchor)} above it"
        self._report(place, self._path(), f"the alias {quoted('*' + anchor)} {wrong}")
        return Scalar(place, "", None, broken=True)

    def _check_bounds(self, node: Node, *, values: int) -> None:
        if len(self._stack) + node.height > MAX_DEPTH:
            self._report(node.place, (), f"the file is nested more than {MAX_DEPTH} levels deep here")
            raise _Stopped
        if self._values + values > MAX_VALUES:
            self._report(
                node.place, (), f"the file has more than {MAX_VALUES:,} values up to here, counting what aliases repeat"
            )
            raise _Stopped


def _place(event: yaml.Event) -> Place:
    start, end = event.start_mark, event.end_mark
    assert start is not None and end is not None, "parsers mark every event"  # noqa: S101, PT018
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(width, 1))


def _value(event: yaml.ScalarEvent) -> Value:
    """What a scalar means; one with a tag that is not YAML's own is the text that it is written as."""
    is_text = not event.implicit[0] if event.tag is None else event.tag not in _RESOLVED_TAGS
    return str(event.value) if is_text else resolve(event.value)
