"""Preconditions: a request goes through only if what it is about is still as the client knows it.

https://cloud.google.com/storage/docs/request-preconditions
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msp.localcloud.storage.errors import condition_not_met, invalid, not_modified


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold. Generation 0 stands for "there is none".

    Attributes:
        generation_match: The live generation must be this one.
        generation_not_match: It must not be this one.
        metageneration_match: The metageneration must be this one.
        metageneration_not_match: It must not be this one.
    """

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str], kind: str = "") -> "Preconditions":
        """Reads `ifGenerationMatch` and its like from a query; with the kind `Source`, `ifSourceGenerationMatch`.

        Raises:
            StorageError: 400 `invalid`: one is not a number.
        """
        return cls(
            number(query, f"if{kind}GenerationMatch"),
            number(query, f"if{kind}GenerationNotMatch"),
            number(query, f"if{kind}MetagenerationMatch"),
            number(query, f"if{kind}MetagenerationNotMatch"),
        )

    def check(self, generation: int, metageneration: int, *, reading: bool = False) -> None:
        """Refuses what does not hold.

        Args:
            generation: The live generation, 0 when there is none.
            metageneration: Its metageneration, 0 when there is none.
            reading: Whether the request only reads: what must differ and does not is then 304.

        Raises:
            StorageError: 412 `conditionNotMet`, 304 `notModified`.
        """
        if self.generation_match not in {None, generation} or self.metageneration_match not in {None, metageneration}:
            raise condition_not_met()
        if generation == self.generation_not_match or metageneration == self.metageneration_not_match:
            raise not_modified() if reading else condition_not_met()


def number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number that a query may hold.

    Raises:
        StorageError: 400 `invalid`.
    """
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise invalid(f"Invalid value for {name}: {text!r}")
    return int(text)
