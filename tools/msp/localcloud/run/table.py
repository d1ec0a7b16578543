"""The methods of `google.cloud.run.v2.Services` and `Revisions`, as Google defines their verbs and paths."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from msp.localcloud.caller import CALLER
from msp.localcloud.listed import Listed
from msp.localcloud.listing import page
from msp.localcloud.methods import AnyMessage, Binding, Handler, Method
from msp.localcloud.operations import Change, Operations
from msp.localcloud.run import messages as pb
from msp.localcloud.run.services import Services, revisions_listing, services_listing
from msp.localcloud.status import invalid

_PACKAGE = "google.cloud.run.v2"
_LOCATION = "projects/*/locations/*"
_SERVICE = f"{_LOCATION}/services/*"
_REVISION = f"{_SERVICE}/revisions/*"
_SYSTEM = re.compile(r"([\w-]+\.)*(run\.googleapis\.com|cloud\.googleapis\.com|knative\.dev)/")
"""Annotations that v2 has fields for, or nothing; v1 shows them."""


def methods(services: Services, operations: Operations) -> Sequence[Method]:
    """The services' tables, their handlers bound to a state."""

    def create(request: AnyMessage) -> Message:
        name, given = f"{request.parent}/services/{request.service_id}", request.service
        return shown(services.create(name, given, given.last_modifier))

    def update(request: AnyMessage) -> Message:
        given = request.service
        if request.allow_missing and services.find(given.name) is None:
            return shown(services.create(given.name, given, given.last_modifier))
        return shown(services.update(given.name, given, given.last_modifier, request.update_mask))

    def change(service: str, name: str, target: Callable[[Any], str], apply: Callable[[Any], Message]) -> Handler:
        request_type, verb = getattr(pb, f"{name}Request"), name.lower()
        metadata = pb.Revision if service == "Revisions" else pb.Service
        method = f"{_PACKAGE}.{service}/{name}"
        handler: Any = operations.handler(Change(method, request_type, verb, target, apply, metadata))
        signed: Handler = lambda request: handler(_signed(request))  # noqa: E731 (with a type)
        return signed

    def list_services(request: AnyMessage) -> Listed:
        return page(services.store, services_listing(_present), request, pb.ListServicesResponse)

    def list_revisions(request: AnyMessage) -> Listed:
        return page(services.store, revisions_listing(_present), request, pb.ListRevisionsResponse)

    def created(request: AnyMessage) -> str:
        return f"{request.parent}/services/{request.service_id}"

    create_handler = change("Services", "CreateService", created, create)
    update_handler = change("Services", "UpdateService", lambda request: str(request.service.name), update)
    delete_service = change("Services", "DeleteService", _name, lambda ask: shown(services.delete(ask.name, ask.etag)))
    delete_revision = change(
        "Revisions", "DeleteRevision", _name, lambda ask: shown(services.delete_revision(ask.name, ask.etag))
    )
    operation = operations_pb2.Operation
    of_services, of_revisions = f"{{parent={_LOCATION}}}/services", f"{{parent={_SERVICE}}}/revisions"
    patched = f"{{service.name={_SERVICE}}}"
    return [
        _method("Services", "ListServices", "GET", of_services, pb.ListServicesResponse, list_services),
        _method(
            "Services",
            "GetService",
            "GET",
            f"{{name={_SERVICE}}}",
            pb.Service,
            lambda ask: shown(services.get(ask.name)),
        ),
        _method("Services", "CreateService", "POST", of_services, operation, create_handler, "service"),
        _method("Services", "UpdateService", "PATCH", patched, operation, update_handler, "service"),
        _method("Services", "DeleteService", "DELETE", f"{{name={_SERVICE}}}", operation, delete_service),
        *_not_emulated(),
        _method("Revisions", "ListRevisions", "GET", of_revisions, pb.ListRevisionsResponse, list_revisions),
        _method(
            "Revisions",
            "GetRevision",
            "GET",
            f"{{name={_REVISION}}}",
            pb.Revision,
            lambda ask: shown(services.get_revision(ask.name)),
        ),
        _method("Revisions", "DeleteRevision", "DELETE", f"{{name={_REVISION}}}", operation, delete_revision),
        *(method for method in operations.methods("v2") if method.name != "CancelOperation"),
    ]


def shown(message: AnyMessage) -> Message:
    """A service or a revision as v2 shows it."""
    _present(message)
    answer: Message = message
    return answer


def _present(message: AnyMessage) -> None:
    for annotations in (message.annotations, *([message.template.annotations] if hasattr(message, "template") else [])):
        for name in [name for name in annotations if _SYSTEM.match(name)]:
            del annotations[name]


def _signed(request: AnyMessage) -> AnyMessage:
    """A request in which it stands who made it: an operation may end when its caller is gone."""
    if "service" not in request.DESCRIPTOR.fields_by_name:
        return request
    for name in (*request.service.annotations, *request.service.template.annotations):
        if _SYSTEM.match(name):
            raise invalid("service.annotations", f"{name!r} belongs to Google: use the field that there is for it")
    signed = type(request)()
    signed.CopyFrom(request)
    signed.service.last_modifier = CALLER.get().principal
    return signed


def _not_emulated() -> Sequence[Method]:
    ask, resource = iam_policy_pb2, f"{{resource={_SERVICE}}}"
    policy, tested = policy_pb2.Policy, ask.TestIamPermissionsResponse
    rows = (
        ("GetIamPolicy", "GET", ask.GetIamPolicyRequest, policy),
        ("SetIamPolicy", "POST", ask.SetIamPolicyRequest, policy),
        ("TestIamPermissions", "POST", ask.TestIamPermissionsRequest, tested),
    )
    return [
        Method(
            f"{_PACKAGE}.Services",
            name,
            (Binding(verb, f"/v2/{resource}:{name[0].lower()}{name[1:]}", "*" if verb == "POST" else ""),),
            request,
            response,
            None,
        )
        for name, verb, request, response in rows
    ]


def _method(  # noqa: PLR0917 (the columns of the table)
    service: str, name: str, verb: str, path: str, response_type: AnyMessage, handler: Handler, body: str = ""
) -> Method:
    bindings = (Binding(verb, f"/v2/{path}", body),)
    return Method(f"{_PACKAGE}.{service}", name, bindings, getattr(pb, f"{name}Request"), response_type, handler)


def _name(request: AnyMessage) -> str:
    return str(request.name)
