"""What the registry does with each operation: takes a call and returns the answer, or raises `RegistryError`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from msp.localcloud.content import FileAnswer, RangeNotSatisfiableError, requested_part
from msp.localcloud.registry.auth import Authenticator, form
from msp.localcloud.registry.call import Call
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.manifest import MAX_BYTES, OCI_INDEX
from msp.localcloud.registry.names import check_digest, check_name
from msp.localcloud.registry.state import RegistryState
from msp.localcloud.registry.uploads import range_header

_MOST_REFERRERS = 1000
_MOST_TAGS = 100


class RegistryHandlers:
    """The registry's operations."""

    def __init__(self, state: RegistryState, authenticator: Authenticator) -> None:
        self._state = state
        self._authenticator = authenticator

    async def ping(self, _: Call) -> Response:
        """`Ping`."""
        return JSONResponse({})

    async def get_token(self, call: Call) -> Response:
        """`GetToken`."""
        parameters = form(call.request.url.query.encode())
        if call.request.method == "POST":
            parameters |= form(await call.request.body())
        return JSONResponse(self._authenticator.token(call.request.headers.get("authorization"), parameters))

    async def list_repositories(self, call: Call) -> Response:
        """`ListRepositories`."""
        wanted, last = _page(call.query)
        names = self._state.manifests.repositories(after=last or None, limit=_one_more(wanted))
        page, headers = _cut(call.request, names, wanted)
        return JSONResponse({"repositories": page}, headers=headers)

    async def list_tags(self, call: Call) -> Response:
        """`ListTags`."""
        wanted, last = _page(call.query)
        tags = self._state.manifests.tags(call.repository, after=last, limit=_one_more(wanted))
        page, headers = _cut(call.request, [tag.name for tag in tags], wanted)
        return JSONResponse({"name": call.repository, "tags": page}, headers=headers)

    async def get_manifest(self, call: Call) -> Response:
        """`GetManifest` and `HeadManifest`."""
        stored = self._state.manifests.get(call.repository, call.reference)
        headers = _digest_headers(stored.digest)
        if _known_to_client(call.request, stored.digest):
            return Response(status_code=304, headers=headers)
        return Response(stored.content, media_type=stored.media_type, headers=headers)

    async def put_manifest(self, call: Call) -> Response:
        """`PutManifest`."""
        self._state.check_accepted(call.repository)
        content = bytearray()
        async for piece in call.request.stream():
            content += piece
            if len(content) > MAX_BYTES:
                message = f"a manifest has at most {MAX_BYTES} bytes"
                raise RegistryError("MANIFEST_INVALID", message, status=413)
        content_type = call.request.headers.get("content-type")
        tags = call.query.getlist("tag") if ":" in call.reference else []
        if len(tags) > _MOST_TAGS:
            raise RegistryError("TAG_INVALID", f"a request makes at most {_MOST_TAGS} tags", status=414)
        manifests = self._state.manifests
        digest, manifest = manifests.put(call.repository, call.reference, bytes(content), content_type, tags)
        headers = {"Location": f"/v2/{call.repository}/manifests/{digest}", "Docker-Content-Digest": digest}
        if tags:
            headers["OCI-Tag"] = ", ".join(tags)
        if manifest.subject:
            headers["OCI-Subject"] = manifest.subject.digest
        return Response(status_code=201, headers=headers)

    async def delete_manifest(self, call: Call) -> Response:
        """`DeleteManifest`."""
        self._state.manifests.delete(call.repository, call.reference)
        return Response(status_code=202)

    async def start_upload(self, call: Call) -> Response:
        """`StartBlobUpload`: begins an upload, mounts a blob, or takes a whole one."""
        self._state.check_accepted(call.repository)
        if (mount := call.query.get("mount")) and (source := call.query.get("from")):
            digest = check_digest(mount)
            if self._state.blobs.mount(check_name(source), call.repository, digest, self._state.clock.now()):
                return _blob_created(call.repository, digest)
        if wanted := call.query.get("digest"):
            return await self._upload_whole(call, check_digest(wanted))
        return _upload_accepted(call.repository, self._state.uploads.begin(call.repository), 0)

    async def _upload_whole(self, call: Call, digest: str) -> Response:
        uploads = self._state.uploads
        upload = uploads.begin(call.repository)
        try:
            await uploads.finish(call.repository, upload, call.chunk, digest)
        except BaseException:
            # Nobody was told of this upload, so nobody can go on with it.
            await uploads.discard(upload)
            raise
        return _blob_created(call.repository, digest)

    async def get_upload(self, call: Call) -> Response:
        """`GetBlobUpload`."""
        offset = await self._state.uploads.offset(call.repository, call.reference)
        return _upload_accepted(call.repository, call.reference, offset, status=204)

    async def upload_chunk(self, call: Call) -> Response:
        """`UploadBlobChunk`."""
        with _resumable(call):
            offset = await self._state.uploads.append(call.repository, call.reference, call.chunk)
        return _upload_accepted(call.repository, call.reference, offset)

    async def finish_upload(self, call: Call) -> Response:
        """`UploadBlob`: the last chunk, or all, and the digest."""
        digest = check_digest(call.query.get("digest", ""))
        with _resumable(call):
            await self._state.uploads.finish(call.repository, call.reference, call.chunk, digest)
        return _blob_created(call.repository, digest)

    async def cancel_upload(self, call: Call) -> Response:
        """`CancelBlobUpload`."""
        await self._state.uploads.cancel(call.repository, call.reference)
        return Response(status_code=204)

    async def get_blob(self, call: Call) -> Response:
        """`GetBlob` and `HeadBlob`."""
        digest = check_digest(call.reference)
        path, size = self._state.blobs.open(call.repository, digest)
        headers = _digest_headers(digest) | {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if _known_to_client(call.request, digest):
            return Response(status_code=304, headers=headers)
        current = call.request.headers.get("if-range") in {None, f'"{digest}"'}
        try:
            part = requested_part(call.request.headers.get("range") if current else None, size)
        except RangeNotSatisfiableError:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        return FileAnswer(path, part, size, headers)

    async def delete_blob(self, call: Call) -> Response:
        """`DeleteBlob`."""
        self._state.blobs.delete(call.repository, check_digest(call.reference))
        return Response(status_code=202)

    async def list_referrers(self, call: Call) -> Response:
        """`ListReferrers`."""
        subject = check_digest(call.reference)
        artifact_type = call.query.get("artifactType", "")
        found = self._state.manifests.referrers(
            call.repository,
            subject,
            artifact_type=artifact_type,
            after=call.query.get("last", ""),
            limit=_MOST_REFERRERS + 1,
        )
        headers = {"OCI-Filters-Applied": "artifactType"} if artifact_type else {}
        if len(found) > _MOST_REFERRERS:
            following = {"last": found[_MOST_REFERRERS - 1]["digest"], "artifactType": artifact_type}
            headers["Link"] = _next(call.request, {key: value for key, value in following.items() if value})
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found[:_MOST_REFERRERS]}
        return JSONResponse(index, media_type=OCI_INDEX, headers=headers)


