"""The declarative table of methods, from which both transports are built.

A method's verbs, paths and bodies are those of Google's `google.api.http` annotations; its handler takes the request
message and returns the response message, or raises `ApiError`.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import unquote

from google.protobuf.message import Message

AnyMessage: TypeAlias = Any
"""A message whose class is chosen at run time, so that its fields are unknown to the type checker."""

Handler = Callable[[Any], Message] | Callable[[Any], Awaitable[Message]]


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
    def _pattern(self) -> re.Pattern[str]:
        pattern = ""
        for literal, field, template in re.findall(r"([^{]+)|\{([a-z_.]+)(?:=([^}]*))?\}", self.path):
            if literal:
                pattern += re.escape(literal)
            else:
                segments = re.escape(template or "*").replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
                pattern += f"(?P<{field.replace('.', '__')}>{segments})"
        return re.compile(pattern)


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
