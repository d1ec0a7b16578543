"""Whether an object is in a bucket."""

from urllib.parse import quote

from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import NotFoundError
from msp.gcp.session import Session


class Storage:
    """Cloud Storage's JSON API; errors as `CloudDeploy`'s."""

    def __init__(self, session: Session, endpoints: Endpoints) -> None:
        self._session = session
        self._base = f"{endpoints.storage}/storage/v1"

    def object_exists(self, uri: str) -> bool:
        """Whether `gs://BUCKET/OBJECT` is there; False also where the bucket isn't."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        try:
            # Only one small field: an object's metadata can be large.
            self._session.get(f"{self._base}/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}", {"fields": "name"})
        except NotFoundError:
            return False
        return True
