"""Specifications to make pipelines from."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from msp.spec import Spec, parse

MakeSpec = Callable[..., Spec]


@pytest.fixture
def make_spec() -> MakeSpec:
    """A valid specification of stages `{environment: delay}`, where None is promoted by hand; the rest by path."""

    def make(stages: dict[str, int | None] | None = None, **fields: Any) -> Spec:
        stages = {"staging": 1, "prod": None} if stages is None else stages
        categories = ["test", "internal", "external"]
        tree: dict[str, Any] = {
            "service": {"id": "msp-example", "owners": ["core-services"], "description": "An example."},
            "build": {
                "image": "us.gcr.io/sourcegraph-dev/msp-example",
                "source": {"repo": "github.com/sourcegraph/sourcegraph", "dir": "cmd/msp-example"},
            },
            "rollout": {"stages": [_stage(name, delay) for name, delay in stages.items()]},
            "environments": [
                {
                    "id": name,
                    "projectID": f"{fields.get('service__id', 'msp-example')}-{name}-0000"[:30],
                    "category": categories[min(number, 2)],
                    "deploy": {"type": "rollout"},
                }
                for number, name in enumerate(stages)
            ],
        }
        for path, value in fields.items():
            place = tree
            *parents, last = path.split("__")
            for parent in parents:
                place = place[parent]
            place[last] = value
        if not stages:
            del tree["rollout"]
            tree["environments"] = [
                {
                    "id": "dev",
                    "projectID": "msp-example-dev-0000",
                    "category": "test",
                    "deploy": {"type": "manual"},
                }
            ]
        return parse(yaml.safe_dump(tree).encode(), "service.yaml")

    return make


def _stage(environment: str, delay: int | None) -> dict[str, Any]:
    strategy = {"type": "automatic", "automatic": {"delaySeconds": delay}}
    return {"environment": environment} | ({} if delay is None else {"promotionStrategy": strategy})
