"""The declarative table of methods, from which both transports are built.

A method's verbs, paths and bodies are those of Google's `google.api.http` annotations; its handler takes the request
message and returns the response message, or a page of a list as it is stored, or raises `ApiError`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, TypeAlias
from urllib.parse import unquote

from google.protobuf.message import Message

from msp.localcloud.listed import Listed
from msp.localcloud.status import ApiError, invalid

AnyMessage: TypeAlias = Any
"""A message whose class is chosen at run time, so that its fields are unknown to the type checker."""

_PARTS = re.compile(r"([^{]+)|\{([a-z_.]+)(?:=([^}]*))?\}")
"""What a path template is made of: literal text, or a field and its form."""

Handler = Callable[[Any], Message | Listed] | Callable[[Any], Awaitable[Message]]


@dataclass(frozen=True)
class Binding:
    """One way to call a method over HTTP.

    Attributes:
        verb: `GET`, `POST`, `PATCH`, `PUT`, `DELETE`.
        path: A template as in google/api/http.proto, `/v1/{name=projects/*/locations/*/targets/*}`, optionally with
            a custom verb at its end (`:approve`).
        body: The request's field that the body holds, `*` for the whole request, empty for no body.
    """

    verb: str
    path: str
    body: str = ""

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The request's fields that stand in a path, by their dotted paths, or `None` when it is another's path.

        Args:
            raw_path: The path as sent, percent-encoded. `%2F` stays so: it is a part of a segment, not a divider.
        """
        found = self._pattern.fullmatch(raw_path)
        if found is None:
            return None
        return {
            field.replace("__", "."): unquote(re.sub("(?i)%2f", "%252F", value))
            for field, value in found.groupdict().items()
        }

    @cached_property
    def templates(self) -> Mapping[str, str]:
        """The form of each of the request's fields that stand in the path: `{"name": "projects/*/locations/*"}`."""
        return {field: template or "*" for _, field, template in _PARTS.findall(self.path) if field}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pattern = ""
        for literal, field, template in _PARTS.findall(self.path):
            if literal:
                pattern += re.escape(literal)
            else:
                pattern += f"(?P<{field.replace('.', '__')}>{_segments(template or '*')})"
        return re.compile(pattern)


def _segments(template: str) -> str:
    return re.escape(template).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")


def check_names(method: "Method", request: AnyMessage) -> None:
    """Refuses names that no path of the method has; a transport without paths asks this of each request.

    Raises:
        ApiError: `INVALID_ARGUMENT`, with the field.
    """
    problems = [_wrong_name(binding, request) for binding in method.bindings]
    if problems and all(problems):
        raise next(filter(None, problems))


def names(method: "Method", request: AnyMessage) -> list[str]:
    """The names in a request that would stand in its path, `projects/p/locations/us-central1`."""
    fields = (field for binding in method.bindings for field in binding.templates)
    return [str(reduce(getattr, field.split("."), request)) for field in dict.fromkeys(fields)]


def _wrong_name(binding: Binding, request: AnyMessage) -> ApiError | None:
    for field, template in binding.templates.items():
        value = reduce(getattr, field.split("."), request)
        if not value:
            return invalid(field, "is required")
        if not re.fullmatch(_segments(template), value):
            return invalid(field, f"{value!r} is not of the form {template}")
    return None


@dataclass(frozen=True)
class Method:
    """One method of an API.

    Attributes:
        service: The proto service's full name, `google.cloud.deploy.v1.CloudDeploy`.
        name: The method's name, `CreateRelease`.
        bindings: How it is called over HTTP; the first is the main one. Empty: over gRPC only.
        request_type: The request's class, a raw protobuf message.
        response_type: The response's class.
        handler: What it does; `None` when it is not emulated: it then answers `UNIMPLEMENTED`.
    """

    service: str
    name: str
    bindings: tuple[Binding, ...]
    request_type: type[Message]
    response_type: type[Message]
    handler: Handler | None

    @property
    def full_name(self) -> str:
        """`google.cloud.deploy.v1.CloudDeploy/CreateRelease`, as faults and gRPC paths name it."""
        return f"{self.service}/{self.name}"


class Router:
    """Finds the method that an HTTP request calls."""

    def __init__(self, methods: Sequence[Method]) -> None:
        self._by_verb: dict[str, list[tuple[Binding, Method]]] = {}
        for method in methods:
            for binding in method.bindings:
                self._by_verb.setdefault(binding.verb, []).append((binding, method))
        for bindings in self._by_verb.values():
            # A `*` takes a colon too (`dockerImages/app@sha256:…`), so those with a custom verb are asked first.
            bindings.sort(key=lambda pair: ":" not in pair[0].path)

    def find(self, verb: str, raw_path: str) -> tuple[Method, Binding, dict[str, str]] | None:
        """The method, its binding and the fields in the path; `None` when no method has such a path."""
        for binding, method in self._by_verb.get(verb, ()):
            fields = binding.match(raw_path)
            if fields is not None:
                return method, binding, fields
        return None
