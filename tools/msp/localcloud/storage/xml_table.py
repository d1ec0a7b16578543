"""The methods of Storage's XML API in its simplest forms, as Go's client reads objects and clients of S3 do it all.

Faults know them by the names of the JSON API's methods that do the same.
"""

from collections.abc import Sequence

from msp.localcloud.http_methods import HttpMethod
from msp.localcloud.storage.call import Call
from msp.localcloud.storage.state import BucketState
from msp.localcloud.storage.xml_handlers import XmlHandlers

_BUCKET = "/{bucket}[/]"
_OBJECT = "/{bucket}/{object=**}"


def xml_methods(state: BucketState) -> Sequence[HttpMethod[Call]]:
    """The table, its handlers bound to a state."""
    xml = XmlHandlers(state)
    return [
        HttpMethod("GET", f"{_BUCKET}?location", "GetBucket", xml.location),
        HttpMethod("GET", _BUCKET, "ListObjects", xml.list),
        HttpMethod("HEAD", _BUCKET, "GetBucket", xml.head_bucket),
        HttpMethod("GET", _OBJECT, "DownloadObject", xml.get),
        HttpMethod("HEAD", _OBJECT, "GetObject", xml.get),
        HttpMethod("PUT", _OBJECT, "InsertObject", xml.put),
        HttpMethod("DELETE", _OBJECT, "DeleteObject", xml.delete),
    ]
