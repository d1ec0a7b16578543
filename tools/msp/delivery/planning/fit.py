"""Making values fit what Cloud Deploy takes, and saying so: a deployment should not fail over an author's name.

The limits are those of `google.cloud.deploy_v1`: labels at most 64, their keys and values lower case and at most 63
characters; ids `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`; annotations 256 KiB in all; descriptions 255 characters.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from msp.names.grammar import MAX_ANNOTATIONS_BYTES, MAX_DESCRIPTION, MAX_ID, MAX_LABEL, MAX_LABELS

# Of the 256 KiB for all; a value that is longer than this is no annotation that anyone reads.
MAX_ANNOTATION_BYTES = 4096

_HASH_DIGITS = 6


@dataclass(frozen=True)
class Adjustment:
    """A value that was made to fit.

    Attributes:
        field: What it is: `label commit`.
        given: As it was; None where it had to be left out.
        sent: As it is sent.
    """

    field: str
    given: str
    sent: str | None

    def __str__(self) -> str:
        outcome = "left out" if self.sent is None else f"sent as {_shown(self.sent)}"
        return f"{self.field}: {_shown(self.given)} {outcome}"


def fit_id(text: str, *, limit: int = MAX_ID) -> str:
    """The nearest id to a text: lower case letters, digits and dashes, a letter first, no dash last.

    One that is too long is cut, and ends in a few digits of its hash, so that two that differ keep differing.
    """
    fitted = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not fitted[:1].isalpha():
        fitted = f"r-{fitted}".rstrip("-")
    return _cut(fitted, limit, text)


def with_suffix(release: str, suffix: str) -> str:
    """A release's id with something after it; cut before that where it gets too long."""
    return _cut(release, MAX_ID - len(suffix), release) + suffix


def fit_build_number(text: str, *, limit: int = 43) -> str:
    """The nearest text to a build number that can stand in a tag and in a release's id.

    `limit` leaves room for `deploy-`, twelve digits of the commit and a dash in the 63 characters of an id.
    """
    fitted = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return _cut(fitted or _digits(text), limit, text)


def fit_label(text: str) -> str:
    """The nearest value, or key, of a label: lower case letters, digits, `_` and `-`."""
    return _cut(re.sub(r"[^a-z0-9_-]", "-", text.lower()), MAX_LABEL, text)


def fit_labels(labels: Mapping[str, str]) -> tuple[dict[str, str], tuple[Adjustment, ...]]:
    """The nearest labels to these, and what had to be changed. Those past the 64th are left out."""
    fitted: dict[str, str] = {}
    changes: list[Adjustment] = []
    for key, value in labels.items():
        new_key, new_value = fit_label(key), fit_label(value)
        if not new_key[:1].isalpha():
            new_key = fit_label(f"l-{new_key}")
        if len(fitted) == MAX_LABELS or new_key in fitted:
            changes.append(Adjustment(f"label {_shown(key)}", value, None))
            continue
        fitted[new_key] = new_value
        if (key, value) != (new_key, new_value):
            changes.append(Adjustment("label", f"{key}={value}", f"{new_key}={new_value}"))
    return fitted, tuple(changes)


def fit_annotations(annotations: Mapping[str, str]) -> tuple[dict[str, str], tuple[Adjustment, ...]]:
    """The same annotations without control characters and, where too long, cut; and what had to be changed."""
    fitted: dict[str, str] = {}
    changes: list[Adjustment] = []
    total = 0
    for key, value in annotations.items():
        clean = "".join(character if character.isprintable() else " " for character in value)
        text = _cut_bytes(clean, MAX_ANNOTATION_BYTES)
        size = len(key.encode()) + len(text.encode())
        if total + size > MAX_ANNOTATIONS_BYTES:
            changes.append(Adjustment(f"annotation {key}", value, None))
            continue
        total += size
        fitted[key] = text
        if text != value:
            changes.append(Adjustment(f"annotation {key}", value, text))
    return fitted, tuple(changes)


def fit_description(text: str) -> str:
    """The text on one line, cut to 255 characters."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_DESCRIPTION else line[: MAX_DESCRIPTION - 1] + "…"


def _cut(fitted: str, limit: int, original: str) -> str:
    if len(fitted) <= limit:
        return fitted
    return f"{fitted[: limit - _HASH_DIGITS - 1].rstrip('-_')}-{_digits(original)}"


def _digits(text: str) -> str:
    # An environment variable that is not UTF-8 arrives with surrogates in it.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _cut_bytes(text: str, limit: int) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - len("…".encode())].decode(errors="ignore") + "…"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
