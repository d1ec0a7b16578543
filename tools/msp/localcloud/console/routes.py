"""Serves the page, its two files, its content and the news that something has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from msp.localcloud.console.overview import overview
from msp.localcloud.deploy.resources import Resources

_FILES = {"/": ("index.html", "text/html"), "/console/page.css": ("page.css", "text/css")} | {
    "/console/page.js": ("page.js", "text/javascript"),
    "/console/icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = {
    # The page needs nothing from anywhere else, and nobody else's page may hold it.
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_LOOK_SECONDS = 0.1
_HEARTBEAT_SECONDS = 15


def routes(resources: Resources, stopping: Callable[[], bool]) -> list[Route]:
    """`/`, `/console/…`, `/_localcloud/overview` and `/_localcloud/changes` (server-sent events).

    Args:
        resources: What is shown.
        stopping: Whether the server is about to stop, and pages shall let go.
    """
    static = files(__package__) / "static"

    def file(name: str, media_type: str) -> Callable[[Request], Response]:
        def serve(_: Request) -> Response:
            return Response((static / name).read_bytes(), media_type=media_type, headers=_HEADERS)

        return serve

    async def show(_: Request) -> Response:
        return JSONResponse(overview(resources), headers=_HEADERS)

    async def changes(_: Request) -> Response:
        return StreamingResponse(_revisions(resources, stopping), media_type="text/event-stream", headers=_HEADERS)

    return [
        *(Route(path, file(name, media_type)) for path, (name, media_type) in _FILES.items()),
        Route("/_localcloud/overview", show),
        Route("/_localcloud/changes", changes),
    ]


async def _revisions(resources: Resources, stopping: Callable[[], bool]) -> AsyncIterator[str]:
    """The store's revision, now and whenever it has changed."""
    told, quiet = -1, 0.0
    while not stopping():
        revision = resources.store.revision
        if revision != told or quiet >= _HEARTBEAT_SECONDS:
            told, quiet = revision, 0.0
            yield f"data: {revision}\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
        quiet += _LOOK_SECONDS
