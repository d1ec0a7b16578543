"""The rule's config file, and where the files are that it names."""

import json
from pathlib import Path
from typing import Any

import pytest

from msp.delivery.target.config import DeliveryConfig
from msp.delivery.target.locate import locate
from msp.delivery.target.rollout import SpecifiedRollout, specified_rollout
from msp.errors import UsageError

FIELDS: dict[str, Any] = {
    "target": "//svc:msp_deploy",
    "gcp_project": "msp-example-prod-0000",
    "msp_service_id": "msp-example",
    "repository": "us.gcr.io/sourcegraph-dev/msp-example",
    "gcp_region": "us-central1",
    "image": "_main/svc/image",
    "push": None,
    "spec": None,
    "tool": "@rules_msp//tools:deploy",
}


def test_reads_what_the_rule_writes() -> None:
    config = DeliveryConfig.parse(json.dumps(FIELDS), "svc.json")
    assert vars(config) == FIELDS
    assert config.tools == "@rules_msp//tools"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regoin": "x"}, "//svc:msp_deploy .svc.json.: unknown field 'regoin'"),
        ({"gcp_project": None}, "field 'gcp_project' has the value None"),
        ({"gcp_project": ""}, "field 'gcp_project' has the value ''"),
        ({"image": 7, "spec": []}, "field 'image' has the value 7; field 'spec'"),
        ({"image": None}, "there is no image to deliver"),
    ],
    ids=["unknown", "none", "empty", "types", "image"],
)
def test_what_is_wrong_is_named_with_the_target(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        DeliveryConfig.parse(json.dumps(FIELDS | change), "svc.json")
    assert raised.value.hint


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "nul\0l", "[" * 100_000], ids=["empty", "list", "broken", "nul", "deep"]
)
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"svc\.json: not"):
        DeliveryConfig.parse(text, "svc.json")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(UsageError, match="no field 'target'; no field 'msp_service_id'"):
        DeliveryConfig.parse(json.dumps({"gcp_project": "p", "repository": "r"}), "svc.json")


def test_a_config_is_located_by_flag_or_by_the_rules_variable(tmp_path: Path) -> None:
    (tmp_path / "_main").mkdir()
    (tmp_path / "_main/svc.json").write_text(json.dumps(FIELDS))
    (tmp_path / "_main/image").touch()
    _, find = locate(tmp_path / "_main/svc.json", {})
    assert find("image") == tmp_path / "_main/image"
    _, find = locate(None, {"MSP_CONFIG": "_main/svc.json", "RUNFILES_DIR": str(tmp_path)})
    assert find("_main/image") == tmp_path / "_main/image"
    with pytest.raises(UsageError, match="which service"):
        locate(None, {})
    with pytest.raises(UsageError, match=r"none\.json: can't be read"):
        locate(tmp_path / "none.json", {})


def test_the_rollout_is_read_from_the_resolved_specification(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"rollout": {"stages": [{"environment": "staging"}, {"environment": "prod"}]}}')
    assert specified_rollout(spec) == SpecifiedRollout(("staging", "prod"))
    spec.write_text('{"rollout": {"stages": [{"environment": "prod"}], "actionImage": "a@sha256:b"}}')
    assert specified_rollout(spec) == SpecifiedRollout(("prod",), "a@sha256:b")
    for text in ("", "{}", '{"rollout": null}', '{"rollout": {"stages": [1]}}'):
        spec.write_text(text)
        with pytest.raises(UsageError, match="not a resolved specification"):
            specified_rollout(spec)


@pytest.mark.parametrize(
    ("spec", "local_cloud", "command"),
    [
        ("_main/svc/spec.json", "", "bazel run //svc:msp_deploy.pipeline.apply"),
        ("_main/svc/spec.json", "http://h:1", "bazel run //svc:msp_deploy.pipeline.apply -- --local_cloud=h:1"),
        (None, "", "bazel run @rules_msp//tools:apply -- --spec=service.yaml --region=us-central1"),
        (None, "http://h:1", "bazel run @rules_msp//tools:apply -- --spec=service.yaml --region=us-central1"),
    ],
)
def test_the_target_says_how_its_pipeline_is_made(spec: str | None, local_cloud: str, command: str) -> None:
    made = DeliveryConfig(**{**FIELDS, "spec": spec}).make_pipeline(local_cloud)
    assert made.startswith(command)
    assert ("--local_cloud=h:1" in made) is bool(local_cloud)
    assert ("or set `spec`" in made) is (spec is None)
