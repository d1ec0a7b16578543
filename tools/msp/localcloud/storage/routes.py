"""Storage's JSON API over HTTP: `/storage/v1`, `/upload/storage/v1`, `/download/storage/v1`."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from msp.localcloud.faults import Faults
from msp.localcloud.http_faults import with_faults
from msp.localcloud.storage.bucket_handlers import BucketHandlers
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import StorageError, error_body
from msp.localcloud.storage.object_handlers import ObjectHandlers
from msp.localcloud.storage.operations import find_operation
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.upload_handlers import UploadHandlers


def routes(state: BucketState, faults: Faults) -> list[BaseRoute]:
    """Storage's routes."""
    app = StorageApp(state, faults)
    below = ("/storage/v1", "/upload/storage/v1", "/resumable/upload/storage/v1", "/download/storage/v1")
    return [Route(path + "/{path:path}", app) for path in below]


class StorageApp:
    """Storage as an ASGI application.

    Args:
        state: What it serves.
        faults: What is to go wrong.
    """

    def __init__(self, state: BucketState, faults: Faults) -> None:
        self._faults = faults
        buckets, objects, uploads = BucketHandlers(state), ObjectHandlers(state), UploadHandlers(state)
        self._handlers: Mapping[str, Callable[[Call], Awaitable[Response]]] = {
            "ListBuckets": buckets.list,
            "InsertBucket": buckets.insert,
            "GetBucket": buckets.get,
            "PatchBucket": buckets.patch,
            "UpdateBucket": buckets.update,
            "DeleteBucket": buckets.delete,
            "GetBucketIamPolicy": buckets.get_policy,
            "SetBucketIamPolicy": buckets.set_policy,
            "TestBucketIamPermissions": buckets.test_permissions,
            "GetStorageLayout": buckets.layout,
            "ListManagedFolders": buckets.list_managed_folders,
            "ListObjects": objects.list,
            "GetObject": objects.get,
            "DownloadObject": objects.download,
            "PatchObject": objects.patch,
            "UpdateObject": objects.update,
            "DeleteObject": objects.delete,
            "ComposeObject": objects.compose,
            "RewriteObject": objects.rewrite,
            "CopyObject": objects.copy,
            "InsertObject": uploads.insert,
            "StartUpload": uploads.start,
            "UploadChunk": uploads.chunk,
            "CancelUpload": uploads.cancel,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        request = Request(scope)
        try:
            operation = find_operation(scope["method"], scope["raw_path"].decode("latin-1"), request.query_params)
        except StorageError as error:
            await _refusal(error)(scope, receive, send)
            return

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await self._handlers[operation.name](Call(Request(scope, receive), operation))
            except StorageError as error:
                response = _refusal(error)
            except ClientDisconnect:
                return
            await response(scope, receive, send)

        await with_faults(self._faults, f"storage/{operation.name}", serve, error_body)(scope, receive, send)


def _refusal(error: StorageError) -> Response:
    if error.status == 304:
        return Response(status_code=304)
    return JSONResponse(error.to_json(), status_code=error.status)
