"""What was written as JSON before, so that it is not written again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

_OVERHEAD_BYTES = 300


class JsonMemory:
    """Texts by the serialized messages that they show; the longest unused are forgotten first.

    Args:
        most_bytes: How much memory the texts may take, about.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._texts: OrderedDict[Hashable, str] = OrderedDict()
        self.bytes = 0
        """How much memory the texts take, about."""

    def text(self, kind: Hashable, payload: bytes, write: Callable[[bytes], str]) -> str:
        """The text of a message.

        Args:
            kind: What it is and how it is written.
            payload: The message, serialized.
            write: Writes it, when it is not remembered.
        """
        key = kind, hashlib.blake2b(payload, digest_size=16).digest()
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
            return text
        # `write` may come back here for a message within this one.
        text = write(payload)
        if key not in self._texts:
            self._texts[key] = text
            self.bytes += len(text) + _OVERHEAD_BYTES
            while self.bytes > self._most_bytes:
                self.bytes -= len(self._texts.popitem(last=False)[1]) + _OVERHEAD_BYTES
        return text