def _page(query: QueryParams) -> tuple[int, str]:
    """How many are wanted (-1 for all) and after which."""
    text = query.get("n", "")
    if text and not (text.isdecimal() and text.isascii() and len(text) <= 9):
        raise RegistryError("PAGINATION_NUMBER_INVALID", f"n is not a number of results: {text!r}")
    return int(text) if text else -1, query.get("last", "")


def _one_more(wanted: int) -> int:
    """How many to look for to know whether there are more than are wanted."""
    return wanted + 1 if wanted > 0 else wanted


def _cut(request: Request, found: list[str], wanted: int) -> tuple[list[str], dict[str, str]]:
    """The page that is wanted of what was found, and the header that leads to the next one."""
    if wanted < 0 or len(found) <= wanted:
        return found, {}
    headers = {"Link": _next(request, {"last": found[wanted - 1], "n": str(wanted)})} if wanted else {}
    return found[:wanted], headers


def _next(request: Request, query: Mapping[str, str]) -> str:
    return f'<{request.url.path}?{urlencode(query)}>; rel="next"'


def _digest_headers(digest: str) -> dict[str, str]:
    return {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'}


def _known_to_client(request: Request, digest: str) -> bool:
    tags = request.headers.get("if-none-match", "")
    return f'"{digest}"' in [tag.strip().removeprefix("W/") for tag in tags.split(",")]


def _blob_created(repository: str, digest: str) -> Response:
    headers = {"Location": f"/v2/{repository}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(status_code=201, headers=headers)


@contextmanager
def _resumable(call: Call) -> Iterator[None]:
    """Tells a client whose chunk was out of order where to go on."""
    try:
        yield
    except RegistryError as error:
        if error.status == 416:
            error.headers |= {"Location": call.request.url.path, "Docker-Upload-UUID": call.reference}
        raise


def _upload_accepted(repository: str, upload: str, offset: int, status: int = 202) -> Response:
    headers = {
        "Location": f"/v2/{repository}/blobs/uploads/{upload}",
        "Range": range_header(offset),
        "Docker-Upload-UUID": upload,
    }
    return Response(status_code=status, headers=headers)
