"""What the XML API does, in its simplest forms: an object is put, read, looked at, deleted; a bucket is listed."""

import re
from typing import Any
from urllib.parse import unquote

from starlette.responses import Response

from msp.localcloud.content import FileAnswer, RequestBody
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import StorageError, condition_not_met, invalid, not_modified
from msp.localcloud.storage.listing import MOST, Query, read_token
from msp.localcloud.storage.object_handlers import media_headers, wanted_part
from msp.localcloud.storage.objects import check_properties
from msp.localcloud.storage.preconditions import Preconditions, number
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.upload_handlers import hashes
from msp.localcloud.storage.xml_documents import ListForm, entity_tag, list_document, location_document

_HEADERS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "x-goog-storage-class": "storageClass",
}
"""What the headers of a PUT are called in a resource."""

_LIST = frozenset(
    (
        *("continuation-token", "delimiter", "encoding-type", "fetch-owner", "list-type", "marker", "max-keys"),
        *("prefix", "start-after"),
    )
)


class XmlHandlers:
    """Each takes a call and returns the answer, or raises `StorageError`."""

    def __init__(self, state: BucketState) -> None:
        self._state = state

    async def get(self, call: Call) -> Response:
        """Reads an object, or a part of it; of a HEAD request, the headers."""
        _check_whole(call)
        stored = self._state.objects.get(call.address, _preconditions(call))
        tag = entity_tag(stored)
        if not _names(call, "if-match", tag, missing=True):
            raise condition_not_met()
        if _names(call, "if-none-match", tag, missing=False):
            raise not_modified()
        headers = media_headers(stored) | {"ETag": tag}
        if call.request.headers.get("authorization", "").startswith("AWS"):
            # Clients of S3 are told what is Google's in S3's words.
            headers = {re.sub("^X-Goog-Meta-", "X-Amz-Meta-", name): value for name, value in headers.items()}
        return FileAnswer(self._state.objects.path(stored), wanted_part(stored, call), stored.size, headers)

    async def put(self, call: Call) -> Response:
        """Stores an object."""
        _check_whole(call)
        headers = call.request.headers
        for copied in ("x-goog-copy-source", "x-amz-copy-source"):
            if copied in headers:
                raise _not_emulated(copied)
        if headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
            raise _not_emulated("a body in signed chunks (aws-chunked)")
        resource = _resource(call)
        stored = await self._state.insert(call.address, resource, RequestBody(call.request), _preconditions(call))
        told = media_headers(stored)
        shown = {name: told[name] for name in ("X-Goog-Generation", "X-Goog-Metageneration", "X-Goog-Hash")}
        return Response(headers=shown | {"ETag": entity_tag(stored)})

    async def delete(self, call: Call) -> Response:
        """Deletes an object."""
        _check_whole(call)
        self._state.objects.delete(call.address, _preconditions(call))
        return Response(status_code=204)

    async def head_bucket(self, call: Call) -> Response:
        """Tells whether there is a bucket."""
        self._state.buckets.get(call.bucket)
        return Response()

    async def location(self, call: Call) -> Response:
        """Tells where a bucket is."""
        return location_document(self._state.buckets.get(call.bucket).to_json(call.origin)["location"])

    async def list(self, call: Call) -> Response:
        """Lists a bucket's objects, in either version."""
        if strange := call.request.query_params.keys() - _LIST:
            raise _not_emulated(f"?{min(strange)}")
        if call.text("list-type") not in {"", "2"}:
            raise invalid("Invalid list-type: it is 2, or not there.")
        version = 2 if call.text("list-type") else 1
        token = call.text("continuation-token")
        after = read_token(token) if token else call.text("start-after")
        most = number(call.request.query_params, "max-keys")
        query = Query(
            bucket=call.bucket,
            prefix=call.text("prefix"),
            delimiter=call.text("delimiter"),
            after=after if version == 2 else call.text("marker"),
            limit=MOST if most is None else min(most, MOST),
        )
        page = self._state.list(query)
        following = page.token if version == 2 else read_token(page.token)
        form = ListForm(version, encoded=call.text("encoding-type") == "url")
        return list_document(query, page, following if query.limit else "", form)


def _check_whole(call: Call) -> None:
    """Refuses what is about a part of an object: its access (`?acl`), an upload in parts (`?uploadId=…`)."""
    for name, value in call.request.query_params.items():
        if not value or name in {"partNumber", "uploadId"}:
            raise _not_emulated(f"?{name}")


def _not_emulated(what: str) -> StorageError:
    return StorageError(501, "notImplemented", f"The local cloud does not emulate {what} in the XML API.")


def _preconditions(call: Call) -> Preconditions:
    told = call.request.headers
    return Preconditions(
        generation_match=number(told, "x-goog-if-generation-match"),
        metageneration_match=number(told, "x-goog-if-metageneration-match"),
    )


def _names(call: Call, header: str, tag: str, *, missing: bool) -> bool:
    """Whether a header names an entity tag, or any; `missing` when it isn't there."""
    told = call.request.headers.get(header)
    return missing if told is None else told.strip() == "*" or tag in re.findall(r'"[^"]*"', told)


def _resource(call: Call) -> dict[str, Any]:
    """What the headers say of an object that comes."""
    headers = call.request.headers
    resource: dict[str, Any] = {field: headers[name] for name, field in _HEADERS.items() if name in headers}
    metadata = {}
    for name, value in headers.items():
        if found := re.fullmatch(r"x-(?:goog|amz)-meta-(.+)", name):
            metadata[unquote(found[1])] = unquote(value)
    if metadata:
        resource["metadata"] = metadata
    return {**check_properties(resource), **hashes(call)}
