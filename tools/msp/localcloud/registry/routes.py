"""The registry over HTTP (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md)."""

import re
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from msp.localcloud.http_methods import HttpApi
from msp.localcloud.intake import Intake
from msp.localcloud.registry.auth import Authenticator
from msp.localcloud.registry.call import Call
from msp.localcloud.registry.errors import RegistryError, refusal
from msp.localcloud.registry.names import check_name
from msp.localcloud.registry.state import RegistryState
from msp.localcloud.registry.table import methods

_GOOGLES = re.compile(r"(?:[a-z]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev")


def routes(state: RegistryState, authenticator: Authenticator, intake: Intake) -> list[BaseRoute]:
    """The registry's routes, everything below `/v2/`."""
    app = RegistryApi(methods(state, authenticator), intake)
    return [Route("/v2", app), Route("/v2/{path:path}", app)]


class RegistryApi(HttpApi[Call]):
    """The registry as an ASGI application."""

    service = "registry"
    headers = {"Docker-Distribution-API-Version": "registry/2.0"}  # noqa: RUF012 (declared a ClassVar by the base)

    def path(self, scope: Scope) -> str:
        """The decoded path: a repository's slashes may come encoded."""
        return str(scope["path"])

    def fields(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """The repository's name, checked, and the reference."""
        if "repository" in found:
            check_name(found["repository"])
        return found

    def call(self, request: Request, fields: Mapping[str, str]) -> Call:
        """The call of a method."""
        return Call(request, fields.get("repository", ""), fields.get("reference", ""))

    def project(self, told: Mapping[str, str]) -> str:
        """The project in the repository's name, where it is one of Google's: `us.gcr.io/project/app`."""
        host, _, rest = told.get("repository", "").partition("/")
        return rest.partition("/")[0] if _GOOGLES.fullmatch(host) else ""

    def refusal(self, status: int, message: str) -> RegistryError:
        """An error of the registry for any status."""
        return refusal(status, message)

    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> RegistryError:
        """`UNSUPPORTED`, with the verbs that there are."""
        if not allowed:
            return RegistryError("UNSUPPORTED", f"no such endpoint: {path}", status=404)
        return RegistryError("UNSUPPORTED", f"{verb} is not supported here", headers={"Allow": ", ".join(allowed)})
