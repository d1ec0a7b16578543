"""The table of methods against the official client's own definitions."""

import inspect
import re

import pytest
from google.cloud.deploy_v1 import types
from google.cloud.deploy_v1.services.cloud_deploy.transports import grpc as grpc_transport
from google.cloud.deploy_v1.services.cloud_deploy.transports import rest_base
from tests.localcloud.deploy.world import World

from msp.localcloud import locations
from msp.localcloud.methods import Method

OFFICIAL_HTTP = {
    name.removeprefix("_Base"): {(each["method"].upper(), each["uri"], each.get("body", "")) for each in options()}
    for name, member in vars(rest_base._BaseCloudDeployRestTransport).items()
    if inspect.isclass(member) and (options := getattr(member, "_get_http_options", None)) is not None
}
OFFICIAL_GRPC = {
    (service, method, request, response)
    for service, method, request, response in re.findall(
        r'"/([\w.]+)/(\w+)",\s*request_serializer=([\w.]+)\.[sS]erialize\w*,\s*response_deserializer=([\w.]+)\.',
        inspect.getsource(grpc_transport),
    )
}


@pytest.fixture(scope="module")
def methods() -> dict[str, Method]:
    methods = {method.name: method for method in World().methods.values()}
    return {**methods, **{method.name: method for method in locations.methods()}}


def test_every_http_binding_is_the_official_one(methods: dict[str, Method]) -> None:
    assert len(OFFICIAL_HTTP) >= 45
    for name, expected in OFFICIAL_HTTP.items():
        bindings = {(binding.verb, binding.path, binding.body) for binding in methods[name].bindings}
        # Locations are Artifact Registry's, too, which has a beta.
        assert {binding for binding in bindings if not binding[1].startswith("/v1beta2/")} == expected, name


def test_every_grpc_method_is_the_official_one(methods: dict[str, Method]) -> None:
    assert len(OFFICIAL_GRPC) >= 40
    for service, name, request, response in OFFICIAL_GRPC:
        method = methods[name]
        assert method.service == service
        for kind, official in ((method.request_type, request), (method.response_type, response)):
            assert kind.DESCRIPTOR.name == official.rpartition(".")[2]
        if request.startswith("cloud_deploy."):
            assert method.request_type is getattr(types, request.rpartition(".")[2]).pb()


def test_everything_in_the_table_is_emulated(methods: dict[str, Method]) -> None:
    assert [method.full_name for method in methods.values() if method.handler is None] == []
