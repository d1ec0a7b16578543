"""The operations of Storage's JSON API, by verb and path (https://cloud.google.com/storage/docs/json_api/v1).

Their names are those that faults know, `storage/InsertObject`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from msp.localcloud.storage.errors import StorageError, invalid

_BUCKET = r"/storage/v1/b/(?P<bucket>[^/]+)"
_OBJECT = rf"{_BUCKET}/o/(?P<object>[^/]+)"
_TARGET = r"/b/(?P<target_bucket>[^/]+)/o/(?P<target_object>[^/]+)"
_PATHS: tuple[tuple[str, dict[str, str]], ...] = (
    (r"/storage/v1/b", {"GET": "ListBuckets", "POST": "InsertBucket"}),
    (
        _BUCKET,
        {"GET": "GetBucket", "PATCH": "PatchBucket", "PUT": "UpdateBucket", "DELETE": "DeleteBucket"},
    ),
    (rf"{_BUCKET}/iam", {"GET": "GetBucketIamPolicy", "PUT": "SetBucketIamPolicy"}),
    (rf"{_BUCKET}/iam/testPermissions", {"GET": "TestBucketIamPermissions"}),
    (rf"{_BUCKET}/storageLayout", {"GET": "GetStorageLayout"}),
    (rf"{_BUCKET}/managedFolders", {"GET": "ListManagedFolders"}),
    (rf"{_BUCKET}/o", {"GET": "ListObjects"}),
    (
        _OBJECT,
        {"GET": "GetObject", "PATCH": "PatchObject", "PUT": "UpdateObject", "DELETE": "DeleteObject"},
    ),
    (rf"{_OBJECT}/compose", {"POST": "ComposeObject"}),
    (rf"{_OBJECT}/rewriteTo{_TARGET}", {"POST": "RewriteObject"}),
    (rf"{_OBJECT}/copyTo{_TARGET}", {"POST": "CopyObject"}),
    (rf"/download{_OBJECT}", {"GET": "DownloadObject"}),
    # gcloud's library begins resumable uploads below /resumable.
    (rf"(?:/resumable)?/upload{_BUCKET}/o", {"POST": "InsertObject", "PUT": "UploadChunk", "DELETE": "CancelUpload"}),
)
_PATTERNS = tuple((re.compile(path), verbs) for path, verbs in _PATHS)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for.

    Attributes:
        name: E.g. `InsertObject`.
        fields: What stands in the path: `bucket`, `object`, `target_bucket`, `target_object`.
    """

    name: str
    fields: Mapping[str, str]


def find_operation(verb: str, raw_path: str, query: Mapping[str, str]) -> Operation:
    """The operation that a request asks for.

    Args:
        verb: The HTTP method.
        raw_path: The path as sent, percent-encoded.
        query: The query's parameters.

    Raises:
        StorageError: 404, 405, or 501: there is no such operation here.
    """
    for pattern, verbs in _PATTERNS:
        if found := pattern.fullmatch(raw_path):
            if verb not in verbs:
                raise StorageError(405, "methodNotAllowed", f"The local cloud has no {verb} of {raw_path}.")
            try:
                fields = {name: unquote(value, errors="strict") for name, value in found.groupdict().items()}
            except UnicodeDecodeError:
                raise invalid("Names in paths are percent-encoded UTF-8.") from None
            return Operation(_refined(verbs[verb], query), fields)
    raise StorageError(501, "notImplemented", f"The local cloud does not emulate {verb} {raw_path}.")


def _refined(name: str, query: Mapping[str, str]) -> str:
    """Tells apart what the API does at one path."""
    if name == "GetObject" and query.get("alt") == "media":
        return "DownloadObject"
    if name == "InsertObject" and query.get("uploadType") == "resumable":
        return "UploadChunk" if "upload_id" in query else "StartUpload"
    return name
