"""How the fuzzers make one input of another: by its bytes, its words, or the structure of its JSON."""

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

# What is written as JSON, in characters and parts; far above what is kept of it.
_MOST_WRITTEN = 1 << 18
_MOST_CONTAINERS = 1000


def flip_bytes(data: bytes, chance: random.Random) -> bytes:
    """Changes some bytes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    """Removes a piece, or all but a piece."""
    begin, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] + data[end:] if chance.random() < 0.5 else data[begin:end]


@dataclass(frozen=True)
class Vocabulary:
    """What a format's inputs are made worse with.

    Attributes:
        words: Stand anywhere, and as keys.
        pieces: Are repeated: what opens something, so that it is nested deeply, and what makes it long.
        repeats: How often.
        values: Take the places of values.
    """

    words: Sequence[str]
    pieces: Sequence[str]
    repeats: Sequence[int]
    values: Sequence[Any] = field(default=())

    def insert_words(self, data: bytes, chance: random.Random) -> bytes:
        """Puts words in."""
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(data) + 1)
            data = data[:place] + chance.choice(self.words).encode() + data[place:]
        return data

    def repeat(self, data: bytes, chance: random.Random) -> bytes:
        """Makes a piece very long, or nests it very deeply."""
        place = chance.randrange(len(data) + 1)
        return data[:place] + chance.choice(self.pieces).encode() * chance.choice(self.repeats) + data[place:]

    def change_json(self, data: bytes, chance: random.Random) -> bytes:
        """Changes the structure: removes, renames, replaces, moves and multiplies parts."""
        try:
            tree = json.loads(data)
            for _ in range(chance.randint(1, 4)):
                parts = [part for part in containers(tree) if part]
                if not parts:
                    break
                self._change(chance.choice(parts), chance.choice(parts), chance)
            if is_writable(tree):
                return json.dumps(tree, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            pass
        return self.insert_words(data, chance)

    def _change(self, part: Any, other: Any, chance: random.Random) -> None:
        key = chance.choice(list(part) if isinstance(part, dict) else range(len(part)))
        match chance.randrange(6):
            case 0:
                del part[key]
            case 1 | 2:
                part[key] = copy.deepcopy(chance.choice(self.values))
            case 3 if isinstance(part, dict):
                part[chance.choice(self.words).strip('"')] = part.pop(key)
            case 4 if isinstance(part, list):
                part *= chance.choice([2, 100])
            case _:
                part[key] = copy.deepcopy(other)


def containers(tree: object) -> Iterator[Any]:
    """The lists and dicts of a tree, up to a number of them."""
    left, found = [tree], 0
    while left and found < _MOST_CONTAINERS:
        part = left.pop()
        if isinstance(part, dict | list):
            found += 1
            yield part
            left += part.values() if isinstance(part, dict) else part


def is_writable(tree: object) -> bool:
    """Whether a tree's JSON is of a size to write: parts that were multiplied in each other make gigabytes of it."""
    left, weight = [tree], 0
    while left:
        part = left.pop()
        if isinstance(part, dict):
            left += part.values()
            weight += sum(map(len, part))
        elif isinstance(part, list):
            left += part
        elif isinstance(part, str):
            weight += len(part)
        weight += 1
        if weight + len(left) > _MOST_WRITTEN:
            return False
    return True


def mutate(corpus: Sequence[bytes], mutations: Sequence[Mutation], chance: random.Random, most_bytes: int) -> bytes:
    """One of a corpus, changed once or a few times."""
    data = chance.choice(corpus)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        data = chance.choice(mutations)(data, chance)[:most_bytes]
    return data
