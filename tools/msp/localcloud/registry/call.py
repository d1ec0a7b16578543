"""A request to the registry, and what its handlers read of it."""

from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request

from msp.localcloud.registry.operations import Operation
from msp.localcloud.registry.uploads import Chunk


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what it asks for."""

    request: Request
    operation: Operation

    @property
    def repository(self) -> str:
        """The repository in the path."""
        return self.operation.repository

    @property
    def reference(self) -> str:
        """The digest, tag or upload in the path."""
        return self.operation.reference

    @property
    def query(self) -> QueryParams:
        """The query."""
        return self.request.query_params

    @property
    def origin(self) -> str:
        """Where the client sees the registry, `http://127.0.0.1:8080`."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    @property
    def chunk(self) -> Chunk:
        """The body, as a part of a blob."""
        headers = self.request.headers
        length = headers.get("content-length", "")
        content_length = int(length) if length.isdecimal() else None
        return Chunk(self.request.stream(), headers.get("content-range"), content_length)
