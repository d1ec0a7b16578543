"""Rate quotas: so many requests a minute for each project and region, refused beyond in the real service's words."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from google.rpc import error_details_pb2

from msp.localcloud.clock import Clock
from msp.localcloud.request_context import RequestContext
from msp.localcloud.status import ApiError, Code, invalid

_MOST_REQUESTS = 1_000_000
_MOST_BUCKETS = 10_000
_ROUNDING = 1e-9
"""Parts of a request that are lost to floating point: who waited as long as it was told is served."""

_METRIC = "API requests"
_LIMIT = "API requests per minute per region"
_LIMIT_ID = "ApiRequestsPerMinutePerProjectPerRegion"
_HELP = "https://cloud.google.com/docs/quotas/help/request_increase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many requests there may be.

    Attributes:
        method: Glob of the methods that it is for, taken together: `google.cloud.deploy.v1.CloudDeploy/*`, `google.*`.
        requests_per_minute: For each project and region: so many at once, and so many anew each minute, evenly.
        service: The service that a refusal names.
    """

    method: str
    requests_per_minute: int
    service: str = "clouddeploy.googleapis.com"

    def __post_init__(self) -> None:
        """Refuses what can't be meant.

        Raises:
            ApiError: `INVALID_ARGUMENT`, with the field.
        """
        if not 1 <= self.requests_per_minute <= _MOST_REQUESTS:
            raise invalid("requests_per_minute", f"must be from 1 to {_MOST_REQUESTS}")

    @classmethod
    def from_json(cls, value: object) -> "Quota":
        """A quota from the control endpoint's JSON: an object with the attributes' names.

        Raises:
            ApiError: `INVALID_ARGUMENT`: a name or a type is wrong.
        """
        if not isinstance(value, dict) or not {"method", "requests_per_minute"} <= value.keys():
            raise invalid("method", "a quota is an object with at least method and requests_per_minute")
        for name, given in value.items():
            if name not in cls.__slots__:
                raise invalid(name, f"unknown; a quota has {', '.join(cls.__slots__)}")
            wanted = int if name == "requests_per_minute" else str
            if type(given) is not wanted:
                raise invalid(name, f"{given!r} is not of the right type")
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """The quota as the control endpoint shows it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Quotas:
    """The quotas that hold; none unless one is added.

    Args:
        clock: Refills them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: list[_Held] = []

    def add(self, quota: Quota) -> Quota:
        """Holds requests to a quota from now on, besides those that hold already."""
        self._held = [*self._held, _Held(quota)]
        return quota

    def clear(self) -> None:
        """Lifts all quotas."""
        self._held = []

    def list(self) -> list[Quota]:
        """The quotas that hold, oldest first."""
        return [held.quota for held in self._held]

    def take(self, context: RequestContext) -> None:
        """Charges a request to each quota that it is for, or to none.

        Raises:
            ApiError: `RESOURCE_EXHAUSTED`: one of them has nothing left.
        """
        now = self._clock.now()
        concerned = [held for held in self._held if fnmatchcase(context.method, held.quota.method)]
        for held in concerned:
            if wait := held.wait(context, now):
                raise quota_exceeded(held.quota, context, wait)
        for held in concerned:
            held.charge(context, now)


class _Held:
    """A quota, and what of it each project has left in each region."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._per_second = quota.requests_per_minute / 60
        self._left: dict[tuple[str, str], tuple[float, datetime]] = {}

    def wait(self, context: RequestContext, now: datetime) -> timedelta:
        """How long it is until there is something for one request."""
        missing = 1 - self._now_left((context.project, context.location), now)
        if missing < _ROUNDING:
            return timedelta(0)
        return timedelta(microseconds=math.ceil(missing / self._per_second * 1e6))

    def charge(self, context: RequestContext, now: datetime) -> None:
        """Takes one request off."""
        place = context.project, context.location
        self._left[place] = self._now_left(place, now) - 1, now
        if len(self._left) > _MOST_BUCKETS:
            # A full bucket is as good as none.
            whole = self.quota.requests_per_minute
            self._left = {key: kept for key, kept in self._left.items() if self._now_left(key, now) < whole}

    def _now_left(self, place: tuple[str, str], now: datetime) -> float:
        left, since = self._left.get(place, (self.quota.requests_per_minute, now))
        refilled = max((now - since).total_seconds(), 0) * self._per_second
        return min(left + refilled, self.quota.requests_per_minute)


def quota_exceeded(quota: Quota, context: RequestContext, wait: timedelta) -> ApiError:
    """The refusal, in the words and with the details of Google's services.

    Args:
        quota: The quota that has nothing left.
        context: The request.
        wait: After how long it may be tried again.
    """
    number = _project_number(context.project)
    message = (
        f"Quota exceeded for quota metric '{_METRIC}' and limit '{_LIMIT}' of service '{quota.service}' "
        f"for consumer 'project_number:{number}'."
    )
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromTimedelta(wait)
    return ApiError(Code.RESOURCE_EXHAUSTED, message, (*_details(quota, context, number, message), retry))


def retry_delay(error: ApiError) -> timedelta:
    """After how long a request that was refused may be tried again, as the refusal says."""
    delays = [each.retry_delay for each in error.details if isinstance(each, error_details_pb2.RetryInfo)]
    return timedelta(microseconds=sum(delay.ToMicroseconds() for delay in delays))


def _details(
    quota: Quota, context: RequestContext, number: str, message: str
) -> Sequence[error_details_pb2.ErrorInfo | error_details_pb2.QuotaFailure | error_details_pb2.Help]:
    location = context.location or "global"
    metric = f"{quota.service}/{_METRIC.lower().replace(' ', '_')}"
    info = error_details_pb2.ErrorInfo(
        reason="RATE_LIMIT_EXCEEDED",
        domain="googleapis.com",
        metadata={
            "service": quota.service,
            "consumer": f"projects/{number}",
            "quota_metric": metric,
            "quota_limit": _LIMIT_ID,
            "quota_limit_value": str(quota.requests_per_minute),
            "quota_location": location,
            "quota_unit": "1/min/{project}/{region}",
        },
    )
    violation = error_details_pb2.QuotaFailure.Violation(
        subject=f"project_number:{number}",
        description=message,
        api_service=quota.service,
        quota_metric=metric,
        quota_id=_LIMIT_ID,
        quota_dimensions={"region": location},
        quota_value=quota.requests_per_minute,
    )
    more = error_details_pb2.Help.Link(description="Request a higher quota limit.", url=_HELP)
    return info, error_details_pb2.QuotaFailure(violations=[violation]), error_details_pb2.Help(links=[more])


def _project_number(project: str) -> str:
    """Twelve digits that stand for a project; a number stands for itself."""
    return project if project.isdigit() else str(10**11 + zlib.crc32(project.encode()))
