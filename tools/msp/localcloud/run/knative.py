"""Services and revisions as v1 shows them: Knative's objects, with what Cloud Run says in their annotations.

What is read of an object and what is written of it stand side by side. A field that is not known here is refused, never
dropped in silence.
"""

from collections.abc import Collection, Mapping
from typing import Any

from msp.localcloud.methods import AnyMessage
from msp.localcloud.run import messages as pb
from msp.localcloud.run.traffic import LATEST, REVISION
from msp.localcloud.status import invalid

API_VERSION = "serving.knative.dev/v1"
Json = Mapping[str, Any]

_CREATOR, _MODIFIER = "serving.knative.dev/creator", "serving.knative.dev/lastModifier"
_CLIENT, _CLIENT_VERSION = "run.googleapis.com/client-name", "run.googleapis.com/client-version"
_INGRESS, _INGRESS_STATUS = "run.googleapis.com/ingress", "run.googleapis.com/ingress-status"
_LOCATION, _URLS = "cloud.googleapis.com/location", "run.googleapis.com/urls"
_MIN, _MAX = "autoscaling.knative.dev/minScale", "autoscaling.knative.dev/maxScale"
_GIVEN_BY_GOOGLE = frozenset({_CREATOR, _MODIFIER, _INGRESS_STATUS, _LOCATION, _URLS})
_INGRESSES = {"all": 1, "internal": 2, "internal-and-cloud-load-balancing": 3}
_STATES = {4: "True", 3: "False"}


def service_object(service: AnyMessage) -> dict[str, Any]:
    """A `Service` as v1 has it."""
    annotations = {**service.annotations, _CREATOR: service.creator, _MODIFIER: service.last_modifier}
    if service.client:
        annotations |= {_CLIENT: service.client, _CLIENT_VERSION: service.client_version}
    ingress = next((name for name, number in _INGRESSES.items() if number == service.ingress), "all")
    annotations |= {_INGRESS: ingress, _INGRESS_STATUS: ingress}
    labels = {**service.labels, _LOCATION: service.name.split("/")[3]}
    template = service.template
    own = {"name": template.revision} if template.revision else {}
    latest = {"latestReadyRevisionName": service.latest_ready_revision.rpartition("/")[2]}
    latest["latestCreatedRevisionName"] = service.latest_created_revision.rpartition("/")[2]
    return {
        "apiVersion": API_VERSION,
        "kind": "Service",
        "metadata": _metadata(service, labels, annotations),
        "spec": {
            "template": {
                "metadata": {**own, **_texts(labels=template.labels, annotations=_template_annotations(template))},
                "spec": _template_spec(template),
            },
            "traffic": [_target(target, target.type_ != REVISION) for target in service.traffic],
        },
        "status": {
            "observedGeneration": service.observed_generation,
            "conditions": _conditions([service.terminal_condition, *service.conditions]),
            **latest,
            "traffic": [
                {**_target(status, status.type_ == LATEST), "revisionName": status.revision}
                for status in service.traffic_statuses
            ],
            "url": service.uri,
            "address": {"url": service.uri},
        },
    }


def revision_object(revision: AnyMessage) -> dict[str, Any]:
    """A `Revision` as v1 has it."""
    annotations = {**_template_annotations(revision), _CREATOR: revision.creator}
    labels = {
        **revision.labels,
        "serving.knative.dev/service": revision.service,
        "serving.knative.dev/configuration": revision.service,
        _LOCATION: revision.name.split("/")[3],
    }
    images = [container.image for container in revision.containers]
    return {
        "apiVersion": API_VERSION,
        "kind": "Revision",
        "metadata": _metadata(revision, labels, annotations),
        "spec": _template_spec(revision),
        "status": {
            "observedGeneration": revision.observed_generation,
            "conditions": _conditions(revision.conditions),
            "imageDigest": images[0],
            "containerStatuses": [{"imageDigest": image} for image in images],
            "serviceName": revision.service,
        },
    }


