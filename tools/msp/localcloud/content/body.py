"""A request's body: piece by piece, or all at once in a thread when it is large."""

from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request

from msp.localcloud.http_faults import RECEIVE_INTO

_LARGE = 1024 * 1024

Pour = Callable[[Callable[[memoryview], None], int], Awaitable[bool]]


class RequestBody:
    """What a request brings.

    Args:
        request: The request, of whose body nothing was read yet.

    Attributes:
        length: Its bytes, as Content-Length says; `None` when it doesn't.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        length = request.headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() else None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they come."""
        return self._request.stream()

    async def pour(self, take: Callable[[memoryview], None]) -> bool:
        """Gives a large body to `take` in a thread.

        Args:
            take: Is given the body piece by piece; the piece's memory is used again after.

        Returns:
            Whether it did; if not, nothing was read.
        """
        pour: Pour | None = self._request.scope.get("extensions", {}).get(RECEIVE_INTO)
        if pour is None or self.length is None or self.length < _LARGE:
            return False
        return await pour(take, self.length)
