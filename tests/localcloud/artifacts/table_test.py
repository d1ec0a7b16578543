"""The table of methods against the official client's own definitions."""

import inspect
import re
from collections.abc import Iterator

import grpc
import pytest
import requests
from google.cloud.artifactregistry_v1.services.artifact_registry.transports import grpc as grpc_transport
from google.cloud.artifactregistry_v1.services.artifact_registry.transports import rest_base

from msp.localcloud import LocalCloud
from msp.localcloud.artifacts.table import SERVICE
from msp.localcloud.methods import Method
from msp.localcloud.pytest_plugin import CloudThread

OFFICIAL_HTTP = {
    name.removeprefix("_Base"): {(each["method"].upper(), each["uri"], each.get("body", "")) for each in options()}
    for name, member in vars(rest_base._BaseArtifactRegistryRestTransport).items()
    if inspect.isclass(member) and (options := getattr(member, "_get_http_options", None)) is not None
}
OFFICIAL_GRPC = {
    (service, method, request, response)
    for service, method, request, response in re.findall(
        r'"/([\w.]+)/(\w+)",\s*request_serializer=([\w.]+)\.[sS]erialize\w*,\s*response_deserializer=([\w.]+)\.',
        inspect.getsource(grpc_transport),
    )
}
OF_OTHER_SERVICES = {"GetLocation", "GetOperation", "ListLocations"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud()) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def methods(cloud: CloudThread) -> dict[str, Method]:
    return {method.full_name: method for method in cloud.cloud.methods}


def test_every_http_binding_is_the_official_one(methods: dict[str, Method]) -> None:
    assert len(OFFICIAL_HTTP) >= 53
    for name in OFFICIAL_HTTP.keys() - OF_OTHER_SERVICES:
        bindings = {(binding.verb, binding.path, binding.body) for binding in methods[f"{SERVICE}/{name}"].bindings}
        assert bindings == OFFICIAL_HTTP[name], name


def test_every_grpc_method_is_the_official_one(methods: dict[str, Method]) -> None:
    assert len(OFFICIAL_GRPC) >= 53
    for service, name, request, response in OFFICIAL_GRPC:
        method = methods[f"{service}/{name}"]
        assert method.request_type.DESCRIPTOR.name == request.rpartition(".")[2]
        assert method.response_type.DESCRIPTOR.name == response.rpartition(".")[2]


def test_what_is_not_emulated_says_so_over_both_transports(cloud: CloudThread, methods: dict[str, Method]) -> None:
    missing = [method for method in methods.values() if method.service == SERVICE and method.handler is None]
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        for method in missing:
            verb, path = method.bindings[0].verb, re.sub(r"\{[^=]+=([^}]+)\}", r"\1", method.bindings[0].path)
            answer = requests.request(verb, cloud.http_url + path.replace("*", "x"), timeout=10)
            assert (answer.status_code, answer.json()["error"]["status"]) == (501, "UNIMPLEMENTED"), method.name
            call = channel.unary_unary(f"/{method.full_name}", bytes, bytes)
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED, method.name
            assert refused.value.details() == answer.json()["error"]["message"]
