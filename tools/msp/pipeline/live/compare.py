"""How a live resource differs from what the specification asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import proto

from msp.pipeline.manifest import fields
from msp.pipeline.window_text import readable

# Output only: Cloud Deploy sets these, and nobody asks for them (google.cloud.deploy_v1.types).
_SET_BY_SERVER = {"condition", "createTime", "customTargetTypeId", "etag", "name", "targetId", "uid", "updateTime"}
_DEFAULT_TIMEOUT = "3600s"  # ExecutionConfig.execution_timeout: "a default timeout of 1h is used"
_SYSTEM_LABEL = "goog-"  # labels that Google's own tools add
_PROJECT = re.compile(r"^projects/[^/]+/")


@dataclass(frozen=True)
class Difference:
    """One field that is not as it should be.

    Attributes:
        field: Its path in the API's JSON: `serialPipeline.stages[0].targetId`.
        live: What it is, or None where it is unset.
        wanted: What it should be, or None where it should be unset.
    """

    field: str
    live: str | None
    wanted: str | None


def differences(live: proto.Message, wanted: proto.Message) -> tuple[Difference, ...]:
    """Every field that differs, apart from what the server sets or fills in; sorted by field."""
    is_, should_be = dict(_flat(_normal(live))), dict(_flat(_normal(wanted)))
    return tuple(
        Difference(field, is_.get(field), should_be.get(field))
        for field in sorted(is_.keys() | should_be.keys())
        if is_.get(field) != should_be.get(field)
    )


def _normal(message: proto.Message) -> dict[str, Any]:
    body = {key: value for key, value in fields(message).items() if key not in _SET_BY_SERVER}
    if "labels" in body:
        body["labels"] = {key: value for key, value in body["labels"].items() if not key.startswith(_SYSTEM_LABEL)}
    for config in body.get("executionConfigs", ()):
        config.pop("defaultPool", None)
        if config.get("executionTimeout") == _DEFAULT_TIMEOUT:
            del config["executionTimeout"]
        config["usages"] = ", ".join(sorted(config.get("usages", ())))
    for stage in body.get("serialPipeline", {}).get("stages", ()):
        if not any(stage.get("strategy", {}).get("standard", {"": True}).values()):
            del stage["strategy"]
    for rule in body.get("rules", ()):
        for content in rule.values():
            if "timeWindows" in content:
                content["timeWindows"] = readable(content["timeWindows"])
            content.pop("condition", None)
            if content.get("wait") == "0s":
                del content["wait"]
    if "customTarget" in body:
        # Names may come back with the project's number; a custom target type of another project can't be used.
        name = body["customTarget"]["customTargetType"]
        body["customTarget"]["customTargetType"] = _PROJECT.sub("", name)
    return body


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{place}]")
    else:
        yield path, str(value)