def read_service(value: object) -> AnyMessage:
    """The `Service` that an object of v1 asks for, as v2 has it.

    Raises:
        ApiError: `INVALID_ARGUMENT`: it is no service, or has a field that is not emulated.
    """
    try:
        return _read_service(_known(value, "", ("apiVersion", "kind", "metadata", "spec", "status")))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise invalid("service", f"is not a Service of {API_VERSION}: {error}") from None


def _read_service(value: Json) -> AnyMessage:
    if (value.get("apiVersion"), value.get("kind")) != (API_VERSION, "Service"):
        raise ValueError("apiVersion or kind is another")
    metadata, spec = value["metadata"], _known(value["spec"], "spec", ("template", "traffic"))
    annotations = _own(metadata.get("annotations"))
    service = pb.Service(etag=metadata.get("resourceVersion", ""), labels=_own(metadata.get("labels")))
    service.client, service.client_version = annotations.pop(_CLIENT, ""), annotations.pop(_CLIENT_VERSION, "")
    service.ingress = _INGRESSES[annotations.pop(_INGRESS, "all")]
    service.annotations.update(annotations)
    template = _known(spec["template"], "spec.template", ("metadata", "spec"))
    about = _known(
        template.get("metadata", {}), "spec.template.metadata", ("name", "labels", "annotations", "creationTimestamp")
    )
    service.template.revision = about.get("name", "")
    service.template.labels.update(_own(about.get("labels")))
    _read_template_annotations(service.template, _own(about.get("annotations")))
    _read_template_spec(service.template, template["spec"])
    known = ("latestRevision", "revisionName", "percent", "tag", "url")
    for target in (_known(each, "spec.traffic", known) for each in spec.get("traffic", [])):
        service.traffic.add(
            type_=LATEST if target.get("latestRevision") else REVISION,
            revision=target.get("revisionName", "") if not target.get("latestRevision") else "",
            percent=target.get("percent", 0),
            tag=target.get("tag", ""),
        )
    return service


def _template_annotations(template: AnyMessage) -> dict[str, str]:
    annotations = dict(template.annotations)
    for name, count in ((_MIN, template.scaling.min_instance_count), (_MAX, template.scaling.max_instance_count)):
        if count:
            annotations[name] = str(count)
    return annotations


def _read_template_annotations(template: AnyMessage, annotations: dict[str, str]) -> None:
    for name, field in ((_MIN, "min_instance_count"), (_MAX, "max_instance_count")):
        if name in annotations:
            setattr(template.scaling, field, int(annotations.pop(name)))
    template.annotations.update(annotations)


def _template_spec(template: AnyMessage) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [_container(container) for container in template.containers]}
    if template.max_instance_request_concurrency:
        spec["containerConcurrency"] = template.max_instance_request_concurrency
    if template.HasField("timeout"):
        spec["timeoutSeconds"] = template.timeout.seconds
    if template.service_account:
        spec["serviceAccountName"] = template.service_account
    return spec


def _read_template_spec(template: AnyMessage, value: object) -> None:
    at = "spec.template.spec"
    spec = _known(value, at, ("containerConcurrency", "timeoutSeconds", "serviceAccountName", "containers"))
    template.max_instance_request_concurrency = spec.get("containerConcurrency", 0)
    template.service_account = spec.get("serviceAccountName", "")
    if "timeoutSeconds" in spec:
        template.timeout.seconds = spec["timeoutSeconds"]
    for number, container in enumerate(spec["containers"]):
        _read_container(template.containers.add(), container, f"{at}.containers[{number}]")


def _container(container: AnyMessage) -> dict[str, Any]:
    value: dict[str, Any] = {"image": container.image}
    if container.name:
        value["name"] = container.name
    for field in ("command", "args"):
        if getattr(container, field):
            value[field] = list(getattr(container, field))
    if container.working_dir:
        value["workingDir"] = container.working_dir
    if container.env:
        value["env"] = [_variable(variable) for variable in container.env]
    if container.ports:
        ports = ((port.name, port.container_port) for port in container.ports)
        value["ports"] = [{**_texts(name=name), "containerPort": number} for name, number in ports]
    if container.resources.limits:
        value["resources"] = {"limits": dict(container.resources.limits)}
    return value


