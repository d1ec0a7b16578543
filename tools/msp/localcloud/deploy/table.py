"""The methods of `google.cloud.deploy.v1.CloudDeploy`, with the verbs, paths and bodies of Google's definition."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

from google.cloud.deploy_v1.types import OperationMetadata
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.catalog import ENTRIES, Entry
from msp.localcloud.deploy.config import get_config
from msp.localcloud.deploy.resources import AUTOMATION_RUN, JOB_RUN, RELEASE, ROLLOUT, ROLLOUT_SORT_KEYS, Kind
from msp.localcloud.deploy.service import Deploy
from msp.localcloud.listed import Listed
from msp.localcloud.listing import Listing, page
from msp.localcloud.locations import check_region
from msp.localcloud.methods import AnyMessage, Binding, Handler, Method
from msp.localcloud.operations import Change
from msp.localcloud.status import invalid

SERVICE = "google.cloud.deploy.v1.CloudDeploy"

_LOCATION = "projects/*/locations/*"
_PIPELINE = f"{_LOCATION}/deliveryPipelines/*"
_RELEASE = f"{_PIPELINE}/releases/*"
_ROLLOUT = f"{_RELEASE}/rollouts/*"
_JOB_RUN = f"{_ROLLOUT}/jobRuns/*"
_AUTOMATION_RUN = f"{_PIPELINE}/automationRuns/*"


def methods(deploy: Deploy) -> Sequence[Method]:
    """The service's table, its handlers bound to a state."""
    table: list[Method] = []
    for name, entry in ENTRIES.items():
        table += _written_by_users(deploy, name, entry)
    table += _releases(deploy)
    table += _rollouts(deploy)
    table += _automation_runs(deploy)
    config = "{name=" + _LOCATION + "/config}"
    table.append(_method("GetConfig", "GET", config, pb.GetConfigRequest, pb.Config, get_config))
    table += _iam(deploy)
    return [replace(method, handler=_checked(method, deploy)) for method in table]


_REQUIRED = {"AdvanceRollout": ("phase_id",), "IgnoreJob": ("phase_id", "job_id"), "RetryJob": ("phase_id", "job_id")}
"""What must be in the requests of methods, besides names and what they create or update."""


def _checked(method: Method, deploy: Deploy) -> Handler:
    """The handler of a method, called only with what is needed and where there is a Cloud Deploy."""
    binding = method.bindings[0]
    required = [*_REQUIRED.get(method.name, ()), *filter(None, [binding.body.strip("*")])]
    handler: Any = method.handler

    def handle(request: AnyMessage) -> Message | Listed:
        if not deploy.any_region:
            check_region(reduce(getattr, next(iter(binding.templates)).split("."), request))
        present = {field.name for field, _ in request.ListFields()}
        for field in required:
            if field not in present:
                raise invalid(field, "is required")
        answer: Message | Listed = handler(request)
        return answer

    return handle


def _written_by_users(deploy: Deploy, name: str, entry: Entry) -> Sequence[Method]:
    plural = f"{name.removesuffix('y')}ies" if name.endswith("y") else f"{name}s"
    parent = _PIPELINE if name == "Automation" else _LOCATION
    collection = entry.kind.collection
    one, catalog, field = f"{parent}/{collection}/*", deploy.catalog, entry.field
    create, update = getattr(pb, f"Create{name}Request"), getattr(pb, f"Update{name}Request")
    delete, get = getattr(pb, f"Delete{name}Request"), getattr(pb, f"Get{name}Request")

    def created(request: AnyMessage) -> str:
        return f"{request.parent}/{collection}/{getattr(request, f'{field}_id')}"

    def updated(request: AnyMessage) -> str:
        return str(getattr(request, field).name)

    def change(verb: str, request_type: type[Message], target: Callable[[Any], str]) -> Handler:
        method = f"{verb.capitalize()}{name}"
        return _change(deploy, method, verb, request_type, target, partial(getattr(catalog, verb), entry))

    operation = operations_pb2.Operation
    return [
        _list(deploy, f"List{plural}", f"{{parent={parent}}}/{collection}", catalog.listing(entry)),
        _method(f"Get{name}", "GET", f"{{name={one}}}", get, entry.kind.message, partial(catalog.get, entry)),
        _method(
            f"Create{name}",
            "POST",
            f"{{parent={parent}}}/{collection}",
            create,
            operation,
            change("create", create, created),
            field,
        ),
        _method(
            f"Update{name}",
            "PATCH",
            f"{{{field}.name={one}}}",
            update,
            operation,
            change("update", update, updated),
            field,
        ),
        _method(f"Delete{name}", "DELETE", f"{{name={one}}}", delete, operation, change("delete", delete, _name)),
    ]


def _releases(deploy: Deploy) -> Sequence[Method]:
    create = _change(
        deploy,
        "CreateRelease",
        "create",
        pb.CreateReleaseRequest,
        lambda request: f"{request.parent}/releases/{request.release_id}",
        deploy.releases.create,
    )
    listing = Listing(RELEASE.name, RELEASE.collection, pb.Release)
    return [
        _list(deploy, "ListReleases", f"{{parent={_PIPELINE}}}/releases", listing),
        _get(deploy, "GetRelease", _RELEASE, RELEASE),
        _method(
            "CreateRelease",
            "POST",
            f"{{parent={_PIPELINE}}}/releases",
            pb.CreateReleaseRequest,
            operations_pb2.Operation,
            create,
            "release",
        ),
        _custom("AbandonRelease", f"{{name={_RELEASE}}}:abandon", deploy.releases.abandon),
    ]


