"""Serves discovery documents where Google's clients look for them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from msp.localcloud import rest_answers
from msp.localcloud.discovery.document import Api, document
from msp.localcloud.status import ApiError, Code


def routes(apis: Sequence[Api]) -> list[Route]:
    """`/$discovery/rest?version=v1`, `/discovery/v1/apis` and `/discovery/v1/apis/clouddeploy/v1/rest`.

    At Google the first is served by a host for each API. Here the host may be `clouddeploy.localhost`, or the query
    says which, `&api=run`; without either, it is the first API that has the version.

    Args:
        apis: The APIs that are served.
    """

    async def own(request: Request) -> Response:
        version = request.query_params.get("version", "")
        label = (request.url.hostname or "").partition(".")[0]
        name = request.query_params.get("api") or (label if label in {api.name for api in apis} else "")
        found = [api for api in apis if api.version == version and name in {"", api.name}]
        return _answer(request, found, name or apis[0].name, version)

    async def listed(request: Request) -> Response:
        name, version = request.path_params["api"], request.path_params["version"]
        found = [api for api in apis if (api.name, api.version) == (name, version)]
        return _answer(request, found, name, version)

    async def directory(request: Request) -> Response:
        items = [
            {
                "kind": "discovery#directoryItem",
                "id": f"{api.name}:{api.version}",
                "name": api.name,
                "version": api.version,
                "title": api.title,
                "discoveryRestUrl": f"{_root(request)}discovery/v1/apis/{api.name}/{api.version}/rest",
                "preferred": True,
            }
            for api in apis
        ]
        return JSONResponse({"kind": "discovery#directoryList", "discoveryVersion": "v1", "items": items})

    return [
        Route("/$discovery/rest", own),
        Route("/discovery/v1/apis", directory),
        Route("/discovery/v1/apis/{api}/{version}/rest", listed),
    ]


def _answer(request: Request, found: Sequence[Api], name: str, version: str) -> Response:
    if not found:
        service = f"{name}.googleapis.com"
        message = f"Discovery document not found for API service: {service} format: rest version: {version}"
        raise ApiError(Code.NOT_FOUND, message)
    content = JSONResponse(document(found[0], _root(request))).body
    return rest_answers.compressed(bytes(content), request)


def _root(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/"
