"""The services of a Bazel workspace, found by their `.ops` targets without building anything."""

import json
from collections.abc import Iterator, Sequence

from msp import names
from msp.ci.bazel import Bazel
from msp.errors import UsageError
from msp.operate.service import Service

# The rule behind `.ops`, which has all of it as attributes and depends on no image.
_KIND = "_msp_delivery_ops rule"


def services_in_workspace(bazel: Bazel, patterns: Sequence[str], local_cloud: str = "") -> list[Service]:
    """The services of the targets that patterns match.

    Args:
        bazel: In the workspace.
        patterns: Target patterns, such as `//...` and `//svc:msp_deploy.ops`; `//svc:msp_deploy` means its `.ops`.
        local_cloud: `127.0.0.1:8080`, where that stands for Google; empty otherwise.

    Raises:
        UsageError: Bazel does not answer, or there is none.
    """
    query = f'kind("{_KIND}", {" + ".join(map(_expression, patterns))})'
    said = bazel("query", query, "--output=streamed_jsonproto", "--noshow_progress", "--keep_going")
    if said is None:
        raise UsageError(
            f"Bazel does not tell the targets of {' '.join(patterns)}",
            hint=f"see why: bazel query '{' + '.join(patterns)}'",
        )
    found = [_service(rule, local_cloud) for rule in _rules(said)]
    if not found:
        raise UsageError(f"{' '.join(patterns)}: no target of msp_delivery is there", hint="name a package: //svc/...")
    return sorted(found, key=lambda service: service.id)


def _expression(pattern: str) -> str:
    """A pattern as `bazel query` takes it: by itself the `.ops` beside a target, of many those that aren't manual."""
    name = pattern.rpartition(":")[2] if ":" in pattern else ""
    if pattern.endswith("...") or name in {"all", "*", "all-targets"}:
        return f'("{pattern}" except attr(tags, "[\\[ ]manual[,\\]]", "{pattern}"))'
    label = pattern if name else f"{pattern}:{pattern.rpartition('/')[2]}"
    return f'"{label}"' if label.endswith(".ops") else f'"{label}.ops"'


def _rules(said: str) -> Iterator[dict[str, str]]:
    for line in said.splitlines():
        rule = json.loads(line).get("rule", {})
        attributes = {each["name"]: each.get("stringValue", "") for each in rule.get("attribute", ())}
        yield attributes | {"label": rule.get("name", "")}


def _service(rule: dict[str, str], local_cloud: str) -> Service:
    label = rule["label"].removeprefix("@@").removeprefix("@")
    return Service(
        rule["gcp_project"],
        rule["gcp_region"],
        rule["msp_service_id"],
        image=rule["image_label"],
        command=names.bazel_run(label),
        by_target=True,
        local_cloud=local_cloud,
    )
