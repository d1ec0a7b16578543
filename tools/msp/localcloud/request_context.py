"""Who asks for what: the facts of a request that none of its fields holds."""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

REASON_HEADER = "x-goog-request-reason"
"""The header, or gRPC's metadata, in which a caller says why (https://cloud.google.com/apis/docs/system-parameters)."""

_PLACE = re.compile(r"projects/([^/:]+)(?:/locations/([^/:]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request, as counts, quotas and an audit log see it.

    Attributes:
        method: The method's name as faults know it, `google.cloud.deploy.v1.CloudDeploy/CreateRelease`.
        project: The project of the resource that is asked for; empty where it is in none.
        location: Its location, `us-central1`; empty where it is in none, or in all (`-`).
        reason: Why its caller asks, as said with `X-Goog-Request-Reason`; empty when nothing was said.
    """

    method: str
    project: str = ""
    location: str = ""
    reason: str = ""

    @classmethod
    def of(cls, method: str, names: Iterable[str], headers: Mapping[str, str]) -> "RequestContext":
        """The context of a request.

        Args:
            method: The method's name.
            names: Names of resources in the request; the first that has a project tells it and the location.
            headers: Its headers or gRPC metadata, their names in lower case.
        """
        found = next(filter(None, map(_PLACE.match, names)), None)
        project, location = (found[1], found[2] or "") if found else ("", "")
        return cls(
            method=method,
            project=project,
            location="" if location == "-" else location,
            reason=headers.get(REASON_HEADER, ""),
        )


CURRENT: ContextVar[RequestContext] = ContextVar("request_context")
"""The request that is being served in this task; transports set it, handlers may read it."""
