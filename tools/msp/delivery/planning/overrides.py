"""What the person who deploys asks for beyond the build itself."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msp.errors import UsageError


@dataclass(frozen=True)
class Overrides:
    """Other names, and more to say; empty for the contract's own.

    Attributes:
        tag: Another tag for the image: `v1.2`.
        release: Another id for the release: `hotfix-1`.
        labels: More labels: `{"team": "search"}`.
        annotations: More annotations: `{"ticket": "OPS-7"}`.
    """

    tag: str = ""
    release: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(
        cls, tag: str = "", release: str = "", labels: Sequence[str] = (), annotations: Sequence[str] = ()
    ) -> "Overrides":
        """Reads them as flags give them, labels and annotations as `["team=search", "tier=gold"]`.

        Raises:
            UsageError: One of those is no `key=value`, or its key is given twice.
        """
        return cls(tag, release, _pairs("labels", labels), _pairs("annotations", annotations))


AS_BUILT = Overrides()
"""Nothing is asked for besides."""


def as_list(pairs: Mapping[str, str]) -> str:
    """As the flag takes it: `team=search,tier=gold`, an item with a comma in quotation marks."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([f"{key}={value}" for key, value in pairs.items()])
    return line.getvalue()


def _pairs(flag: str, items: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"--{flag}: {item!r} is not key=value", hint=f"write --{flag}=team=search,tier=gold")
        if key in pairs:
            raise UsageError(f"--{flag}: {key!r} is given twice", hint="give each key once")
        pairs[key] = value
    return pairs
