"""`clouddeploy.yaml`: what gcloud will make of it, read as gcloud reads it."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from msp.pipeline.manifest import clouddeploy_yaml, fields
from msp.pipeline.resources import resources
from msp.spec import Spec

MakeSpec = Callable[..., Spec]


def documents(spec: Spec) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(clouddeploy_yaml(resources(spec, "us-central1"), "# where from\n")))


def test_documents_come_in_the_order_of_dependency(make_spec: MakeSpec) -> None:
    named = [(document["kind"], document["metadata"]["name"]) for document in documents(make_spec())]
    assert named == [
        ("CustomTargetType", "cloud-run-service"),
        ("Target", "staging-us-central1"),
        ("Target", "prod-us-central1"),
        ("DeliveryPipeline", "msp-example-us-central1-rollout"),
        ("Automation", "msp-example-us-central1-rollout/promote-staging-us-central1"),
    ]


def test_fields_are_those_of_the_resources(make_spec: MakeSpec) -> None:
    spec = make_spec()
    target = documents(spec)[1]
    metadata = target.pop("metadata")
    assert target.pop("apiVersion") == "deploy.cloud.google.com/v1"
    assert target.pop("kind") == "Target"
    expected = fields(resources(spec, "us-central1").targets[0])
    assert metadata["labels"] == expected.pop("labels")
    assert expected.pop("name").endswith(metadata["name"])
    assert target == expected


@pytest.mark.parametrize(("seconds", "wait"), [(0, "0m"), (60, "1m"), (1_209_600, "20160m")])
def test_whole_minutes_are_written_as_gcloud_documents_them(make_spec: MakeSpec, seconds: int, wait: str) -> None:
    automation = documents(make_spec({"staging": seconds, "prod": None}))[-1]
    assert automation["rules"][0]["promoteReleaseRule"]["wait"] == wait
    assert "rules" not in automation["metadata"]


@pytest.mark.parametrize(("seconds", "wait", "exact"), [(1, "1m", "1s"), (59, "1m", "59s"), (90, "2m", "90s")])
def test_seconds_reach_the_api_as_they_are(make_spec: MakeSpec, seconds: int, wait: str, exact: str) -> None:
    automation = documents(make_spec({"staging": seconds, "prod": None}))[-1]
    assert automation["rules"][0]["promoteReleaseRule"]["wait"] == wait
    assert automation["metadata"]["rules"] == [
        {"promoteReleaseRule": {"destinationTargetId": "@next", "id": "promote-release", "wait": exact}}
    ]
