"""`pipeline.tf.json`: the same resources for Terraform's google provider (hashicorp/google, 5.20 and later).

Attributes: https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/clouddeploy_delivery_pipeline
and its neighbours.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, assert_never

from google.cloud import deploy_v1
from google.type import date_pb2, timeofday_pb2

from msp import names
from msp.pipeline import iam
from msp.pipeline.iam import Binding, Scope
from msp.pipeline.manifest import fields
from msp.pipeline.resources import Guard, PipelineResources

_TYPE = "google_clouddeploy_custom_target_type.cloud_run_service"
_PIPELINE = "google_clouddeploy_delivery_pipeline.rollout"
_SOURCE = "google_storage_bucket.source"
_STAGING = "google_storage_bucket.releases"

Json = dict[str, Any]


def pipeline_tf_json(made: PipelineResources, rows: tuple[Binding, ...], comment: str) -> str:
    """A Terraform module in JSON syntax; it reads `source.tar.gz` beside itself.

    Args:
        made: The resources, with full names, as `resources` made them of the specification.
        rows: Who needs which role where, as `bindings` made them.
        comment: What the file is made from; it stands under the key `//`, which Terraform ignores.
    """
    resources: dict[str, dict[str, Json]] = {}
    for kind, name, body in [*_resources(made), *_members(made, rows)]:
        resources.setdefault(kind, {})[name] = body
    module = {
        "//": comment,
        "terraform": {"required_providers": {"google": {"source": "hashicorp/google", "version": _version(made)}}},
        "resource": resources,
    }
    return json.dumps(module, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _version(made: PipelineResources) -> str:
    # https://github.com/hashicorp/terraform-provider-google/blob/main/CHANGELOG.md: 6.29 has deploy policies, and 6.49
    # the first whose weekly windows may begin at midnight.
    return ">= 6.49" if made.deploy_policies else ">= 5.20"


def _resources(made: PipelineResources) -> Iterator[tuple[str, str, Json]]:
    yield _typed(_TYPE, _custom_target_type(made))
    for target in made.targets:
        yield _typed(_target_address(target), _target(made, target))
    yield _typed(_PIPELINE, _delivery_pipeline(made))
    for automation in made.automations:
        yield _typed(
            f"google_clouddeploy_automation.{_identifier(_id(automation.name))}", _automation(made, automation)
        )
    for policy in made.deploy_policies:
        yield _typed(f"google_clouddeploy_deploy_policy.{_identifier(_id(policy.name))}", _deploy_policy(made, policy))
    yield _typed(_SOURCE, _bucket(made, names.source_bucket(made.project)))
    yield _typed(
        "google_storage_bucket_object.source",
        {
            "bucket": f"${{{_SOURCE}.name}}",
            "content_type": "application/gzip",
            "name": names.SOURCE_OBJECT,
            "source": f"${{path.module}}/{names.SOURCE_OBJECT}",
        },
    )
    # gcloud makes this bucket with its first release where it is missing; made here, its policy can be set before.
    yield _typed(_STAGING, _bucket(made, f"${{{_PIPELINE}.uid}}_clouddeploy"))


def _custom_target_type(made: PipelineResources) -> Json:
    body = fields(made.custom_target_type)
    actions = body["customActions"]
    return _common(made, body) | {
        "custom_actions": {"deploy_action": actions["deployAction"], "render_action": actions["renderAction"]},
    }


def _target(made: PipelineResources, target: deploy_v1.Target) -> Json:
    body = fields(target)
    return (
        _common(made, body)
        | _kept(made, target.name, "require_approval", Guard.APPROVAL)
        | {
            "annotations": {key: _literal(value) for key, value in body.get("annotations", {}).items()},
            "custom_target": {"custom_target_type": f"${{{_TYPE}.id}}"},
            "deploy_parameters": {key: _literal(value) for key, value in body["deployParameters"].items()},
            "execution_configs": [
                {"service_account": config["serviceAccount"], "usages": config["usages"]}
                for config in body["executionConfigs"]
            ],
            "require_approval": target.require_approval,
        }
    )


def _delivery_pipeline(made: PipelineResources) -> Json:
    body = fields(made.delivery_pipeline)
    return (
        _common(made, body)
        | _kept(made, made.delivery_pipeline.name, "suspended", Guard.SUSPENSION)
        | {
            "annotations": {key: _literal(value) for key, value in body["annotations"].items()},
            "serial_pipeline": {
                "stages": [{"target_id": f"${{{_target_address(target)}.name}}"} for target in made.targets]
            },
            "suspended": made.delivery_pipeline.suspended,
        }
    )


def _automation(made: PipelineResources, automation: deploy_v1.Automation) -> Json:
    body = fields(automation)
    return (
        _common(made, body)
        | _kept(made, automation.name, "suspended", Guard.SUSPENSION)
        | {
            "delivery_pipeline": f"${{{_PIPELINE}.name}}",
            "rules": [
                {
                    "promote_release_rule": {
                        "destination_target_id": rule["promoteReleaseRule"]["destinationTargetId"],
                        "id": rule["promoteReleaseRule"]["id"],
                        "wait": rule["promoteReleaseRule"]["wait"],
                    }
                }
                for rule in body["rules"]
            ],
            "selector": {"targets": body["selector"]["targets"]},
            "service_account": automation.service_account,
            "suspended": automation.suspended,
        }
    )


def _deploy_policy(made: PipelineResources, policy: deploy_v1.DeployPolicy) -> Json:
    body = fields(policy)
    addresses = {_id(target.name): _target_address(target) for target in made.targets}
    return _common(made, body) | {
        "annotations": {key: _literal(value) for key, value in body["annotations"].items()},
        "rules": [{"rollout_restriction": _restriction(rule.rollout_restriction)} for rule in policy.rules],
        "selectors": [
            {
                "delivery_pipeline": {"id": f"${{{_PIPELINE}.name}}"},
                "target": {"id": f"${{{addresses[selector.target.id]}.name}}"},
            }
            for selector in policy.selectors
        ],
        "suspended": policy.suspended,
    }


def _restriction(restriction: deploy_v1.RolloutRestriction) -> Json:
    windows = restriction.time_windows
    made: Json = {
        "one_time_windows": [
            {
                "end_date": _date(window.end_date),
                "end_time": _time(window.end_time),
                "start_date": _date(window.start_date),
                "start_time": _time(window.start_time),
            }
            for window in windows.one_time_windows
        ],
        "weekly_windows": [
            {
                "days_of_week": fields(window).get("daysOfWeek", []),
                "end_time": _time(window.end_time),
                "start_time": _time(window.start_time),
            }
            for window in windows.weekly_windows
        ],
    }
    return {
        "actions": fields(restriction)["actions"],
        "id": restriction.id,
        "invokers": fields(restriction)["invokers"],
        "time_windows": {"time_zone": windows.time_zone} | {key: found for key, found in made.items() if found},
    }


def _date(date: date_pb2.Date) -> Json:
    return {"day": date.day, "month": date.month, "year": date.year}


def _time(time: timeofday_pb2.TimeOfDay) -> Json:
    return {"hours": time.hours, "minutes": time.minutes}


def _common(made: PipelineResources, body: Json) -> Json:
    return {
        "description": _literal(body["description"]),
        "labels": body["labels"],
        "location": made.region,
        "name": _id(body["name"]),
        "project": made.project,
    }


def _kept(made: PipelineResources, name: str, attribute: str, guard: Guard) -> Json:
    """Leaves an attribute as it is live, where the specification does not speak of it.

    Annotations need no such thing: the provider manages those alone that it is given.
    """
    if guard in made.specified.get(name, frozenset()):
        return {}
    # https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle#ignore_changes
    return {"lifecycle": {"ignore_changes": [attribute]}}


def _bucket(made: PipelineResources, name: str) -> Json:
    return {
        "location": made.region.upper(),
        "name": name,
        "project": made.project,
        "public_access_prevention": "enforced",
        "uniform_bucket_level_access": True,
    }


def _members(made: PipelineResources, rows: tuple[Binding, ...]) -> Iterator[tuple[str, str, Json]]:
    for row in rows:
        kind, place = _policy_of(made, row)
        account = row.member.partition(":")[2]
        name = _identifier(f"{_id(row.resource)} {row.role.partition('/')[2]} {account}")
        yield kind, name, place | {"member": row.member, "role": row.role}


def _policy_of(made: PipelineResources, row: Binding) -> tuple[str, Json]:
    """The resource type that adds a member to the binding's policy, and the attributes that say whose policy it is."""
    in_deploy: Json = {"location": made.region, "project": made.project}
    match row.scope:
        case Scope.PROJECT:
            kind, place = "google_project_iam_member", {"project": row.resource}
        case Scope.BUCKET:
            bucket = _STAGING if row.resource.startswith(iam.PIPELINE_UID) else _SOURCE
            kind, place = "google_storage_bucket_iam_member", {"bucket": f"${{{bucket}.name}}"}
        case Scope.SERVICE_ACCOUNT:
            account = f"projects/{made.project}/serviceAccounts/{row.resource}"
            kind, place = "google_service_account_iam_member", {"service_account_id": account}
        case Scope.IMAGE_REPOSITORY:
            _, project, _, location, _, repository = row.resource.split("/")
            kind = "google_artifact_registry_repository_iam_member"
            place = {"location": location, "project": project, "repository": repository}
        case Scope.DELIVERY_PIPELINE:
            kind = "google_clouddeploy_delivery_pipeline_iam_member"
            place = in_deploy | {"name": f"${{{_PIPELINE}.name}}"}
        case Scope.TARGET:
            (target,) = [target for target in made.targets if target.name == row.resource]
            kind = "google_clouddeploy_target_iam_member"
            place = in_deploy | {"name": f"${{{_target_address(target)}.name}}"}
        case Scope.CUSTOM_TARGET_TYPE:
            kind = "google_clouddeploy_custom_target_type_iam_member"
            place = in_deploy | {"name": f"${{{_TYPE}.name}}"}
        case never:
            assert_never(never)
    return kind, place


def _target_address(target: deploy_v1.Target) -> str:
    return f"google_clouddeploy_target.{_identifier(_id(target.name))}"


def _typed(address: str, body: Json) -> tuple[str, str, Json]:
    kind, _, name = address.partition(".")
    return kind, name, body


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _identifier(text: str) -> str:
    """A name for Terraform: letters, digits, underscores and hyphens, not beginning with a digit or a hyphen."""
    name = re.sub(r"[^a-z0-9-]", "_", text.lower())
    return name if name[:1].isalpha() else f"_{name}"


def _literal(text: str) -> str:
    """Text that Terraform takes as it is, not as a template."""
    # https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences
    return text.replace("${", "$${").replace("%{", "%%{")
