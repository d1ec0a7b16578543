"""A specification that was applied and perhaps edited by hand, and what another one would change of it."""

from collections.abc import Callable
from typing import Any

import yaml

from msp import names
from msp.pipeline.iam import bindings
from msp.pipeline.live.changes import PipelineChange, pipeline_changes, wanted_resources
from msp.pipeline.live.guards import LessGuarded, less_guarded
from msp.pipeline.live.state import Live, LiveArchive
from msp.pipeline.resources import resources
from msp.spec import Spec, parse

ARCHIVE = b"archive"
CATEGORIES = {"dev": "test", "staging": "test", "dogfood": "internal", "prod": "external"}
ANOTHER = "approval.not-author"
PROJECT = "customTarget/projectID"


def make(*stages: dict[str, Any], **rollout: Any) -> Spec:
    tree = {
        "service": {"id": "msp-example", "owners": ["core-services"], "description": "An example."},
        "build": {"image": "us.gcr.io/p/msp-example", "source": {"repo": "github.com/a/b", "dir": "c"}},
        "rollout": {"stages": list(stages), **rollout},
        "environments": [
            {
                "id": stage["environment"],
                "projectID": f"msp-example-{stage['environment']}-0000",
                "category": CATEGORIES[stage["environment"]],
                "deploy": {"type": "rollout"},
            }
            for stage in stages
        ],
    }
    return parse(yaml.safe_dump(tree).encode(), "service.yaml")


def stage(environment: str, wait: int | None = None, approval: dict[str, bool] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"environment": environment}
    if wait is not None:
        found["promotionStrategy"] = {"type": "automatic", "automatic": {"delaySeconds": wait}}
    if approval is not None:
        found["approval"] = approval
    return found


def as_live(was: Spec, becomes: Spec, edit: Callable[[dict[str, Any]], None] = lambda _: None) -> Live:
    """What there is after one specification was applied and edited by hand, as it is read for another one."""
    made, asked = resources(was, "us-central1"), resources(becomes, "us-central1")
    there = {message.name: type(message)(message) for message in wanted_resources(made)}
    edit({names.short_name(name): message for name, message in there.items()})
    wanted = {message.name for message in wanted_resources(asked)}
    members = dict[str, set[tuple[str, str]]]()
    for row in bindings(was, made):
        members.setdefault(row.resource, set()).add((row.role, row.member))
    return Live(
        resources={name: message for name, message in there.items() if name in wanted},
        leftovers=tuple(message for name, message in there.items() if name not in wanted),
        members={name: frozenset(found) for name, found in members.items()},
        archive=LiveArchive(bucket_exists=True, content=ARCHIVE, generation=1),
        released=True,
    )


def compared(becomes: Spec, live: Live) -> tuple[tuple[PipelineChange, ...], tuple[LessGuarded, ...]]:
    made = resources(becomes, "us-central1")
    changes = pipeline_changes(made, bindings(becomes, made), ARCHIVE, live)
    return changes, less_guarded(made, live, changes)
