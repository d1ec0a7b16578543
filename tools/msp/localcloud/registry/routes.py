"""The registry over HTTP (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md)."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from msp.localcloud.faults import Faults
from msp.localcloud.http_methods import HttpApi
from msp.localcloud.registry.auth import Authenticator
from msp.localcloud.registry.call import Call
from msp.localcloud.registry.errors import RegistryError, refusal
from msp.localcloud.registry.names import check_name
from msp.localcloud.registry.state import RegistryState
from msp.localcloud.registry.table import methods


def routes(state: RegistryState, authenticator: Authenticator, faults: Faults) -> list[BaseRoute]:
    """The registry's routes, everything below `/v2/`."""
    app = RegistryApi(methods(state, authenticator), faults)
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

    def refusal(self, status: int, message: str) -> RegistryError:
        """An error of the registry for any status."""
        return refusal(status, message)

    def unknown(self, verb: str, path: str, allowed: Sequence[str]) -> RegistryError:
        """`UNSUPPORTED`, with the verbs that there are."""
        if not allowed:
            return RegistryError("UNSUPPORTED", f"no such endpoint: {path}", status=404)
        return RegistryError("UNSUPPORTED", f"{verb} is not supported here", headers={"Allow": ", ".join(allowed)})
