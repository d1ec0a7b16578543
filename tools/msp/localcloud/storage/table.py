"""The methods of Storage's JSON API (https://cloud.google.com/storage/docs/json_api/v1), by the names that faults know.

Everybody may do everything here, so the column `access` is left at its default.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response

from msp.localcloud.http_methods import HttpMethod
from msp.localcloud.storage.bucket_handlers import BucketHandlers
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.object_handlers import ObjectHandlers
from msp.localcloud.storage.other_handlers import OtherHandlers
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.upload_handlers import UploadHandlers

_BUCKETS = "/storage/v1/b"
_BUCKET = f"{_BUCKETS}/{{bucket}}"
_OBJECT = f"{_BUCKET}/o/{{object}}"
_NOTIFICATIONS = f"{_BUCKET}/notificationConfigs"
_TARGET = "b/{target_bucket}/o/{target_object}"
# gcloud's library begins resumable uploads below /resumable.
_UPLOAD = f"[/resumable]/upload{_BUCKET}/o"


def methods(state: BucketState) -> Sequence[HttpMethod[Call]]:
    """Storage's table, its handlers bound to a state."""
    buckets, objects, uploads = BucketHandlers(state), ObjectHandlers(state), UploadHandlers(state)
    other = OtherHandlers(state)
    return [
        HttpMethod("GET", _BUCKETS, "ListBuckets", buckets.list),
        HttpMethod("POST", _BUCKETS, "InsertBucket", buckets.insert),
        HttpMethod("GET", _BUCKET, "GetBucket", buckets.get),
        HttpMethod("PATCH", _BUCKET, "PatchBucket", buckets.patch),
        HttpMethod("PUT", _BUCKET, "UpdateBucket", buckets.update),
        HttpMethod("DELETE", _BUCKET, "DeleteBucket", buckets.delete),
        HttpMethod("GET", f"{_BUCKET}/iam", "GetBucketIamPolicy", buckets.get_policy),
        HttpMethod("PUT", f"{_BUCKET}/iam", "SetBucketIamPolicy", buckets.set_policy),
        HttpMethod("GET", f"{_BUCKET}/iam/testPermissions", "TestBucketIamPermissions", buckets.test_permissions),
        HttpMethod("GET", f"{_BUCKET}/storageLayout", "GetStorageLayout", buckets.layout),
        HttpMethod("GET", f"{_BUCKET}/managedFolders", "ListManagedFolders", buckets.list_managed_folders),
        HttpMethod("GET", f"{_BUCKET}/o", "ListObjects", objects.list),
        HttpMethod("GET", f"{_OBJECT}?alt=media", "DownloadObject", objects.download),
        HttpMethod("GET", f"/download{_OBJECT}", "DownloadObject", objects.download),
        HttpMethod("GET", _OBJECT, "GetObject", objects.get),
        HttpMethod("PATCH", _OBJECT, "PatchObject", objects.patch),
        HttpMethod("PUT", _OBJECT, "UpdateObject", objects.update),
        HttpMethod("DELETE", _OBJECT, "DeleteObject", objects.delete),
        HttpMethod("POST", f"{_OBJECT}/compose", "ComposeObject", objects.compose),
        HttpMethod("POST", f"{_OBJECT}/rewriteTo/{_TARGET}", "RewriteObject", objects.rewrite),
        HttpMethod("POST", f"{_OBJECT}/copyTo/{_TARGET}", "CopyObject", objects.copy),
        HttpMethod("POST", f"{_UPLOAD}?uploadType=resumable&upload_id", "UploadChunk", uploads.chunk),
        HttpMethod("POST", f"{_UPLOAD}?uploadType=resumable", "StartUpload", uploads.start),
        HttpMethod("POST", _UPLOAD, "InsertObject", uploads.insert),
        HttpMethod("PUT", _UPLOAD, "UploadChunk", uploads.chunk),
        HttpMethod("DELETE", _UPLOAD, "CancelUpload", uploads.cancel),
        HttpMethod("GET", _NOTIFICATIONS, "ListNotifications", other.list_notifications),
        HttpMethod("POST", _NOTIFICATIONS, "InsertNotification", other.insert_notification),
        HttpMethod("GET", f"{_NOTIFICATIONS}/{{notification}}", "GetNotification", other.get_notification),
        HttpMethod("DELETE", f"{_NOTIFICATIONS}/{{notification}}", "DeleteNotification", other.delete_notification),
        *_access_lists("BucketAccessControls", f"{_BUCKET}/acl", other.bucket_acl),
        *_access_lists("DefaultObjectAccessControls", f"{_BUCKET}/defaultObjectAcl", other.bucket_acl),
        *_access_lists("ObjectAccessControls", f"{_OBJECT}/acl", other.object_acl),
        HttpMethod("POST", "/batch/storage/v1[/]", "Batch", other.batch),
    ]


def _access_lists(name: str, path: str, refuse: Callable[[Call], Awaitable[Response]]) -> list[HttpMethod[Call]]:
    collection = [HttpMethod(verb, path, name, refuse) for verb in ("GET", "POST")]
    return collection + [
        HttpMethod(verb, f"{path}/{{entity}}", name, refuse) for verb in ("GET", "PUT", "PATCH", "DELETE")
    ]
