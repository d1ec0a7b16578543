"""Cloud Storage's JSON API: buckets, objects with generations, uploads of all kinds, IAM policies of buckets."""

from msp.localcloud.storage.errors import StorageError
from msp.localcloud.storage.routes import routes
from msp.localcloud.storage.state import BucketState

__all__ = ["BucketState", "StorageError", "routes"]
