"""The JSON files that rules write for the tools: one strict way to read them."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msp.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def parse_config(kind: type[T], text: str | bytes, file: str, rule: str) -> T:
    """Reads a config file's content. Rule and tool can't drift apart: a field that isn't known is an error.

    Args:
        kind: A dataclass whose fields are texts; one whose default is None may be null.
        text: The content, a JSON object.
        file: Its name, for errors.
        rule: Which rule writes it, for hints: `msp_delivery`.

    Raises:
        UsageError: It is something else, lacks a field, or has one that isn't known or is of another type; every such
            field is named, and the target where that is known.
    """
    hint = f"it is written by {rule}: build the target again"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{file}: not JSON", hint=hint) from None
    if not isinstance(found, dict):
        raise UsageError(f"{file}: not a JSON object", hint=hint)
    if problems := _problems(kind, found):
        target = found.get("target")
        where = f"{target} ({file})" if isinstance(target, str) else file
        raise UsageError(f"{where}: {'; '.join(problems)}", hint=hint)
    return kind(**found)


def load_config(kind: type[T], path: Path, rule: str) -> T:
    """Reads a config file. Raises as `parse_config` does, and where it can't be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = f"it is written by {rule}: build the target again"
        raise UsageError(f"{path}: can't be read: {error.strerror}", hint=hint) from error
    return parse_config(kind, content, str(path), rule)


def _problems(kind: type[T], found: dict[str, Any]) -> list[str]:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    problems = [f"unknown field {name!r}" for name in found if name not in fields]
    for name, field in fields.items():
        if name not in found:
            if field.default is dataclasses.MISSING:
                problems.append(f"no field {name!r}")
            continue
        value = found[name]
        if not (isinstance(value, str) and value) and not (value is None and field.default is None):
            problems.append(f"field {name!r} has the value {value!r}")
    return problems
