"""The control endpoints below `/_localcloud/`: health, faults, time."""

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from msp.localcloud.clock import ManualClock
from msp.localcloud.faults import Fault
from msp.localcloud.status import failed_precondition, invalid

if TYPE_CHECKING:
    from msp.localcloud.cloud import LocalCloud


def routes(cloud: "LocalCloud") -> list[Route]:
    """`GET health`, `GET/POST/DELETE faults`, `GET time`, `POST time:advance`."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "http": cloud.http_url, "grpc": cloud.grpc_address})

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            cloud.faults.add(Fault.from_json(await _json(request)))
        elif request.method == "DELETE":
            cloud.faults.clear()
        return JSONResponse({"faults": [fault.to_json() for fault in cloud.faults.list()]})

    async def time(_: Request) -> Response:
        return JSONResponse({"now": cloud.clock.now().isoformat()})

    async def advance(request: Request) -> Response:
        if not isinstance(cloud.clock, ManualClock):
            raise failed_precondition("time runs by itself here; start the local cloud with --manual_clock")
        body = await _json(request)
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds <= 1e9:
            raise invalid("seconds", "must be a number that is not negative")
        await cloud.advance(timedelta(seconds=seconds))
        return await time(request)

    return [
        Route("/_localcloud/health", health),
        Route("/_localcloud/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route("/_localcloud/time", time),
        Route("/_localcloud/time:advance", advance, methods=["POST"]),
    ]


async def _json(request: Request) -> object:
    try:
        return await request.json()
    except ValueError as error:
        raise invalid("body", f"not JSON: {error}") from None