def _rollouts(deploy: Deploy) -> Sequence[Method]:
    create = _change(
        deploy,
        "CreateRollout",
        "create",
        pb.CreateRolloutRequest,
        lambda request: f"{request.parent}/rollouts/{request.rollout_id}",
        deploy.rollouts.create,
    )
    listing = Listing(
        ROLLOUT.name,
        ROLLOUT.collection,
        pb.Rollout,
        keys={"targetId": "targetId", "state": "state"},
        sort_keys={name: name for name in ROLLOUT_SORT_KEYS},
    )
    job_runs = Listing(JOB_RUN.name, JOB_RUN.collection, pb.JobRun)
    return [
        _list(deploy, "ListRollouts", f"{{parent={_RELEASE}}}/rollouts", listing),
        _get(deploy, "GetRollout", _ROLLOUT, ROLLOUT),
        _method(
            "CreateRollout",
            "POST",
            f"{{parent={_RELEASE}}}/rollouts",
            pb.CreateRolloutRequest,
            operations_pb2.Operation,
            create,
            "rollout",
        ),
        _custom("ApproveRollout", f"{{name={_ROLLOUT}}}:approve", deploy.actions.approve),
        _custom("AdvanceRollout", f"{{name={_ROLLOUT}}}:advance", deploy.actions.advance),
        _custom("CancelRollout", f"{{name={_ROLLOUT}}}:cancel", deploy.actions.cancel),
        _custom("IgnoreJob", f"{{rollout={_ROLLOUT}}}:ignoreJob", deploy.actions.ignore_job),
        _custom("RetryJob", f"{{rollout={_ROLLOUT}}}:retryJob", deploy.actions.retry_job),
        _list(deploy, "ListJobRuns", f"{{parent={_ROLLOUT}}}/jobRuns", job_runs),
        _get(deploy, "GetJobRun", _JOB_RUN, JOB_RUN),
        _custom("TerminateJobRun", f"{{name={_JOB_RUN}}}:terminate", deploy.actions.terminate),
        _custom("RollbackTarget", f"{{name={_PIPELINE}}}:rollbackTarget", deploy.rollbacks.rollback_target),
    ]


def _automation_runs(deploy: Deploy) -> Sequence[Method]:
    listing = Listing(AUTOMATION_RUN.name, AUTOMATION_RUN.collection, pb.AutomationRun, keys={"state": "state"})
    return [
        _list(deploy, "ListAutomationRuns", f"{{parent={_PIPELINE}}}/automationRuns", listing),
        _get(deploy, "GetAutomationRun", _AUTOMATION_RUN, AUTOMATION_RUN),
        _custom("CancelAutomationRun", f"{{name={_AUTOMATION_RUN}}}:cancel", deploy.automations.cancel),
    ]


def _iam(deploy: Deploy) -> Sequence[Method]:
    pipelines, targets = _PIPELINE, f"{_LOCATION}/targets/*"
    others = (f"{_LOCATION}/customTargetTypes/*", f"{_LOCATION}/deployPolicies/*")

    def bindings(verb: str, custom: str, *resources: str) -> tuple[Binding, ...]:
        body = "*" if verb == "POST" else ""
        return tuple(Binding(verb, f"/v1/{{resource={resource}}}:{custom}", body) for resource in resources)

    pb_iam, policy, service = iam_policy_pb2, policy_pb2.Policy, "google.iam.v1.IAMPolicy"
    everywhere = (pipelines, targets, *others)
    return [
        Method(
            service,
            "GetIamPolicy",
            bindings("GET", "getIamPolicy", *everywhere),
            pb_iam.GetIamPolicyRequest,
            policy,
            deploy.iam.get,
        ),
        Method(
            service,
            "SetIamPolicy",
            bindings("POST", "setIamPolicy", *everywhere),
            pb_iam.SetIamPolicyRequest,
            policy,
            deploy.iam.set,
        ),
        Method(
            service,
            "TestIamPermissions",
            bindings("POST", "testIamPermissions", pipelines, targets),
            pb_iam.TestIamPermissionsRequest,
            pb_iam.TestIamPermissionsResponse,
            deploy.iam.test,
        ),
    ]


def _method(  # noqa: PLR0917 (the columns of the table)
    name: str,
    verb: str,
    path: str,
    request_type: type[Message],
    response_type: AnyMessage,
    handler: Handler,
    body: str = "",
) -> Method:
    return Method(SERVICE, name, (Binding(verb, f"/v1/{path}", body),), request_type, response_type, handler)


def _custom(name: str, path: str, handler: Handler) -> Method:
    """A method with a custom verb: `POST …:verb`, with the whole request as its body."""
    return _method(name, "POST", path, getattr(pb, f"{name}Request"), getattr(pb, f"{name}Response"), handler, "*")


def _get(deploy: Deploy, name: str, path: str, kind: Kind) -> Method:
    def get(request: AnyMessage) -> Message:
        found: Message = deploy.resources.get(kind, request.name)
        return found

    return _method(name, "GET", f"{{name={path}}}", getattr(pb, f"{name}Request"), kind.message, get)


def _list(deploy: Deploy, name: str, path: str, listing: Listing) -> Method:
    response_type = getattr(pb, f"{name}Response")

    def list_(request: AnyMessage) -> Listed:
        return page(deploy.resources.store, listing, request, response_type)

    return _method(name, "GET", path, getattr(pb, f"{name}Request"), response_type, list_)


def _change(  # noqa: PLR0917 (the columns of the table)
    deploy: Deploy,
    name: str,
    verb: str,
    request_type: type[Message],
    target: Callable[[Any], str],
    apply: Callable[[Any], Message],
) -> Handler:
    metadata = OperationMetadata.pb()
    return deploy.operations.handler(Change(f"{SERVICE}/{name}", request_type, verb, target, apply, metadata))


def _name(request: AnyMessage) -> str:
    return str(request.name)
