"""The Terraform module: only attributes that the provider has, and the same meaning as the resources."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from msp.pipeline.iam import bindings
from msp.pipeline.resources import resources
from msp.pipeline.terraform import pipeline_tf_json
from msp.spec import Spec

MakeSpec = Callable[..., Spec]

# Arguments of the provider's resources, from its bindings for the CDK (@cdktf/provider-google 16.12, provider 6.50).
PROVIDER = json.loads((Path(__file__).parent / "google_provider.json").read_text(encoding="utf-8"))


def module_of(spec: Spec) -> dict[str, Any]:
    made = resources(spec, "us-central1")
    module: dict[str, Any] = json.loads(pipeline_tf_json(made, bindings(spec, made), "where from"))
    return module


@pytest.fixture
def module(make_spec: MakeSpec) -> dict[str, Any]:
    spec = make_spec({"dev": 0, "staging": 90, "prod": None}, rollout__serviceAccount="ci@p.iam.gserviceaccount.com")
    return module_of(spec)


def complaints(body: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    for name, value in body.items():
        if name == "lifecycle":  # Terraform's own: what it names has to be the provider's
            yield from (
                f"{place}.{ignored} does not exist" for ignored in value["ignore_changes"] if ignored not in schema
            )
        elif name not in schema:
            yield f"{place}.{name} does not exist"
        elif "block" in schema[name]:
            for entry in value if isinstance(value, list) else [value]:
                yield from complaints(entry, schema[name]["block"], f"{place}.{name}")
    yield from (f"{place}.{name} is required" for name in schema if schema[name]["required"] and name not in body)


def test_every_attribute_is_the_providers(module: dict[str, Any]) -> None:
    found = [
        complaint
        for kind, instances in module["resource"].items()
        for name, body in instances.items()
        for complaint in complaints(body, PROVIDER[kind], f"{kind}.{name}")
    ]
    assert found == []


def test_the_check_above_can_fail() -> None:
    schema = PROVIDER["google_clouddeploy_target"]
    body = {"name": "a", "location": "b", "custom_target": {}, "nonsense": 1}
    assert list(complaints(body, schema, "t")) == [
        "t.custom_target.custom_target_type is required",
        "t.nonsense does not exist",
    ]


def test_every_reference_leads_somewhere(module: dict[str, Any]) -> None:
    references = re.findall(r"\$\{(google_[^.}]+)\.([^.}]+)\.(\w+)\}", json.dumps(module))
    assert len(references) > 10
    for kind, name, attribute in references:
        body = module["resource"][kind][name]
        assert attribute in body or attribute in {"id", "uid"}


def test_it_says_what_the_resources_say(module: dict[str, Any]) -> None:
    made = module["resource"]
    assert list(made["google_clouddeploy_target"]) == ["dev-us-central1", "prod-us-central1", "staging-us-central1"]
    stages = made["google_clouddeploy_delivery_pipeline"]["rollout"]["serial_pipeline"]["stages"]
    assert [stage["target_id"] for stage in stages] == [
        f"${{google_clouddeploy_target.{name}-us-central1.name}}" for name in ("dev", "staging", "prod")
    ]
    waits = {
        name: body["rules"][0]["promote_release_rule"]["wait"]
        for name, body in made["google_clouddeploy_automation"].items()
    }
    assert waits == {"promote-dev-us-central1": "0s", "promote-staging-us-central1": "90s"}
    assert made["google_storage_bucket"]["source"]["name"] == "msp-example-prod-0000-cloudrun-skaffold"
    assert made["google_storage_bucket_object"]["source"]["source"] == "${path.module}/source.tar.gz"


def test_a_guard_that_the_specification_is_silent_on_stays_as_it_is_live(make_spec: MakeSpec) -> None:
    asked = make_spec(
        rollout__stages=[{"environment": "staging"}, {"environment": "prod", "approval": {"required": True}}]
    )
    targets = module_of(asked)["resource"]["google_clouddeploy_target"]
    assert targets["staging-us-central1"]["lifecycle"] == {"ignore_changes": ["require_approval"]}
    assert "lifecycle" not in targets["prod-us-central1"]
    assert targets["prod-us-central1"]["require_approval"] is True
    for written, kept in ((None, True), (False, False), (True, False)):
        made = module_of(make_spec(**({} if written is None else {"rollout__suspended": written})))["resource"]
        for kind in ("google_clouddeploy_delivery_pipeline", "google_clouddeploy_automation"):
            (body,) = made[kind].values()
            assert body["suspended"] is bool(written)
            assert (body.get("lifecycle") == {"ignore_changes": ["suspended"]}) is kept


def test_every_binding_is_a_member(make_spec: MakeSpec) -> None:
    spec = make_spec({"a--b": None, "a-b": None, "prod": None}, rollout__serviceAccount="ci@p.iam.gserviceaccount.com")
    members = {
        (kind, name) for kind, made in module_of(spec)["resource"].items() if kind.endswith("_member") for name in made
    }
    assert len(members) == len(bindings(spec, resources(spec, "us-central1")))


def test_text_is_not_a_template(make_spec: MakeSpec) -> None:
    spec = make_spec(build__source__repo="${file(x)}%{if}")
    pipeline = module_of(spec)["resource"]["google_clouddeploy_delivery_pipeline"]["rollout"]
    assert pipeline["annotations"] == {"source.repository": "$${file(x)}%%{if}"}
