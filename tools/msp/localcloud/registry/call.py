"""A request to the registry, and what its handlers read of it."""

from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request

from msp.localcloud.content import RequestBody
from msp.localcloud.registry.uploads import Chunk


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what its path holds.

    Attributes:
        request: The request.
        repository: The repository's name, empty where there is none.
        reference: The digest, tag or upload, empty where there is none.
    """

    request: Request
    repository: str
    reference: str

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
        body = RequestBody(self.request)
        return Chunk(body, self.request.headers.get("content-range"), body.length)
