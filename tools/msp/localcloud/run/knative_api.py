"""Cloud Run's v1 over HTTP, as gcloud speaks it: `/apis/serving.knative.dev/v1`, and lists of all regions.

A region has a server of its own, whose name begins with it, `us-central1-run.localhost`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from msp.localcloud import strict_json
from msp.localcloud.caller import project_number
from msp.localcloud.http_methods import HttpApi, HttpError, HttpMethod
from msp.localcloud.intake import Intake
from msp.localcloud.listing import Listing, page
from msp.localcloud.run import knative
from msp.localcloud.run import messages as pb
from msp.localcloud.run.deployments import Deployments
from msp.localcloud.run.services import REVISION, SERVICE, Services, revisions_listing, services_listing
from msp.localcloud.status import ApiError, Code, invalid, not_found

_NAMESPACE = f"/apis/{knative.API_VERSION}/namespaces/{{project}}"
_SELECTOR = re.compile(r"\s*([\w./-]+)\s*==?\s*([\w.-]*)\s*")
_NO_REGION = "write to the server of a region, us-central1-run.localhost or us-central1-run.googleapis.com"


class KnativeError(HttpError):
    """An error as Google's REST APIs send it."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self.status = error.http_status
        self.headers: dict[str, str] = {}
        self._error = error

    def to_json(self) -> dict[str, Any]:
        """The answer's body."""
        return self._error.to_json()


@dataclass(frozen=True)
class Call:
    """A call of a method.

    Attributes:
        request: The HTTP request.
        fields: What stands in its path.
    """

    request: Request
    fields: Mapping[str, str]

    @property
    def location(self) -> str:
        """The region that is spoken to; `-` for all."""
        host = re.match(r"([a-z]+-[a-z]+\d+)-", self.request.headers.get("host", ""))
        return self.fields.get("location") or (host[1] if host else "-")

    @property
    def parent(self) -> str:
        """`projects/p/locations/l`; the location may be `-`."""
        return f"projects/{self.fields['project']}/locations/{self.location}"


Handler = Callable[[Call], dict[str, Any]]


def routes(services: Services, deployments: Deployments, intake: Intake) -> list[BaseRoute]:
    """Cloud Run's routes of v1."""
    app = KnativeApi(methods(services, deployments), intake)
    of_all = "/v1/projects/{project}/locations/{location}/services"
    return [
        Route(f"/apis/{knative.API_VERSION}" + "/{path:path}", app),
        Route(of_all, app),
        Route(of_all + "/{service}:testIamPermissions", app),
        Route("/v1/projects/{project}/services/run.googleapis.com", app),
    ]


def methods(services: Services, deployments: Deployments) -> Sequence[HttpMethod[Call]]:
    """The table of v1."""
    reads, writes = _Reads(services), _Writes(services, deployments)
    one, revision = f"{_NAMESPACE}/services/{{service}}", f"{_NAMESPACE}/revisions/{{revision}}"
    rows: tuple[tuple[str, str, str, Handler], ...] = (
        ("GET", f"{_NAMESPACE}/services", "ListServices", reads.list_services),
        ("GET", "/v1/projects/{project}/locations/{location}/services", "ListServices", reads.list_services),
        ("GET", "/v1/projects/{project}/services/run.googleapis.com", "GetEnabledService", _enabled),
        ("GET", one, "GetService", reads.get_service),
        ("GET", f"{_NAMESPACE}/revisions", "ListRevisions", reads.list_revisions),
        ("GET", revision, "GetRevision", reads.get_revision),
        ("DELETE", one, "DeleteService", writes.delete_service),
        ("DELETE", revision, "DeleteRevision", writes.delete_revision),
    )
    return [
        *(HttpMethod(verb, path, name, _answered(handler)) for verb, path, name, handler in rows),
        HttpMethod(
            "POST",
            "/v1/projects/{project}/locations/{location}/services/{service}:testIamPermissions",
            "TestIamPermissions",
            _answered_with_body(_allowed),
        ),
        HttpMethod("POST", f"{_NAMESPACE}/services", "CreateService", _answered_with_body(writes.create_service)),
        HttpMethod("PUT", one, "ReplaceService", _answered_with_body(writes.replace_service)),
    ]


