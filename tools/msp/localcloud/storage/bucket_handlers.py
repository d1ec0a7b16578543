"""What the API does with buckets."""

from typing import Any

from starlette.responses import JSONResponse, Response

from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import invalid, required
from msp.localcloud.storage.listing import MOST, page_token, read_token
from msp.localcloud.storage.records import Bucket
from msp.localcloud.storage.state import BucketState


class BucketHandlers:
    """The bucket operations: each takes a call and returns the answer, or raises `StorageError`."""

    def __init__(self, state: BucketState) -> None:
        self._buckets = state.buckets

    async def insert(self, call: Call) -> Response:
        """`InsertBucket`."""
        return _answer(self._buckets.insert(_project(call), await call.json()), call)

    async def get(self, call: Call) -> Response:
        """`GetBucket`."""
        return _answer(self._buckets.get(call.bucket, call.preconditions), call)

    async def list(self, call: Call) -> Response:
        """`ListBuckets`."""
        limit = call.limit(MOST)
        after = read_token(call.text("pageToken")) or None
        found = self._buckets.list(_project(call), prefix=call.text("prefix"), after=after, limit=limit + 1)
        page: dict[str, Any] = {"kind": "storage#buckets"}
        if found:
            page["items"] = [bucket.to_json(call.origin) for bucket in found[:limit]]
        if len(found) > limit:
            page["nextPageToken"] = page_token(found[limit - 1].name)
        return JSONResponse(page)

    async def patch(self, call: Call) -> Response:
        """`PatchBucket`."""
        return _answer(self._buckets.patch(call.bucket, await call.json(), call.preconditions), call)

    async def update(self, call: Call) -> Response:
        """`UpdateBucket`."""
        resource = await call.json()
        return _answer(self._buckets.patch(call.bucket, resource, call.preconditions, replace=True), call)

    async def delete(self, call: Call) -> Response:
        """`DeleteBucket`."""
        self._buckets.delete(call.bucket, call.preconditions)
        return Response(status_code=204)

    async def get_policy(self, call: Call) -> Response:
        """`GetBucketIamPolicy`."""
        return JSONResponse(self._buckets.policy(call.bucket))

    async def set_policy(self, call: Call) -> Response:
        """`SetBucketIamPolicy`."""
        return JSONResponse(self._buckets.set_policy(call.bucket, await call.json()))

    async def layout(self, call: Call) -> Response:
        """`GetStorageLayout`, which gcloud asks for before it removes a bucket."""
        bucket = self._buckets.get(call.bucket).to_json(call.origin)
        layout = {"kind": "storage#storageLayout", "bucket": call.bucket, "hierarchicalNamespace": {"enabled": False}}
        return JSONResponse(layout | {name: bucket[name] for name in ("location", "locationType")})

    async def list_managed_folders(self, call: Call) -> Response:
        """`ListManagedFolders`, which gcloud asks for, too: nobody can make one here, so there is none."""
        self._buckets.get(call.bucket)
        return JSONResponse({"kind": "storage#managedFolders"})

    async def test_permissions(self, call: Call) -> Response:
        """`TestBucketIamPermissions`: whoever asks may do everything here."""
        self._buckets.get(call.bucket)
        permissions = call.request.query_params.getlist("permissions")
        if not permissions:
            raise required("permissions")
        if strange := [name for name in permissions if not name.startswith("storage.")]:
            raise invalid(f"Invalid permissions: {', '.join(strange)}")
        return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": permissions})


def _project(call: Call) -> str:
    if not (project := call.text("project")):
        raise required("project")
    return project


def _answer(bucket: Bucket, call: Call) -> Response:
    resource = bucket.to_json(call.origin)
    return JSONResponse(resource, headers={"ETag": resource["etag"]})
