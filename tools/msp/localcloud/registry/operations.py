"""The operations of the registry's API, by verb and path (distribution specification, "Endpoints").

Their names are those that faults know, `registry/PutManifest`.
"""

import re
from dataclasses import dataclass

from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.names import check_name

_NAME = r"(?P<repository>.+)"
_PATHS: tuple[tuple[str, dict[str, str]], ...] = (
    (r"/v2/?", {"GET": "Ping", "HEAD": "Ping"}),
    (r"/v2/_catalog", {"GET": "ListRepositories"}),
    (r"/v2/token", {"GET": "GetToken", "POST": "GetToken"}),
    (rf"/v2/{_NAME}/tags/list", {"GET": "ListTags"}),
    (
        rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)",
        {"HEAD": "HeadManifest", "GET": "GetManifest", "PUT": "PutManifest", "DELETE": "DeleteManifest"},
    ),
    (rf"/v2/{_NAME}/blobs/uploads/?", {"POST": "StartBlobUpload"}),
    (
        rf"/v2/{_NAME}/blobs/uploads/(?P<reference>[^/]+)",
        {"GET": "GetBlobUpload", "PATCH": "UploadBlobChunk", "PUT": "UploadBlob", "DELETE": "CancelBlobUpload"},
    ),
    (
        rf"/v2/{_NAME}/blobs/(?P<reference>[^/]+)",
        {"HEAD": "HeadBlob", "GET": "GetBlob", "DELETE": "DeleteBlob"},
    ),
    (rf"/v2/{_NAME}/referrers/(?P<reference>[^/]+)", {"GET": "ListReferrers"}),
)
_PATTERNS = tuple((re.compile(path), verbs) for path, verbs in _PATHS)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for.

    Attributes:
        name: E.g. `PutManifest`.
        repository: The repository's name, empty where there is none.
        reference: The digest, tag or upload in the path, empty where there is none.
    """

    name: str
    repository: str
    reference: str


def find_operation(verb: str, path: str) -> Operation:
    """The operation that a request asks for.

    Args:
        verb: The HTTP method.
        path: The decoded path, from `/v2` on.

    Raises:
        RegistryError: `NAME_INVALID`; `UNSUPPORTED`: there is no such operation.
    """
    for pattern, verbs in _PATTERNS:
        if found := pattern.fullmatch(path):
            if verb not in verbs:
                raise RegistryError("UNSUPPORTED", f"{verb} is not supported here", headers={"Allow": ", ".join(verbs)})
            fields = found.groupdict()
            repository = fields.get("repository", "")
            return Operation(
                verbs[verb], check_name(repository) if "repository" in fields else "", fields.get("reference", "")
            )
    raise RegistryError("UNSUPPORTED", f"no such endpoint: {path}", status=404)