class KnativeApi(HttpApi[Call]):
    """Cloud Run's v1 as an ASGI application."""

    service = "run"

    def path(self, scope: Scope) -> str:
        """The path."""
        return str(scope["path"])

    def fields(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """As they stand there."""
        return found

    def project(self, told: Mapping[str, str]) -> str:
        """The project."""
        return told.get("project", "")

    def call(self, request: Request, fields: Mapping[str, str]) -> Call:
        """The call of a method."""
        return Call(request, fields)

    def refusal(self, status: int, message: str) -> KnativeError:
        """An error of the API for any status."""
        code = next((code for code in reversed(Code) if code.http_status == status), Code.UNKNOWN)
        error = KnativeError(ApiError(code, message))
        error.status = status
        return error

    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> KnativeError:
        """501 for what the real service may have."""
        del allowed
        return KnativeError(ApiError(Code.UNIMPLEMENTED, f"The local cloud does not emulate {verb} {path}"))


def _enabled(call: Call) -> dict[str, Any]:
    """What the Service Usage API says, which gcloud asks before it deploys."""
    name = f"projects/{project_number(call.fields['project'])}/services/run.googleapis.com"
    return {"name": name, "parent": name.partition("/services/")[0], "state": "ENABLED"}


def _allowed(_: Call, value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    """Everybody may do everything here."""
    if not isinstance(value, dict):
        raise invalid("body", "is not an object")
    return {"permissions": value.get("permissions", [])}


class _Reads:
    def __init__(self, services: Services) -> None:
        self._services = services

    def list_services(self, call: Call) -> dict[str, Any]:
        return self._list(call, "Service", call.parent, services_listing(), knative.service_object)

    def list_revisions(self, call: Call) -> dict[str, Any]:
        parent = f"{call.parent}/services/-"
        return self._list(call, "Revision", parent, revisions_listing(), knative.revision_object)

    def _list(
        self, call: Call, kind: str, parent: str, listing: Listing, shown: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        query = call.request.query_params
        wanted = _selector(query.get("labelSelector", ""))
        try:
            limit = int(query.get("limit") or 1000)
        except ValueError:
            raise invalid("limit", "is not a number") from None
        asked = _Query(parent, limit, query.get("continue", ""))
        found = page(self._services.store, listing, asked, pb.ListServicesResponse)
        items = [shown(listing.parse(payload)) for payload in found.payloads]
        chosen = [item for item in items if wanted.items() <= item["metadata"]["labels"].items()]
        about = {"continue": found.next_page_token} if found.next_page_token else {}
        return {"apiVersion": knative.API_VERSION, "kind": f"{kind}List", "metadata": about, "items": chosen}

    def get_service(self, call: Call) -> dict[str, Any]:
        return knative.service_object(self._services.get(service_name(self._services, call)))

    def get_revision(self, call: Call) -> dict[str, Any]:
        return knative.revision_object(self._services.get_revision(revision_name(self._services, call)))


class _Writes:
    def __init__(self, services: Services, deployments: Deployments) -> None:
        self._services = services
        self._deployments = deployments

    def create_service(self, call: Call, value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
        metadata = value.get("metadata") if isinstance(value, dict) else None
        own_id = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(own_id, str):
            raise invalid("metadata.name", "is required")
        if metadata and metadata.get("namespace") not in {
            None,
            call.fields["project"],
            project_number(call.fields["project"]),
        }:
            raise invalid("metadata.namespace", "is another than that of the path")
        if call.location == "-":
            raise invalid("region", _NO_REGION)
        return self._deployments.create(f"{call.parent}/services/{own_id}", value)

    def replace_service(self, call: Call, value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
        return self._deployments.replace(service_name(self._services, call), value)

    def delete_service(self, call: Call) -> dict[str, Any]:
        return self._deployments.delete(service_name(self._services, call))

    def delete_revision(self, call: Call) -> dict[str, Any]:
        return self._deployments.delete_revision(revision_name(self._services, call))


@dataclass(frozen=True)
class _Query:
    parent: str
    page_size: int
    page_token: str


def service_name(services: Services, call: Call) -> str:
    """The full name of the service that a path says: in the call's region, or in whichever has it.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    return _full_name(services, SERVICE, call, f"services/{call.fields['service']}")


def revision_name(services: Services, call: Call) -> str:
    """The full name of the revision that a path says.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    return _full_name(services, REVISION, call, f"revisions/{call.fields['revision']}")


def _full_name(services: Services, kind: str, call: Call, ending: str) -> str:
    project = f"projects/{call.fields['project']}/locations/"
    prefix = project if call.location == "-" else f"{project}{call.location}/"
    for document in services.store.list(kind, prefix=prefix, order="name"):
        if document.name.endswith(f"/{ending}"):
            return document.name
    raise not_found(f"namespaces/{call.fields['project']}/{ending}")


def _selector(text: str) -> dict[str, str]:
    """The labels that a `labelSelector` asks for; equality is all that is emulated."""
    wanted = {}
    for part in filter(str.strip, text.split(",")):
        found = _SELECTOR.fullmatch(part)
        if found is None:
            raise invalid("labelSelector", f"{part!r} is not of the form name=value")
        wanted[found[1]] = found[2]
    return wanted


def _answered(handler: Handler) -> Callable[[Call], Awaitable[Response]]:
    async def answer(call: Call) -> Response:
        try:
            return JSONResponse(handler(call))
        except ApiError as error:
            raise KnativeError(error) from None

    return answer


def _answered_with_body(handler: Callable[[Call, Any], dict[str, Any]]) -> Callable[[Call], Awaitable[Response]]:
    async def answer(call: Call) -> Response:
        if call.request.query_params.get("dryRun"):
            raise KnativeError(ApiError(Code.UNIMPLEMENTED, "The local cloud does not emulate dryRun"))
        try:
            value = strict_json.loads(await call.request.body())
        except ValueError as error:
            raise KnativeError(invalid("body", f"is not JSON: {error}")) from None
        try:
            return JSONResponse(handler(call, value))
        except ApiError as error:
            raise KnativeError(error) from None

    return answer
