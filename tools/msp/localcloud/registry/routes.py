"""The registry over HTTP (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md)."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from msp.localcloud.faults import Faults
from msp.localcloud.http_faults import with_faults
from msp.localcloud.registry.auth import Access, Authenticator
from msp.localcloud.registry.call import Call
from msp.localcloud.registry.errors import RegistryError, error_body
from msp.localcloud.registry.handlers import RegistryHandlers
from msp.localcloud.registry.names import check_name
from msp.localcloud.registry.operations import find_operation
from msp.localcloud.registry.state import RegistryState

_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}


def routes(state: RegistryState, authenticator: Authenticator, faults: Faults) -> list[BaseRoute]:
    """The registry's routes, everything below `/v2/`."""
    app = RegistryApp(state, authenticator, faults)
    return [Route("/v2", app), Route("/v2/{path:path}", app)]


class RegistryApp:
    """The registry as an ASGI application.

    Args:
        state: What it serves.
        authenticator: Whom it serves.
        faults: What is to go wrong.
    """

    def __init__(self, state: RegistryState, authenticator: Authenticator, faults: Faults) -> None:
        self._authenticator = authenticator
        self._faults = faults
        handlers = RegistryHandlers(state, authenticator)
        self._handlers: Mapping[str, Callable[[Call], Awaitable[Response]]] = {
            "Ping": handlers.ping,
            "ListRepositories": handlers.list_repositories,
            "GetToken": handlers.get_token,
            "ListTags": handlers.list_tags,
            "HeadManifest": handlers.get_manifest,
            "GetManifest": handlers.get_manifest,
            "PutManifest": handlers.put_manifest,
            "DeleteManifest": handlers.delete_manifest,
            "StartBlobUpload": handlers.start_upload,
            "GetBlobUpload": handlers.get_upload,
            "UploadBlobChunk": handlers.upload_chunk,
            "UploadBlob": handlers.finish_upload,
            "CancelBlobUpload": handlers.cancel_upload,
            "HeadBlob": handlers.get_blob,
            "GetBlob": handlers.get_blob,
            "DeleteBlob": handlers.delete_blob,
            "ListReferrers": handlers.list_referrers,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        try:
            operation = find_operation(scope["method"], scope["path"])
        except RegistryError as error:
            await _refusal(error)(scope, receive, send)
            return

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            call = Call(Request(scope, receive), operation)
            try:
                self._authorize(call)
                response = await self._handlers[operation.name](call)
            except RegistryError as error:
                response = _refusal(error)
            except ClientDisconnect:
                return
            response.headers.update(_VERSION)
            await response(scope, receive, send)

        await with_faults(self._faults, f"registry/{operation.name}", serve, error_body)(scope, receive, send)

    def _authorize(self, call: Call) -> None:
        if call.operation.name != "GetToken":
            authorization = call.request.headers.get("authorization")
            self._authenticator.check(authorization, call.origin, _needed(call))


def _needed(call: Call) -> list[Access]:
    name = call.operation.name
    if name == "ListRepositories":
        return [Access("registry", "catalog", ("*",))]
    if not call.repository:
        return []
    if name.startswith("Delete"):
        return [Access("repository", call.repository, ("delete",))]
    if name.startswith(("Get", "Head", "List")) and name != "GetBlobUpload":
        return [Access("repository", call.repository, ("pull",))]
    needed = [Access("repository", call.repository, ("pull", "push"))]
    if source := call.query.get("from"):
        needed.append(Access("repository", check_name(source), ("pull",)))
    return needed


def _refusal(error: RegistryError) -> Response:
    return JSONResponse(error.to_json(), status_code=error.status, headers={**_VERSION, **error.headers})
