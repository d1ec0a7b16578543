"""The methods of the registry's API (distribution specification, "Endpoints"), by the names that faults know."""

from collections.abc import Sequence

from msp.localcloud.http_methods import HttpMethod, anybody
from msp.localcloud.registry.access import AccessRules
from msp.localcloud.registry.auth import Authenticator
from msp.localcloud.registry.call import Call
from msp.localcloud.registry.handlers import RegistryHandlers
from msp.localcloud.registry.state import RegistryState

_NAME = "/v2/{repository=**}"
_MANIFEST = f"{_NAME}/manifests/{{reference}}"
_BLOB = f"{_NAME}/blobs/{{reference}}"
_UPLOADS = f"{_NAME}/blobs/uploads"
_UPLOAD = f"{_UPLOADS}/{{reference}}"


def methods(state: RegistryState, authenticator: Authenticator) -> Sequence[HttpMethod[Call]]:
    """The registry's table, its handlers bound to a state."""
    do, may = RegistryHandlers(state, authenticator), AccessRules(authenticator)
    return [
        HttpMethod("GET", "/v2[/]", "Ping", do.ping, may.enter),
        HttpMethod("HEAD", "/v2[/]", "Ping", do.ping, may.enter),
        HttpMethod("GET", "/v2/_catalog", "ListRepositories", do.list_repositories, may.list_all),
        HttpMethod("GET", "/v2/token", "GetToken", do.get_token, anybody),
        HttpMethod("POST", "/v2/token", "GetToken", do.get_token, anybody),
        HttpMethod("GET", f"{_NAME}/tags/list", "ListTags", do.list_tags, may.pull),
        HttpMethod("HEAD", _MANIFEST, "HeadManifest", do.get_manifest, may.pull),
        HttpMethod("GET", _MANIFEST, "GetManifest", do.get_manifest, may.pull),
        HttpMethod("PUT", _MANIFEST, "PutManifest", do.put_manifest, may.push),
        HttpMethod("DELETE", _MANIFEST, "DeleteManifest", do.delete_manifest, may.delete),
        HttpMethod("POST", f"{_UPLOADS}[/]", "StartBlobUpload", do.start_upload, may.push),
        HttpMethod("GET", _UPLOAD, "GetBlobUpload", do.get_upload, may.push),
        HttpMethod("PATCH", _UPLOAD, "UploadBlobChunk", do.upload_chunk, may.push),
        HttpMethod("PUT", _UPLOAD, "UploadBlob", do.finish_upload, may.push),
        HttpMethod("DELETE", _UPLOAD, "CancelBlobUpload", do.cancel_upload, may.push),
        HttpMethod("HEAD", _BLOB, "HeadBlob", do.get_blob, may.pull),
        HttpMethod("GET", _BLOB, "GetBlob", do.get_blob, may.pull),
        HttpMethod("DELETE", _BLOB, "DeleteBlob", do.delete_blob, may.delete),
        HttpMethod("GET", f"{_NAME}/referrers/{{reference}}", "ListReferrers", do.list_referrers, may.pull),
    ]
