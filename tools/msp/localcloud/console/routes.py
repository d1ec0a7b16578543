"""Serves the pages' files, their content, and the news that something has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from msp.localcloud.console.fleet import Fleet, Wanted
from msp.localcloud.console.release import release_page
from msp.localcloud.console.service import service
from msp.localcloud.deploy.ports import Images
from msp.localcloud.deploy.resources import Resources
from msp.localcloud.registry.manifests import Manifests
from msp.localcloud.status import invalid

_MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {
    # The page needs nothing from anywhere else, makes no markup of text, and nobody else's page may hold it.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LOOK_SECONDS = 0.1
_HEARTBEAT_SECONDS = 15


def routes(resources: Resources, images: Images, manifests: Manifests, stopping: Callable[[], bool]) -> list[Route]:
    """`/`, `/console/…`, and below `/_localcloud/`: `overview`, `service`, `release`, `changes` (server-sent events).

    Args:
        resources: What is shown.
        images: Finds the image of a release as a deploy would.
        manifests: The registry's.
        stopping: Whether the server is about to stop, and pages shall let go.
    """
    fleet = Fleet(resources)

    async def show_fleet(request: Request) -> Response:
        asked = request.query_params
        wanted = Wanted(asked.get("q", ""), asked.get("show", ""), _number(asked.get("page", "1"), "page"))
        return answer(await fleet.page(wanted))

    async def show_service(request: Request) -> Response:
        asked = request.query_params
        return answer(service(resources, asked.get("name", ""), _number(asked.get("releases", "20"), "releases")))

    async def show_release(request: Request) -> Response:
        return answer(release_page(resources, images, manifests, request.query_params.get("name", "")))

    def answer(content: dict[str, object]) -> Response:
        now = resources.clock.now().isoformat()
        return JSONResponse({"now": now, **content}, headers=_HEADERS)

    async def changes(_: Request) -> Response:
        return StreamingResponse(_revisions(resources, stopping), media_type="text/event-stream", headers=_HEADERS)

    return [
        *_files(),
        Route("/_localcloud/overview", show_fleet),
        Route("/_localcloud/service", show_service),
        Route("/_localcloud/release", show_release),
        Route("/_localcloud/changes", changes),
    ]


def _files() -> list[Route]:
    """A route for each of the pages' files, and none for anything else."""

    def file(name: str) -> Callable[[Request], Response]:
        media_type = _MEDIA_TYPES[name.rpartition(".")[2]]

        def serve(_: Request) -> Response:
            return Response((static / name).read_bytes(), media_type=media_type, headers=_HEADERS)

        return serve

    static = files(__package__) / "static"
    names = sorted(each.name for each in static.iterdir() if each.name.rpartition(".")[2] in _MEDIA_TYPES)
    return [Route("/" if name == "index.html" else f"/console/{name}", file(name)) for name in names]


def _number(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid(field, f"must be a number, not {text[:20]!r}")
    return int(text)


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
