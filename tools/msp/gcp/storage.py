"""Whether an object is in a bucket, without the library that a delivery would import for that alone."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from msp.gcp.calls import Calls
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from msp.gcp.retry import RetryPolicy
    from msp.gcp.session import Adapter


class Storage(Calls["requests.Session"]):
    """Cloud Storage's JSON API; errors as those of all `Calls`.

    Args:
        adapter: Makes what sends requests; called in a thread, at once.
        endpoints: Where it is.
        retry: When to ask again.
    """

    def __init__(
        self, adapter: "Callable[[], Adapter]", endpoints: Endpoints, retry: "RetryPolicy | None" = None
    ) -> None:
        super().__init__(lambda: _session(adapter()), retry)
        self._base = f"{endpoints.storage}/storage/v1"

    def object_exists(self, uri: str) -> bool:
        """Whether `gs://BUCKET/OBJECT` is there; False also where the bucket isn't."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        try:
            self.read(self._get, bucket=bucket, name=name)
        except NotFoundError:
            return False
        return True

    def _get(self, request: dict[str, str], timeout: float, **_options: object) -> "requests.Response":
        place = f"b/{quote(request['bucket'], safe='')}/o/{quote(request['name'], safe='')}"
        # Only one small field: an object's metadata can be large.
        return self.client.get(f"{self._base}/{place}?fields=name", timeout=timeout)


def _session(adapter: "Adapter") -> "requests.Session":
    from requests import Session

    from msp.gcp.session import sent_over

    return sent_over(adapter, Session())
