"""The control endpoints below `/_localcloud/`: health, faults, quotas, counts of requests, time."""

from collections.abc import Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from msp.localcloud import strict_json
from msp.localcloud.clock import ManualClock
from msp.localcloud.engine import Engine
from msp.localcloud.faults import Fault
from msp.localcloud.intake import Intake
from msp.localcloud.quotas import Quota
from msp.localcloud.status import failed_precondition, invalid


def routes(engine: Engine, intake: Intake, addresses: Callable[[], dict[str, str]]) -> list[Route]:
    """`GET health`, `GET/POST/DELETE faults` and `quotas`, `GET/DELETE requests`, `GET time`, `POST time:advance`.

    Args:
        engine: Has the clock that is shown and moved.
        intake: Has the faults, the quotas and the counts.
        addresses: Where the local cloud is served, `{"http": "http://127.0.0.1:8080", "grpc": "127.0.0.1:8081"}`; known
            once it has started.
    """
    faults, quotas, traffic = intake.faults, intake.quotas, intake.traffic

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", **addresses()})

    async def plan_faults(request: Request) -> Response:
        if request.method == "POST":
            faults.add(Fault.from_json(await _json(request)))
        elif request.method == "DELETE":
            faults.clear()
        return JSONResponse({"faults": [fault.to_json() for fault in faults.list()]})

    async def hold_quotas(request: Request) -> Response:
        if request.method == "POST":
            quotas.add(Quota.from_json(await _json(request)))
        elif request.method == "DELETE":
            quotas.clear()
        return JSONResponse({"quotas": [quota.to_json() for quota in quotas.list()]})

    async def count_requests(request: Request) -> Response:
        if request.method == "DELETE":
            traffic.reset()
        return JSONResponse(traffic.to_json())

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
        Route("/_localcloud/quotas", hold_quotas, methods=["GET", "POST", "DELETE"]),
        Route("/_localcloud/requests", count_requests, methods=["GET", "DELETE"]),
        Route("/_localcloud/time", time),
        Route("/_localcloud/time:advance", advance, methods=["POST"]),
    ]


async def _json(request: Request) -> object:
    try:
        return strict_json.loads(await request.body())
    except ValueError as error:
        raise invalid("body", f"not JSON: {error}") from None
