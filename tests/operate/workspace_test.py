import json
from collections.abc import Callable

import pytest

from msp.errors import UsageError
from msp.operate.workspace import services_in_workspace


def bazel_with(*rules: dict[str, str]) -> tuple[Callable[..., str | None], list[str]]:
    asked: list[str] = []

    def bazel(*arguments: str) -> str:
        asked.append(arguments[1])
        lines = []
        for rule in rules:
            attributes = [{"name": key, "stringValue": text} for key, text in rule.items() if key != "label"]
            lines.append(json.dumps({"type": "RULE", "rule": {"name": rule["label"], "attribute": attributes}}))
        return "\n".join(lines)

    return bazel, asked


RULE = {
    "label": "//svc:msp_deploy.ops",
    "gcp_project": "p",
    "gcp_region": "us-central1",
    "msp_service_id": "svc",
    "image_label": "//svc:image",
}


def test_finds_services_without_building() -> None:
    bazel, asked = bazel_with(RULE, {**RULE, "label": "//a:x.ops", "msp_service_id": "a"})
    found = services_in_workspace(bazel, ["//..."])
    assert [each.id for each in found] == ["a", "svc"]
    assert found[1].typed("status") == "bazel run //svc:msp_deploy.ops -- status"
    assert found[1].image == "//svc:image"
    assert "manual" in asked[0]


@pytest.mark.parametrize("pattern", ["//svc:msp_deploy", "//svc:msp_deploy.ops"])
def test_a_delivery_stands_for_what_operates_it(pattern: str) -> None:
    bazel, asked = bazel_with(RULE)
    services_in_workspace(bazel, [pattern])
    assert asked == ['kind("_msp_delivery_ops rule", "//svc:msp_deploy.ops")']


def test_without_an_answer_it_says_how_to_see_why() -> None:
    with pytest.raises(UsageError, match="Bazel does not tell the targets of //nope:x") as caught:
        services_in_workspace(lambda *_: None, ["//nope:x"])
    assert caught.value.hint == "see why: bazel query '//nope:x'"


def test_a_pattern_without_services_is_an_error() -> None:
    bazel, _ = bazel_with()
    with pytest.raises(UsageError, match=r"//\.\.\.: no target of msp_delivery is there"):
        services_in_workspace(bazel, ["//..."])
