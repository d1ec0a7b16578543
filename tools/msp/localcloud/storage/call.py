"""A request to Storage, and what its handlers read of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from msp.localcloud import strict_json
from msp.localcloud.storage.errors import invalid
from msp.localcloud.storage.objects import Address
from msp.localcloud.storage.preconditions import Preconditions, number

_MOST_JSON_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and the fields in its path: `bucket`, `object`, `target_bucket`, `target_object`."""

    request: Request
    fields: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Where the client sees the API, `http://127.0.0.1:8080`."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    @property
    def bucket(self) -> str:
        """The bucket in the path."""
        return self.fields["bucket"]

    @property
    def address(self) -> Address:
        """The object in the path, of the generation in the query."""
        return Address(self.bucket, self.fields["object"], self.number("generation"))

    @property
    def preconditions(self) -> Preconditions:
        """The query's preconditions."""
        return Preconditions.parse(self.request.query_params)

    def text(self, name: str) -> str:
        """A parameter of the query, empty when it isn't there."""
        return str(self.request.query_params.get(name, ""))

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number.

        Raises:
            StorageError: 400 `invalid`.
        """
        return number(self.request.query_params, name)

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; gcloud writes `True`."""
        return self.text(name).lower() == "true"

    def limit(self, most: int) -> int:
        """How many results the client wants on a page, `most` at the most."""
        return min(self.number("maxResults") or most, most)

    async def json(self) -> dict[str, Any]:
        """The body, a JSON object; an empty body is an empty one.

        Raises:
            StorageError: 400.
        """
        return parse_resource(await self.body())

    async def body(self, most: int = _MOST_JSON_BYTES) -> bytes:
        """The body, of at most so many bytes.

        Raises:
            StorageError: 400: it is longer.
        """
        body = bytearray()
        async for piece in self.request.stream():
            body += piece
            if len(body) > most:
                raise invalid(f"The request has more than {most} bytes.")
        return bytes(body)


def parse_resource(body: bytes) -> dict[str, Any]:
    """A resource from its JSON.

    Raises:
        StorageError: 400: it is no JSON object.
    """
    try:
        value = strict_json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise invalid(f"Parse Error: {error}") from None
    if not isinstance(value, dict):
        raise invalid("Parse Error: the body is not a JSON object")
    return value
