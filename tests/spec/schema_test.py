"""The published JSON Schema is the model's, and agrees with the reader as far as a schema can."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from msp.spec.schema import schema

HERE = Path(__file__).parent
PUBLISHED = HERE.parents[1] / "docs" / "service.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema()))
VALID = json.loads((HERE / "valid" / "mixed_promotions.json").read_text(encoding="utf-8"))


def test_published_schema_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema(), (
        "bazel run //tools:validate -- --schema > docs/service.schema.json"
    )


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_every_field_is_described() -> None:
    for part in json.loads(schema())["$defs"].values():
        assert part["description"]
        for name, field in part["properties"].items():
            assert field.get("description") or "$ref" in field, name


@pytest.mark.parametrize("path", sorted((HERE / "valid").glob("*.json")), ids=lambda path: path.stem)
def test_valid_specs_are_valid(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text(encoding="utf-8")))


def changed(path: str, value: object) -> Any:
    spec = copy.deepcopy(VALID)
    *parents, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    part = spec
    for step in parents:
        part = part[step]
    part[last] = value
    return spec


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("service", None),
        ("service/id", "Upper"),
        ("service/id", "x" * 21),
        ("service/owners", []),
        ("service/description", " TODO"),
        ("service/kind", "cron"),
        ("build/image", "us.gcr.io/a/b:tag"),
        ("rollout/unknown", 1),
        ("rollout/stages", []),
        ("rollout/serviceAccount", None),
        ("rollout/stages/0/promotionStrategy/automatic", None),
        ("rollout/stages/0/promotionStrategy", {"type": "automatic"}),
        ("rollout/stages/0/promotionStrategy", {"type": "manual", "automatic": {"delaySeconds": 1}}),
        ("rollout/stages/0/promotionStrategy/automatic/delaySeconds", -1),
        ("rollout/stages/1/approval", True),
        ("rollout/stages/1/approval", {"notAuthor": True}),
        ("rollout/stages/1/approval", {"required": False, "notAuthor": True}),
        ("rollout/freezes", [{"name": "a", "reason": "b"}]),
        ("rollout/freezes", [{"name": "a", "reason": "b", "from": "2026-12-20"}]),
        ("rollout/freezes", [{"name": "a", "reason": "b", "from": "tomorrow", "until": "2026-12-21"}]),
        (
            "rollout/freezes",
            [{"name": "a", "reason": "b", "from": "2026-12-20", "until": "2026-12-21", "weekly": [{}]}],
        ),
        ("rollout/freezes", [{"name": "a", "reason": "b", "weekly": []}]),
        ("rollout/freezes", [{"name": "a", "reason": "b", "weekly": [{"from": "09:00"}]}]),
        ("rollout/freezes", [{"name": "a", "reason": "b", "weekly": [{"days": ["Monday"]}]}]),
        ("rollout/freezes", [{"name": "A", "reason": "b", "weekly": [{}]}]),
        ("rollout/freezes", [{"name": "a", "reason": "b", "weekly": [{}], "timeZone": "EST"}]),
        ("rollout/actionImage", "gcr.io/a/b:tag"),
        ("environments/0/deploy", {"type": "subscription"}),
        ("environments/0/deploy", {"type": "rollout", "manual": {}}),
        ("environments/0/category", "public"),
        ("environments/0/projectID", "x" * 31),
    ],
)
def test_what_the_reader_refuses_in_a_field_the_schema_refuses(path: str, value: object) -> None:
    assert not VALIDATOR.is_valid(changed(path, value))


def test_other_tools_have_fields() -> None:
    VALIDATOR.validate(changed("environments/0/secretEnv", {"A": "b"}))
