"""A YAML document as a tree whose every part knows its place in the file."""

from dataclasses import dataclass, field
from typing import NamedTuple

from msp.spec.scalar import Value

Path = tuple[str | int, ...]
"""Where a part is: names of fields and positions in lists, from the root."""


class Place(NamedTuple):
    """A piece of one line of the file.

    Attributes:
        line: Line, from 1.
        column: Column in characters, from 1.
        width: Characters from there on, at least 1.
    """

    line: int
    column: int
    width: int = 1


@dataclass(slots=True)
class Node:
    """A part of the document.

    Attributes:
        place: Where it begins.
        size: How many values it has, itself included, with all aliases expanded.
        height: How many levels it has, itself included, with all aliases expanded.
        broken: Whether a problem with it was reported already, so that nothing else should be said of it.
    """

    place: Place
    size: int = field(default=1, kw_only=True)
    height: int = field(default=1, kw_only=True)
    broken: bool = field(default=False, kw_only=True)


@dataclass(slots=True)
class Scalar(Node):
    """A text, number, boolean or null.

    Attributes:
        text: As written, without quotes.
        value: What it means.
        bare: Whether it is written without quotes and tag.
    """

    text: str
    value: Value
    bare: bool = True


@dataclass(slots=True)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """A field of a mapping: its key and its value."""

    key: Scalar
    value: Node


@dataclass(slots=True)
class Mapping(Node):
    """Fields by name, in the order of the file."""

    entries: dict[str, Entry] = field(default_factory=dict)


def find(root: Node, path: Path) -> Node | None:
    """The part at a path, or None."""
    node: Node | None = root
    for step in path:
        match node, step:
            case Mapping(entries=entries), str() if step in entries:
                node = entries[step].value
            case Sequence(items=items), int() if step < len(items):
                node = items[step]
            case _:
                return None
    return node


def place(root: Node, path: Path, *, key: bool = False) -> Place:
    """Where a path's value is; its key, with `key`; what it would be part of, when it is not there."""
    if not path:
        return root.place
    parent = find(root, path[:-1])
    if isinstance(parent, Mapping) and path[-1] in parent.entries:
        entry = parent.entries[str(path[-1])]
        return entry.key.place if key else entry.value.place
    if node := find(root, path):
        return node.place
    return place(root, path[:-1], key=True)


def plain(node: Node) -> object:
    """The part as plain Python data: None, booleans, numbers, texts, lists and dicts."""
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(entries=entries):
            return {name: plain(entry.value) for name, entry in entries.items()}
        case _:
            raise TypeError(node)


def dotted(path: Path) -> str:
    """A path as messages write it: `environments[0].deploy.type`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
