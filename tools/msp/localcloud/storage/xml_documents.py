"""The documents of Storage's XML API (https://cloud.google.com/storage/docs/xml-api/reference-methods)."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.responses import Response

from msp.localcloud.storage.errors import StorageError
from msp.localcloud.storage.listing import Page, Query
from msp.localcloud.storage.records import Object

_CODES = {
    400: "InvalidArgument",
    401: "AuthenticationRequired",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    409: "Conflict",
    412: "PreconditionFailed",
    416: "InvalidRange",
    429: "SlowDown",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}
_NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"


@dataclass(frozen=True, slots=True)
class ListForm:
    """How a list is asked for and shown.

    Attributes:
        version: 1, which goes on after a marker, or 2, which goes on with a token.
        encoded: Whether names are percent-encoded: XML can't hold all that they may.
    """

    version: int
    encoded: bool


def document(body: str, status: int = 200) -> Response:
    """An XML document as an answer."""
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{body}', status, media_type="application/xml")


def error_document(error: StorageError) -> Response:
    """A refusal."""
    code = error.code or _CODES.get(error.status, "InternalError")
    return document(f"<Error>{_element('Code', code)}{_element('Message', error.message)}</Error>", error.status)


def location_document(location: str) -> Response:
    """Where a bucket is."""
    return document(_element("LocationConstraint", location))


def list_document(query: Query, page: Page, following: str, form: ListForm) -> Response:
    """A page of a bucket's objects.

    Args:
        query: What was asked for.
        page: What was found.
        following: What the next page is asked for with, in the form's own way; empty when this is the last.
        form: How the list is shown.
    """
    name: Callable[[str], str] = (lambda text: quote(text, safe="/")) if form.encoded else str
    parts = [_element("Name", query.bucket), _element("Prefix", name(query.prefix))]
    if form.version == 1:
        parts.append(_element("Marker", name(query.after)))
        parts += [_element("NextMarker", name(following))] if following else []
    else:
        parts.append(_element("KeyCount", len(page.items) + len(page.prefixes)))
        parts += [_element("NextContinuationToken", following)] if following else []
    parts.append(_element("MaxKeys", query.limit))
    parts += [_element("Delimiter", name(query.delimiter))] if query.delimiter else []
    parts += [_element("EncodingType", "url")] if form.encoded else []
    parts.append(_element("IsTruncated", "true" if following else "false"))
    parts += [_contents(found, name) for found in page.items]
    parts += [f"<CommonPrefixes>{_element('Prefix', name(prefix))}</CommonPrefixes>" for prefix in page.prefixes]
    return document(f'<ListBucketResult xmlns="{_NAMESPACE}">{"".join(parts)}</ListBucketResult>')


def entity_tag(stored: Object) -> str:
    """An object's entity tag: its MD5, unless it was composed."""
    return f'"{base64.b64decode(stored.md5).hex()}"' if stored.md5 else f'"-{stored.etag}"'


def _contents(stored: Object, name: Callable[[str], str]) -> str:
    parts = [
        _element("Key", name(stored.name)),
        _element("Generation", stored.generation),
        _element("MetaGeneration", stored.metageneration),
        _element("LastModified", stored.updated),
        _element("ETag", entity_tag(stored)),
        _element("Size", stored.size),
        _element("StorageClass", stored.properties.get("storageClass", "STANDARD")),
    ]
    return f"<Contents>{''.join(parts)}</Contents>"


def _element(name: str, value: object) -> str:
    text = re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda found: f"&#{ord(found[0])};", escape(str(value)))
    return f"<{name}>{text}</{name}>"
