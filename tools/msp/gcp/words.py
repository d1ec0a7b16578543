"""Words of Google's APIs, without their types: those take a third of a second to import, and verdicts need none."""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """The names of an enumeration of the API (`google.cloud.deploy_v1`).

    One that is younger than this code reads as `UNSPECIFIED`, which every enumeration here has.
    """

    @classmethod
    def _missing_(cls, _value: object) -> Self:
        return cls["UNSPECIFIED"]
