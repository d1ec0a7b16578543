"""What is in a bucket, without the library that a delivery would import for that alone."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from msp.gcp.calls import Calls
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from msp.gcp.retry import RetryPolicy
    from msp.gcp.session import Adapter


_MAX_PAGES = 10  # of buckets with the prefix


class Storage(Calls["requests.Session"]):
    """Cloud Storage's JSON API; errors as those of all `Calls`.

    Args:
        adapter: Makes what sends requests; called in a thread, at once.
        endpoints: `Endpoints.google()`, or a local cloud's.
        retry: When to ask again.
    """

    def __init__(
        self, adapter: "Callable[[], Adapter]", endpoints: Endpoints, retry: "RetryPolicy | None" = None
    ) -> None:
        super().__init__(lambda: _session(adapter()), retry)
        self._base = f"{endpoints.storage}/storage/v1"

    def object_md5(self, uri: str) -> str | None:
        """The MD5 of `gs://BUCKET/OBJECT`, in Base64; None where it isn't there, as also where the bucket isn't.

        Empty where Storage keeps none, as of an object that was composed
        (https://cloud.google.com/storage/docs/hashes-etags).
        """
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        try:
            found: dict[str, str] = self.read(self._get, bucket=bucket, name=name)
        except NotFoundError:
            return None
        return found.get("md5Hash", "")

    def bucket_is_of(self, project: str, bucket: str) -> bool:
        """Whether a bucket is one of a project's: names are global, and one may be somebody else's."""
        token = ""
        # Names come in order, and this one is the shortest with the prefix; pages may be empty.
        for _ in range(_MAX_PAGES):
            page = self.read(self._list, project=project, prefix=bucket, pageToken=token)
            if any(each["name"] == bucket for each in page.get("items", ())):
                return True
            token = page.get("nextPageToken", "")
            if not token:
                break
        return False

    def _list(self, request: dict[str, str], timeout: float, **_options: object) -> Any:  # noqa: ANN401 - JSON
        given = {**request, "fields": "items/name,nextPageToken"}
        query = urlencode({key: value for key, value in given.items() if value})
        return self.client.get(f"{self._base}/b?{query}", timeout=timeout).json()

    def _get(self, request: dict[str, str], timeout: float, **_options: object) -> Any:  # noqa: ANN401 - JSON
        place = f"b/{quote(request['bucket'], safe='')}/o/{quote(request['name'], safe='')}"
        # Only one small field: an object's metadata can be large.
        return self.client.get(f"{self._base}/{place}?fields=md5Hash", timeout=timeout).json()


def _session(adapter: "Adapter") -> "requests.Session":
    from requests import Session

    from msp.gcp.session import sent_over

    return sent_over(adapter, Session())
