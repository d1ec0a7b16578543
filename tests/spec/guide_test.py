"""The guide to the specification says what is true: its tables are the model's, and what it shows is valid.

After a change of the model: `pytest tests/spec/guide_test.py --update-goldens`.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from msp.spec import SpecError, parse
from msp.spec.render import text as render
from msp.spec.schema import schema

GUIDE = Path(__file__).parents[2] / "docs" / "service-specification.md"
BEGIN, END = "--update-goldens` -->\n", "<!-- end of fields -->"


def fields() -> str:
    """The tables of fields, from the schema."""
    whole = json.loads(schema())
    lines: list[str] = []

    def part(path: str, described: dict[str, Any]) -> None:
        name = described["$ref"].rpartition("/")[2] if "$ref" in described else None
        definition = whole["$defs"][name] if name else described
        lines.extend([f"### `{path}`" if path else "### The file", "", definition["description"], ""])
        lines.extend(["| field | | |", "|---|---|---|"])
        inner = []
        for field, value in definition["properties"].items():
            lines.append(f"| `{field}` | {need(field, value, definition)} | {describe(value, whole)} |")
            items = value.get("items", {})
            if "$ref" in value or "$ref" in items:
                steps = f"{path}.{field}" if path else field
                inner.append((steps, value) if "$ref" in value else (f"{steps}[]", items))
        lines.append("")
        for steps, value in inner:
            part(steps, value)

    part("", whole)
    return "\n".join(lines)


def need(field: str, value: dict[str, Any], definition: dict[str, Any]) -> str:
    if field in definition.get("required", []):
        return "required"
    return f"default `{json.dumps(value['default']).strip(chr(34))}`" if "default" in value else "optional"


def describe(value: dict[str, Any], whole: dict[str, Any]) -> str:
    if "description" in value:
        return str(value["description"])
    return str(whole["$defs"][value["$ref"].rpartition("/")[2]]["description"])


def test_tables_are_the_models(update_goldens: bool) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    current = f"{head}{BEGIN}\n{fields()}\n{end}{tail}"
    if update_goldens:
        GUIDE.write_text(current, encoding="utf-8")
        text = current
    assert text == current


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def test_specification_is_valid() -> None:
    spec = parse(block("yaml").encode(), "guide.yaml")
    assert [stage.environment for stage, _ in spec.stages] == ["staging", "prod"]


def test_freezes_are_valid() -> None:
    frozen = block("yml").removeprefix("rollout:\n")
    spec = parse(block("yaml").replace("  serviceAccount:", f"{frozen}  serviceAccount:").encode(), "guide.yaml")
    assert spec.rollout is not None
    assert [freeze.name for freeze in spec.rollout.freezes or ()] == ["holidays", "weekends"]


def test_error_is_what_one_gets() -> None:
    wrong = block("yaml").replace("automatic:\n          delaySeconds: 1\n", "automatic: { delay: 1 }\n")
    with pytest.raises(SpecError) as caught:
        parse(wrong.encode(), "service.yaml")
    assert render.render(caught.value.problems) == block("text")
