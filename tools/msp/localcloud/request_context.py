"""What a request is for: its method, and the project and location of the resource that it names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PLACE = re.compile(r"projects/([^/:]+)(?:/locations/([^/:]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request, as counts and quotas see it.

    Attributes:
        method: The method's name as faults know it, `google.cloud.deploy.v1.CloudDeploy/CreateRelease`.
        project: The project of the resource that is asked for; empty where it is in none.
        location: Its location, `us-central1`; empty where it is in none, or in all (`-`).
    """

    method: str
    project: str = ""
    location: str = ""

    @classmethod
    def of(cls, method: str, names: Iterable[str]) -> "RequestContext":
        """The context of a request.

        Args:
            method: The method's name.
            names: Names of resources in the request; the first that has a project tells it and the location.
        """
        found = next(filter(None, map(_PLACE.match, names)), None)
        project, location = (found[1], found[2] or "") if found else ("", "")
        return cls(method=method, project=project, location="" if location == "-" else location)
