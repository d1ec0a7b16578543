"""What the API does with uploads: in one request (media, multipart) or resumable."""

import re
from collections.abc import AsyncIterable
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from msp.localcloud.content import RequestBody
from msp.localcloud.storage.call import Call, parse_resource
from msp.localcloud.storage.errors import invalid
from msp.localcloud.storage.multipart import MultipartReader
from msp.localcloud.storage.object_handlers import answer
from msp.localcloud.storage.objects import Address, check_properties
from msp.localcloud.storage.records import Object
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.uploads import ContentRange


class UploadHandlers:
    """The upload operations: each takes a call and returns the answer, or raises `StorageError`."""

    def __init__(self, state: BucketState) -> None:
        self._state = state
        self._uploads = state.uploads

    async def insert(self, call: Call) -> Response:
        """`InsertObject`."""
        kind = call.text("uploadType") or "media"
        if kind == "media":
            content_type = call.request.headers.get("content-type")
            return await self._store(call, _resource({}, call, content_type), RequestBody(call.request))
        if kind == "multipart":
            reader = MultipartReader(call.request.headers.get("content-type", ""), call.request.stream())
            resource = parse_resource(await reader.metadata())
            return await self._store(call, _resource(resource, call, reader.content_type), reader.content())
        raise invalid(f"Unknown uploadType: {kind!r}")

    async def start(self, call: Call) -> Response:
        """`StartUpload`: begins a resumable upload."""
        resource = _resource(await call.json(), call, call.request.headers.get("x-upload-content-type"))
        upload = self._uploads.begin(_address(call, resource), resource, call.preconditions)
        query = urlencode({"uploadType": "resumable", "name": resource["name"], "upload_id": upload})
        location = f"{call.origin}/upload/storage/v1/b/{call.bucket}/o?{query}"
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload})

    async def chunk(self, call: Call) -> Response:
        """`UploadChunk`: adds to a resumable upload, or asks how far it is."""
        header = call.request.headers.get("content-range")
        content_range = None if header is None else ContentRange.parse(header)
        upload = call.text("upload_id")
        state = await self._uploads.put(upload, content_range, RequestBody(call.request), hashes(call))
        if isinstance(state, Object):
            return answer(state, call)
        headers = {"X-GUploader-UploadID": upload} | ({"Range": f"bytes=0-{state - 1}"} if state else {})
        return Response(status_code=308, headers=headers)

    async def cancel(self, call: Call) -> Response:
        """`CancelUpload`. The status 499 is Google's for what a client ended."""
        await self._uploads.cancel(call.text("upload_id"))
        return Response(status_code=499)

    async def _store(self, call: Call, resource: dict[str, Any], content: AsyncIterable[bytes]) -> Response:
        return answer(await self._state.insert(_address(call, resource), resource, content, call.preconditions), call)


def _resource(resource: dict[str, Any], call: Call, content_type: str | None) -> dict[str, Any]:
    """What is said of an object in the metadata, the query and the headers."""
    given = dict(resource)
    if name := call.text("name"):
        given["name"] = name
    if encoding := call.text("contentEncoding"):
        given["contentEncoding"] = encoding
    if content_type and not given.get("contentType"):
        given["contentType"] = content_type
    given |= hashes(call)
    check_properties(given)
    return given


def _address(call: Call, resource: dict[str, Any]) -> Address:
    return Address(call.bucket, resource.get("name", ""))


def hashes(call: Call) -> dict[str, str]:
    """The content's hashes as headers tell them, named as in a resource."""
    told = {}
    for header in call.request.headers.getlist("x-goog-hash"):
        for name, value in re.findall(r"(crc32c|md5)=([A-Za-z0-9+/=]+)", header):
            told["md5Hash" if name == "md5" else name] = value
    if md5 := call.request.headers.get("content-md5"):
        told["md5Hash"] = md5
    return told
