"""The forms that texts in a specification have: patterns and lengths, with messages that say how to mend a bad one."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Form:
    """A pydantic annotation for a text: its pattern and length, checked together, and both in the JSON Schema.

    Attributes:
        pattern: Regular expression that the text matches, anchored at both ends; in the dialect that Python and
            JSON Schema (ECMA 262) share.
        meaning: What the pattern asks for, completing "must be …".
        advice: Maps a refused text to what to write instead, a full clause; empty when there is nothing to say.
        max_length: Longest text, in characters; None for no limit.
    """

    pattern: str
    meaning: str
    advice: Callable[[str], str] = field(default=lambda _: "", repr=False)
    max_length: int | None = None

    def complaint(self, text: str) -> str:
        """Everything that is wrong with a text and how to mend it; empty when it has the form."""
        wrong = []
        if self.max_length is not None and len(text) > 4 * self.max_length:
            return f"{quoted(text)} has {len(text)} characters, {len(text) - self.max_length} too many"
        if not self._matches(text):
            wrong.append(f"must be {self.meaning}")
        if self.max_length is not None and len(text) > self.max_length:
            wrong.append(f"has {len(text)} characters, {len(text) - self.max_length} too many")
        if not wrong:
            return ""
        if not text.strip():
            return f"is empty, but must be {self.meaning}"
        return "; ".join(filter(None, [f"{quoted(text)} {' and '.join(wrong)}", self.advice(text)]))

    def _matches(self, text: str) -> bool:
        """Whether the pattern matches; its `$` means the very end, as in JSON Schema, and not before a line break."""
        return bool(re.search(re.sub(r"\$$", r"\\Z", self.pattern), text))

    def _check(self, text: str) -> str:
        if complaint := self.complaint(text):
            raise PydanticCustomError("form", "{complaint}", {"complaint": complaint})
        return text

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks the form once pydantic has made sure that the value is a text."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Says the same in JSON Schema."""
        limits = {} if self.max_length is None else {"maxLength": self.max_length}
        return handler(schema) | {"pattern": self.pattern} | limits


def quoted(text: str) -> str:
    """A piece of the specification as messages show it: in backticks, on one line, and not too long."""
    line = text.replace("\n", "\\n").replace("\t", "\\t")
    return f"`{line if len(line) <= 60 else line[:57] + '…'}`"


def _identifier(text: str) -> str:
    better = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:20].strip("-")
    return f"write for example {quoted(better)}" if better and better != text else ""


def _repository(text: str) -> str:
    bare = re.sub(r"^\w+://", "", text)
    bare, _, _ = bare.partition("@")
    head, slash, last = bare.rpartition("/")
    bare = (head + slash + last.partition(":")[0]).lower().strip("/ ")
    return f"write {quoted(bare)}" if bare and bare != text and re.search(IMAGE.pattern, bare) else ""


def _account(text: str) -> str:
    email = text.strip().removeprefix("serviceAccount:")
    return f"write {quoted(email)}" if email != text and re.search(SERVICE_ACCOUNT.pattern, email) else ""


def _memory(text: str) -> str:
    number = re.match(r"^\s*(\d+(?:\.\d+)?)\s*([KMG])", text, re.IGNORECASE)
    return f"write for example {quoted(f'{number[1]}{number[2].upper()}i')}" if number else "write for example `512Mi`"


def _without_zone(text: str) -> str:
    if re.search(r"T?\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$", text):
        return "leave the offset out: whose clocks they are, `timeZone` says"
    return "leave the seconds out" if re.search(r"\d:\d\d:\d\d", text) else "write for example `2026-12-20T18:00`"


def _two_digits(text: str) -> str:
    return f"write `0{text}`" if re.fullmatch(r"[0-9]:[0-5][0-9]", text) else "write for example `16:00`"


SERVICE_ID = Form("^[a-z0-9-]+$", "lower-case letters, digits and hyphens", _identifier, max_length=20)

ENVIRONMENT_ID = Form("^[a-z0-9-]+$", "lower-case letters, digits and hyphens", _identifier)

PROJECT_ID = Form(
    # https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
    "^[a-z][a-z0-9-]{4,}[a-z0-9]$",
    "six or more lower-case letters, digits and hyphens that begin with a letter and don't end with a hyphen",
    max_length=30,
)

FILLED = Form(r"\S", "filled in")

REASON = Form(r"\S", "filled in", max_length=200)

FREEZE_NAME = Form(
    "^[a-z]([a-z0-9-]*[a-z0-9])?$",
    "lower-case letters, digits and hyphens that begin with a letter and don't end with a hyphen",
    _identifier,
    max_length=30,
)

MOMENT = Form(
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T([01][0-9]|2[0-3]):[0-5][0-9])?$",
    "a date, or a date and a time",
    _without_zone,
)

TIME_OF_DAY = Form("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "a time of day", _two_digits)

TIME_ZONE = Form(
    # The zones of https://www.iana.org/time-zones, without old names such as `EST` and `GB`.
    "^[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+$",
    "a time zone by its IANA name, as in `Europe/Berlin` or `Etc/UTC`",
    lambda text: "write `Etc/UTC`" if text.upper() in {"UTC", "GMT", "Z"} else "",
    max_length=60,
)

DESCRIPTION = Form(
    r"^(?!\s*[Tt][Oo][Dd][Oo][\s.:!…]*$)[\s\S]*\S", "a description", lambda _: "say in a sentence what the service does"
)

IMAGE = Form(
    # https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests, a registry before it
    r"^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$",
    "an image's repository, without scheme, tag or digest",
    _repository,
    max_length=255,
)

PINNED_IMAGE = Form(
    # As IMAGE, with a registry that is written out; a digest as in the OCI image specification 1.1, "Digests".
    r"^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+(:[a-zA-Z0-9_][a-zA-Z0-9._-]*)?@sha256:[0-9a-f]{64}$",
    "an image with its registry and its digest, as in `registry/name@sha256:` and 64 of `0-9a-f`",
    lambda text: "" if "@" in text else "look its digest up, and write it behind an `@`",
    max_length=400,
)

TAG = Form(
    # https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests
    r"^[a-zA-Z0-9_][a-zA-Z0-9._-]*$",
    "an image tag: letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`",
    max_length=128,
)

SERVICE_ACCOUNT = Form(
    r"^[a-z0-9][a-z0-9.-]*@[a-z0-9][a-z0-9.-]*\.gserviceaccount\.com$",
    "a service account's email, as in `ci@ci-project.iam.gserviceaccount.com`",
    _account,
    max_length=254,
)

MEMORY = Form(r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi)$", "a number followed by `Mi` or `Gi`", _memory, max_length=20)
