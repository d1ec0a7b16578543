"""What the API does besides: batches, access control lists, notifications."""

import uuid

from starlette.responses import JSONResponse, Response

from msp.localcloud.storage.batch import answer_call, read_batch
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import invalid
from msp.localcloud.storage.state import BucketState

_MOST_BATCH_BYTES = 10 * 1024 * 1024


class OtherHandlers:
    """Each takes a call and returns the answer, or raises `StorageError`."""

    def __init__(self, state: BucketState) -> None:
        self._state = state

    async def batch(self, call: Call) -> Response:
        """`Batch`: its calls one after the other, each answered for itself."""
        calls = read_batch(call.request.headers.get("content-type", ""), await call.body(_MOST_BATCH_BYTES))
        boundary = f"batch_{uuid.uuid4().hex}"
        parts = [await answer_call(call.request.app, call.request.scope, one) for one in calls]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
        content_type = f"multipart/mixed; boundary={boundary}"
        return Response(body + b"--%s--\r\n" % boundary.encode(), headers={"Content-Type": content_type})

    async def bucket_acl(self, call: Call) -> Response:
        """Whatever is asked of a bucket's lists, or of its objects' by default: access is uniform here."""
        self._state.buckets.get(call.bucket)
        raise invalid(_UNIFORM.format("a bucket"))

    async def object_acl(self, call: Call) -> Response:
        """Whatever is asked of an object's lists."""
        self._state.objects.get(call.address)
        raise invalid(_UNIFORM.format("an object"))

    async def list_notifications(self, call: Call) -> Response:
        """`ListNotifications`."""
        found = self._state.notifications.list(call.bucket)
        return JSONResponse({"kind": "storage#notifications"} | ({"items": found} if found else {}))

    async def insert_notification(self, call: Call) -> Response:
        """`InsertNotification`: kept; nothing is ever published."""
        return JSONResponse(self._state.notifications.insert(call.bucket, await call.json()))

    async def get_notification(self, call: Call) -> Response:
        """`GetNotification`."""
        return JSONResponse(self._state.notifications.get(call.bucket, call.fields["notification"]))

    async def delete_notification(self, call: Call) -> Response:
        """`DeleteNotification`."""
        self._state.notifications.delete(call.bucket, call.fields["notification"])
        return Response(status_code=204)


_UNIFORM = (
    "Cannot use ACL API to update or get the policy of {} when uniform bucket-level access is enabled. "
    "Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access"
)
