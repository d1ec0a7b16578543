"""A discovery document, made from the table of an API's methods (https://developers.google.com/discovery/v1/reference)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msp.localcloud.discovery.schemas import Schema, Schemas
from msp.localcloud.methods import AnyMessage, Binding, Method

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_STANDARD = {"Get": "get", "List": "list", "Create": "create", "Update": "patch", "Delete": "delete"}
_VARIABLE = re.compile(r"\{([a-z_.]+)(?:=([^}]*))?\}")
_ANY = frozenset({"*", "**"})
_ONE_TEXT = frozenset(f"google.protobuf.{name}" for name in ("FieldMask", "Timestamp", "Duration"))
"""Messages that one text holds."""

_PARAMETERS: dict[str, Schema] = {
    "$.xgafv": {"type": "string", "location": "query", "enum": ["1", "2"]},
    "access_token": {"type": "string", "location": "query"},
    "alt": {"type": "string", "location": "query", "default": "json", "enum": ["json", "media", "proto"]},
    "callback": {"type": "string", "location": "query"},
    "fields": {"type": "string", "location": "query"},
    "key": {"type": "string", "location": "query"},
    "oauth_token": {"type": "string", "location": "query"},
    "prettyPrint": {"type": "boolean", "location": "query", "default": "true"},
    "quotaUser": {"type": "string", "location": "query"},
    "uploadType": {"type": "string", "location": "query"},
    "upload_protocol": {"type": "string", "location": "query"},
}
"""What each method takes (https://cloud.google.com/apis/docs/system-parameters)."""


@dataclass(frozen=True)
class Api:
    """An API as clients know it.

    Attributes:
        name: `clouddeploy`.
        version: `v1`.
        title: `Cloud Deploy API`.
        methods: Its methods that have a path.
    """

    name: str
    version: str
    title: str
    methods: Sequence[Method]


_APIS = {
    "google.cloud.deploy.v1.CloudDeploy": ("clouddeploy", "v1", "Cloud Deploy API"),
    "google.devtools.artifactregistry.v1.ArtifactRegistry": ("artifactregistry", "v1", "Artifact Registry API"),
    "google.cloud.run.v2.Services": ("run", "v2", "Cloud Run Admin API"),
    "google.logging.v2.LoggingServiceV2": ("logging", "v2", "Cloud Logging API"),
}
"""By the service that makes an API."""

_SHARED = ("google.cloud.location.Locations", "google.longrunning.Operations")
_MIXED_IN = {"clouddeploy": (*_SHARED, "google.iam.v1.IAMPolicy"), "artifactregistry": _SHARED, "run": _SHARED[1:]}
"""Services that are a part of an API besides."""


def apis(methods: Sequence[Method]) -> list[Api]:
    """The APIs whose services are in a table of methods."""
    found = []
    for service, (name, version, title) in _APIS.items():
        services = {service, *_MIXED_IN.get(name, ())}
        own = [made for method in methods if method.service in services and (made := _of_version(method, version))]
        if any(method.service == service for method in own):
            found.append(Api(name, version, title, own))
    return found


def _of_version(method: Method, version: str) -> Method | None:
    """A method with the paths alone that a version of an API has; None where it has none."""
    bindings = tuple(binding for binding in method.bindings if binding.path.startswith(f"/{version}/"))
    return replace(method, bindings=bindings) if bindings else None


def document(api: Api, root_url: str) -> dict[str, Any]:
    """The discovery document of an API.

    Args:
        api: The API.
        root_url: Where it is served, with a slash at its end: `http://127.0.0.1:8080/`.
    """
    schemas = Schemas()
    resources: dict[str, Any] = {}
    for method in api.methods:
        for binding in method.bindings:
            *collections, name = _place(method, binding)
            holder: dict[str, Any] = {"resources": resources}
            for collection in collections:
                holder = holder.setdefault("resources", {}).setdefault(collection, {})
            described = _method(method, binding, ".".join([api.name, *collections, name]), schemas)
            holder.setdefault("methods", {}).setdefault(name, described)
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": f"{api.name}:{api.version}",
        "name": api.name,
        "version": api.version,
        "title": api.title,
        "protocol": "rest",
        "rootUrl": root_url,
        "servicePath": "",
        "baseUrl": root_url,
        "basePath": "",
        "batchPath": "batch",
        "fullyEncodeReservedExpansion": True,
        "auth": {"oauth2": {"scopes": {_SCOPE: {"description": "See and change what is in Google Cloud."}}}},
        "parameters": _PARAMETERS,
        "resources": resources,
        "schemas": schemas.to_json(),
    }


