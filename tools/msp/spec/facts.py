"""What the rules look at in a document: the fields that are there and right by themselves."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from msp.spec.node import Mapping, Node, Path, Scalar, Sequence, find
from msp.spec.parts import MAX_ITEMS
from msp.spec.scalar import Word, as_switch


@dataclass(frozen=True)
class Facts:
    """A document in which something may be wrong, and the fields in which something is.

    Every question is answered with None, or nothing, for a field that is missing or wrong, so that a rule only speaks
    where all that it compares is right.

    Attributes:
        root: The document.
        broken: Paths of the fields that something is wrong with.
    """

    root: Node
    broken: Set[Path]

    def text(self, *path: str | int) -> str | None:
        """The text at a path."""
        match self._right(path):
            case Scalar(value=str(text)) if not isinstance(text, Word):
                return text
        return None

    def written(self, *path: str | int) -> str | None:
        """The text at a path, also where other readers of YAML take it for a number or a date."""
        match self._right(path):
            case Scalar(value=str(text)):
                return str(text)
            case _:
                return None

    def number(self, *path: str | int) -> int | None:
        """The whole number at a path."""
        match self._right(path):
            case Scalar(value=int(number)) if not isinstance(number, bool):
                return number
        return None

    def switch(self, *path: str | int) -> bool | None:
        """The boolean at a path."""
        match self._right(path):
            case Scalar(value=value) if isinstance(switch := as_switch(value), bool):
                return switch
        return None

    def has(self, *path: str | int) -> bool:
        """Whether the field is there, with whatever value."""
        return find(self.root, path) is not None

    def line(self, *path: str | int) -> int:
        """The line that a field is on, which is there."""
        node = find(self.root, path)
        return node.place.line if node else 0

    def items(self, *path: str | int) -> Iterator[Path]:
        """The paths of a list's items, of as many as a list may have."""
        if isinstance(node := find(self.root, path), Sequence):
            for index in range(min(len(node.items), MAX_ITEMS)):
                yield (*path, index)

    def fields(self, *path: str | int) -> list[str]:
        """The names of a mapping's fields."""
        node = find(self.root, path)
        return list(node.entries) if isinstance(node, Mapping) else []

    def _right(self, path: Path) -> Node | None:
        node = find(self.root, path)
        return None if node is None or node.broken or path in self.broken else node
