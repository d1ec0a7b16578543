"""The control endpoints below `/_localcloud/`: health, faults, time."""

from collections.abc import Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from msp.localcloud import strict_json
from msp.localcloud.clock import ManualClock
from msp.localcloud.engine import Engine
from msp.localcloud.faults import Fault, Faults
from msp.localcloud.status import failed_precondition, invalid


def routes(engine: Engine, faults: Faults, addresses: Callable[[], dict[str, str]]) -> list[Route]:
    """`GET health`, `GET/POST/DELETE faults`, `GET time`, `POST time:advance`.

    Args:
        engine: Has the clock that is shown and moved.
        faults: What is to go wrong.
        addresses: Where the local cloud is served, `{"http": "http://127.0.0.1:8080", "grpc": "127.0.0.1:8081"}`; known
            once it has started.
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", **addresses()})

    async def plan_faults(request: Request) -> Response:
        if request.method == "POST":
            faults.add(Fault.from_json(await _json(request)))
        elif request.method == "DELETE":
            faults.clear()
        return JSONResponse({"faults": [fault.to_json() for fault in faults.list()]})

    async def time(_: Request) -> Response:
        return JSONResponse({"now": engine.clock.now().isoformat()})

    async def advance(request: Request) -> Response:
        if not isinstance(engine.clock, ManualClock):
            raise failed_precondition("time runs by itself here; start the local cloud with --manual_clock")
        body = await _json(request)
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds <= 1e9:
            raise invalid("seconds", "must be a number that is not negative")
        engine.advance(timedelta(seconds=seconds))
        return await time(request)

    return [
        Route("/_localcloud/health", health),
        Route("/_localcloud/faults", plan_faults, methods=["GET", "POST", "DELETE"]),
        Route("/_localcloud/time", time),
        Route("/_localcloud/time:advance", advance, methods=["POST"]),
    ]


async def _json(request: Request) -> object:
    try:
        return strict_json.loads(await request.body())
    except ValueError as error:
        raise invalid("body", f"not JSON: {error}") from None