def _place(method: Method, binding: Binding) -> list[str]:
    """The collections above a method, and its name there: `["projects", "locations", "targets", "create"]`."""
    path, _, custom = _flat(binding).partition(":")
    segments = path.removeprefix("/").split("/")[1:]
    collections = [segment for segment in segments if segment not in _ANY]
    verb, resource = re.findall("^[A-Z][a-z]+|.+", method.name)[:2]
    if custom:
        return [*collections, custom]
    if segments[-1] not in _ANY and verb not in {"List", "Create"}:
        # The only one of its kind, as `projects/*/locations/*/config`.
        return [*collections[:-1], f"{_STANDARD.get(verb, verb.lower())}{resource}"]
    return [*collections, _STANDARD.get(verb, verb.lower())]


def _method(method: Method, binding: Binding, method_id: str, schemas: Schemas) -> dict[str, Any]:
    in_path = list(binding.templates)
    order = [_parameter_name(field) for field in in_path]
    parameters = {
        _parameter_name(field): {
            "type": "string",
            "location": "path",
            "required": True,
            "pattern": f"^{template.replace('**', '.*').replace('*', '[^/]+')}$",
        }
        for field, template in binding.templates.items()
    }
    if binding.body != "*":
        left_out = {field.partition(".")[0] for field in in_path} | {binding.body}
        for name, schema in _query(method.request_type.DESCRIPTOR, left_out, schemas):
            parameters[name] = {**schema, "location": "query"}
    described: dict[str, Any] = {
        "id": method_id,
        "path": _VARIABLE.sub(lambda found: f"{{+{_parameter_name(found[1])}}}", binding.path).removeprefix("/"),
        "flatPath": _flat_path(binding),
        "httpMethod": binding.verb,
        "parameterOrder": order,
        "parameters": parameters,
        "response": schemas.reference(method.response_type.DESCRIPTOR),
        "scopes": [_SCOPE],
    }
    if binding.body:
        body: AnyMessage = method.request_type.DESCRIPTOR
        if binding.body != "*":
            body = body.fields_by_name[binding.body].message_type
        described["request"] = schemas.reference(body)
    return described


def _query(
    descriptor: AnyMessage, left_out: set[str], schemas: Schemas, above: str = ""
) -> Iterator[tuple[str, Schema]]:
    """The parameters of a query that fill a message's fields, by their names."""
    for field in descriptor.fields:
        if field.name in left_out:
            continue
        if field.message_type is None or field.message_type.full_name in _ONE_TEXT:
            schema = schemas.property(field)
            yield above + field.json_name, {**schema["items"], "repeated": True} if field.is_repeated else schema
        elif not field.is_repeated and not above:
            yield from _query(field.message_type, set(), schemas, f"{field.json_name}.")


def _parameter_name(field: str) -> str:
    """The name of a path's parameter: of `delivery_pipeline.name`, the last part."""
    last = field.rpartition(".")[2]
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), last)


def _flat(binding: Binding) -> str:
    """The path with stars: `/v1/projects/*/locations/*/targets`."""
    return _VARIABLE.sub(lambda found: found[2] or "*", binding.path)


def _flat_path(binding: Binding) -> str:
    """The path with a parameter for each id: `v1/projects/{projectsId}/locations/{locationsId}/targets`."""
    segments: list[str] = []
    for segment in _flat(binding).removeprefix("/").split("/"):
        star, colon, custom = segment.partition(":")
        segments.append(f"{{{segments[-1]}Id}}{colon}{custom}" if star in _ANY else segment)
    return "/".join(segments)
