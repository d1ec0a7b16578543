"""What the API does with objects, but for uploads."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from msp.localcloud.content import FileAnswer, Part, RangeNotSatisfiableError, requested_part
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.errors import StorageError, invalid, object_not_found, required
from msp.localcloud.storage.listing import MOST, Query, read_token
from msp.localcloud.storage.objects import Address
from msp.localcloud.storage.preconditions import Preconditions
from msp.localcloud.storage.records import Object
from msp.localcloud.storage.state import BucketState

_MOST_SOURCES = 32
_REWRITE_GRANULARITY = 1024 * 1024


class ObjectHandlers:
    """The object operations: each takes a call and returns the answer, or raises `StorageError`."""

    def __init__(self, state: BucketState) -> None:
        self._state = state
        self._objects = state.objects

    async def get(self, call: Call) -> Response:
        """`GetObject`."""
        return answer(self._objects.get(call.address, call.preconditions), call)

    async def download(self, call: Call) -> Response:
        """`DownloadObject`."""
        stored = self._objects.get(call.address, call.preconditions)
        part = wanted_part(stored, call)
        return FileAnswer(self._objects.path(stored), part, stored.size, media_headers(stored))

    async def list(self, call: Call) -> Response:
        """`ListObjects`."""
        query = Query(
            bucket=call.bucket,
            prefix=call.text("prefix"),
            delimiter=call.text("delimiter"),
            delimiter_items=call.flag("includeTrailingDelimiter"),
            start=call.text("startOffset"),
            end=call.text("endOffset"),
            versions=call.flag("versions"),
            after=read_token(call.text("pageToken")),
            limit=call.limit(MOST),
        )
        page = self._state.list(query)
        resource: dict[str, Any] = {"kind": "storage#objects"}
        if page.items:
            resource["items"] = [stored.to_json(call.origin) for stored in page.items]
        if page.prefixes:
            resource["prefixes"] = page.prefixes
        if page.token:
            resource["nextPageToken"] = page.token
        return JSONResponse(resource)

    async def patch(self, call: Call) -> Response:
        """`PatchObject`."""
        return answer(self._objects.patch(call.address, await call.json(), call.preconditions), call)

    async def update(self, call: Call) -> Response:
        """`UpdateObject`."""
        resource = await call.json()
        return answer(self._objects.patch(call.address, resource, call.preconditions, replace_all=True), call)

    async def delete(self, call: Call) -> Response:
        """`DeleteObject`."""
        self._objects.delete(call.address, call.preconditions)
        return Response(status_code=204)

    async def copy(self, call: Call) -> Response:
        """`CopyObject`."""
        return answer(self._copy(call, self._source(call), await call.json()), call)

    async def rewrite(self, call: Call) -> Response:
        """`RewriteObject`: all at once, unless `maxBytesRewrittenPerCall` says how much a call may do."""
        resource = await call.json()
        source = self._source(call)
        step = call.number("maxBytesRewrittenPerCall") or source.size
        if step != source.size and step % _REWRITE_GRANULARITY:
            raise invalid(f"maxBytesRewrittenPerCall must be a multiple of {_REWRITE_GRANULARITY}.")
        rewritten = min(_progress(call.text("rewriteToken"), source, call) + step, source.size)
        status = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(rewritten),
            "objectSize": str(source.size),
            "done": rewritten == source.size,
        }
        if rewritten < source.size:
            self._objects.check(_target(call), call.preconditions)
            return JSONResponse({**status, "rewriteToken": _token(rewritten, source, call)})
        return JSONResponse({**status, "resource": self._copy(call, source, resource).to_json(call.origin)})

    async def compose(self, call: Call) -> Response:
        """`ComposeObject`."""
        request = await call.json()
        entries = request.get("sourceObjects")
        if not isinstance(entries, list) or not entries:
            raise required("sourceObjects")
        if len(entries) > _MOST_SOURCES:
            raise invalid(f"The number of source components provided ({len(entries)}) exceeds {_MOST_SOURCES}")
        sources = [self._component(call.bucket, entry) for entry in entries]
        destination = request.get("destination")
        resource = destination if isinstance(destination, dict) else {}
        # gcloud sends what it knows of the first component; the hashes of the whole are not known to any client.
        resource = {name: value for name, value in resource.items() if name not in {"md5Hash", "crc32c"}}
        uploads = self._state.uploads
        spool = uploads.spool()
        try:
            await spool.append(self._contents(sources))
            stored = self._objects.insert(
                call.address,
                resource,
                spool,
                call.preconditions,
                components=sum(source.components or 1 for source in sources),
            )
        except FileNotFoundError:
            raise object_not_found(call.bucket, "a source, which was deleted meanwhile") from None
        finally:
            uploads.discard(spool)
        return answer(stored, call)

    def _component(self, bucket: str, entry: object) -> Object:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise invalid("A source object has a name.")
        conditions = entry.get("objectPreconditions")
        expected = conditions.get("ifGenerationMatch") if isinstance(conditions, dict) else None
        generation = entry.get("generation")
        for number in (expected, generation):
            if not (number is None or str(number).isdecimal()):
                raise invalid(f"Invalid generation: {number!r}")
        preconditions = Preconditions(None if expected is None else int(expected))
        return self._objects.get(Address(bucket, entry["name"], generation and int(generation)), preconditions)

    async def _contents(self, sources: Sequence[Object]) -> AsyncIterator[bytes]:
        for piece in self._state.contents(sources):
            yield piece

    def _source(self, call: Call) -> Object:
        preconditions = Preconditions.parse(call.request.query_params, "Source")
        address = Address(call.bucket, call.fields["object"], call.number("sourceGeneration"))
        try:
            return self._objects.get(address, preconditions)
        except StorageError as error:
            if error.status == 304:
                raise StorageError(412, "conditionNotMet", "The source is not to be of this generation.") from None
            raise

    def _copy(self, call: Call, source: Object, resource: dict[str, Any]) -> Object:
        return self._objects.copy(source, _target(call), resource or None, call.preconditions)


def answer(stored: Object, call: Call) -> Response:
    """The answer that shows an object."""
    return JSONResponse(stored.to_json(call.origin), headers={"ETag": stored.etag})


def _target(call: Call) -> Address:
    return Address(call.fields["target_bucket"], call.fields["target_object"])


def wanted_part(stored: Object, call: Call) -> Part | None:
    """The part of an object that a call is for; `None` for all of it.

    Raises:
        StorageError: 416 `requestedRangeNotSatisfiable`.
    """
    try:
        return requested_part(call.request.headers.get("range"), stored.size)
    except RangeNotSatisfiableError:
        error = StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
        error.headers = {"Content-Range": f"bytes */{stored.size}"}
        raise error from None


def media_headers(stored: Object) -> dict[str, str]:
    """The headers that come with an object's content."""
    properties = stored.properties
    hashes = [f"crc32c={stored.crc32c}"] + ([f"md5={stored.md5}"] if stored.md5 else [])
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": properties.get("cacheControl", "no-cache, no-store, max-age=0, must-revalidate"),
        "Content-Type": properties.get("contentType", "application/octet-stream"),
        "ETag": stored.etag,
        "Last-Modified": format_datetime(datetime.fromisoformat(stored.updated), usegmt=True),
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Hash": ",".join(hashes),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Storage-Class": properties.get("storageClass", "STANDARD"),
        "X-Goog-Stored-Content-Encoding": properties.get("contentEncoding", "identity"),
        "X-Goog-Stored-Content-Length": str(stored.size),
    }
    for header, name in (
        ("Content-Disposition", "contentDisposition"),
        ("Content-Encoding", "contentEncoding"),
        ("Content-Language", "contentLanguage"),
    ):
        if name in properties:
            headers[header] = properties[name]
    metadata = properties.get("metadata") or {}
    return headers | {f"X-Goog-Meta-{quote(name)}": quote(value, safe=" /:;,=+@") for name, value in metadata.items()}


def _token(rewritten: int, source: Object, call: Call) -> str:
    target = _target(call)
    state = [rewritten, source.bucket, source.name, source.generation, target.bucket, target.name]
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def _progress(token: str, source: Object, call: Call) -> int:
    """How many bytes the calls before this one rewrote."""
    if not token:
        return 0
    try:
        rewritten = json.loads(base64.urlsafe_b64decode(token.encode()))[0]
    except (ValueError, LookupError, TypeError):
        rewritten = None
    if not isinstance(rewritten, int) or token != _token(rewritten, source, call):
        raise invalid("Invalid rewrite token: it is of another source or destination.")
    return rewritten