def _read_container(container: AnyMessage, value: object, at: str) -> None:
    known = ("image", "name", "command", "args", "workingDir", "env", "ports", "resources")
    given = _known(value, at, known)
    container.image, container.name = given.get("image", ""), given.get("name", "")
    container.working_dir = given.get("workingDir", "")
    container.command.extend(given.get("command", []))
    container.args.extend(given.get("args", []))
    resources = _known(given.get("resources", {}), f"{at}.resources", ("limits",))
    container.resources.limits.update(resources.get("limits", {}))
    for port in (_known(each, f"{at}.ports", ("name", "containerPort")) for each in given.get("ports", [])):
        container.ports.add(name=port.get("name", ""), container_port=port.get("containerPort", 8080))
    for variable in (_known(each, f"{at}.env", ("name", "value", "valueFrom")) for each in given.get("env", [])):
        made = container.env.add(name=variable["name"])
        if "valueFrom" in variable:
            source = _known(variable["valueFrom"], f"{at}.env.valueFrom", ("secretKeyRef",))["secretKeyRef"]
            made.value_source.secret_key_ref.secret = source["name"]
            made.value_source.secret_key_ref.version = source["key"]
        else:
            made.value = variable.get("value", "")


def _variable(variable: AnyMessage) -> dict[str, Any]:
    if variable.HasField("value_source"):
        secret = variable.value_source.secret_key_ref
        return {"name": variable.name, "valueFrom": {"secretKeyRef": {"name": secret.secret, "key": secret.version}}}
    return {"name": variable.name, "value": variable.value}


def _target(target: AnyMessage, latest: bool) -> dict[str, Any]:
    which = {"latestRevision": True} if latest else {"revisionName": target.revision}
    return {**which, "percent": target.percent, **_texts(tag=target.tag, url=getattr(target, "uri", ""))}


def _metadata(message: AnyMessage, labels: Json, annotations: Json) -> dict[str, Any]:
    _, project, *_, collection, own_id = message.name.split("/")
    return {
        "name": own_id,
        "namespace": project,
        "selfLink": f"/apis/{API_VERSION}/namespaces/{project}/{collection}/{own_id}",
        "uid": message.uid,
        "resourceVersion": message.etag,
        "generation": message.generation,
        "creationTimestamp": message.create_time.ToJsonString(),
        "labels": dict(labels),
        "annotations": dict(annotations),
    }


def _conditions(conditions: Collection[AnyMessage]) -> list[dict[str, Any]]:
    return [
        {
            "type": condition.type_,
            "status": _STATES.get(condition.state, "Unknown"),
            "lastTransitionTime": condition.last_transition_time.ToJsonString(),
        }
        for condition in conditions
    ]


def _own(given: Json | None) -> dict[str, str]:
    """Labels or annotations but for those that Google gives."""
    return {name: value for name, value in (given or {}).items() if name not in _GIVEN_BY_GOOGLE}


def _texts(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 (texts, and maps of texts)
    return {name: dict(value) if not isinstance(value, str) else value for name, value in fields.items() if value}


def _known(value: object, at: str, fields: Collection[str]) -> Json:
    """An object, whose fields are all known.

    Raises:
        ApiError: `INVALID_ARGUMENT`, with the field; one that is empty asks for nothing.
        TypeError: It is no object.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{at or 'the whole'} is not an object")
    for name in value:
        if name not in fields and value[name] not in ({}, [], "", None):
            path = f"{at}.{name}" if at else name
            # Not UNIMPLEMENTED, which gcloud would try again and again.
            raise invalid(path, f"is a field of {API_VERSION} that the local cloud does not emulate")
    return value
