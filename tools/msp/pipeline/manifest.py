"""`clouddeploy.yaml`: the resources as `gcloud deploy apply --file` takes them."""

import copy
from collections.abc import Iterator
from typing import Any

import proto

from msp.pipeline import yaml_text
from msp.pipeline.resources import PipelineResources
from msp.pipeline.window_text import readable

_API_VERSION = "deploy.cloud.google.com/v1"
_MINUTE = 60

_EXACT_WAIT = """\
# gcloud takes the waits of `rules` in whole minutes only, and hands on what else it finds in `metadata` as it is
# (gcloud 528, command_lib/deploy/manifest_util.py): that is where a wait in seconds has to stand.
"""


def clouddeploy_yaml(made: PipelineResources, header: str) -> str:
    """All resources as YAML documents, in the order in which they depend on each other.

    Args:
        made: The resources, with full names.
        header: Comment lines that say what the file is made from, each with its `#` and line end.
    """
    return header + "".join(f"---\n# {comment}\n{text}" for comment, text in _documents(made))


def fields(message: proto.Message) -> dict[str, Any]:
    """A message as the API's JSON has it: camelCase, enums by name, durations such as `60s`, nothing that is unset."""
    plain: dict[str, Any] = type(message).to_dict(
        message,
        use_integers_for_enums=False,
        preserving_proto_field_name=False,
        always_print_fields_with_no_presence=False,
    )
    return plain


def _documents(made: PipelineResources) -> Iterator[tuple[str, str]]:
    yield (
        "What renders a release and deploys it: two actions of skaffold.yaml.",
        _document("CustomTargetType", made.custom_target_type),
    )
    for number, target in enumerate(made.targets):
        yield f"from rollout.stages[{number}] and its environment", _document("Target", target)
    yield "from service, build.source and rollout", _document("DeliveryPipeline", made.delivery_pipeline)
    for automation in made.automations:
        yield (
            f"from promotionStrategy of the stage that deploys to {automation.selector.targets[0].id}",
            _automation_document(automation),
        )
    for policy in made.deploy_policies:
        yield "from rollout.freezes", _document("DeployPolicy", policy)


def _document(kind: str, message: proto.Message) -> str:
    body = fields(message)
    name = body.pop("name").rpartition("/")[2]
    for rule in body.get("rules", ()):
        restriction = rule["rolloutRestriction"]
        restriction["timeWindows"] = readable(restriction["timeWindows"])
    return yaml_text.dump(_head(kind, name, body) | _sorted(body))


def _automation_document(automation: proto.Message) -> str:
    body = fields(automation)
    pipeline, automation_id = body.pop("name").split("/")[-3::2]
    head = _head("Automation", f"{pipeline}/{automation_id}", body)
    exact = [copy.deepcopy(rule) for rule in body["rules"]]
    whole_minutes = True
    for rule in body["rules"]:
        promote = rule["promoteReleaseRule"]
        seconds = int(promote.get("wait", "0s").removesuffix("s"))
        whole_minutes &= seconds % _MINUTE == 0
        promote["wait"] = f"{-(-seconds // _MINUTE)}m"
    if whole_minutes:
        return yaml_text.dump(head | _sorted(body))
    head["metadata"]["rules"] = _sorted(exact)
    return _EXACT_WAIT + yaml_text.dump(head | _sorted(body))


def _head(kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name}
    metadata |= {key: _sorted(body.pop(key)) for key in ("annotations", "labels") if body.get(key)}
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata}


def _sorted(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(entry) for entry in value]
    return value
