"""Answers of Google's REST APIs: JSON, as its caller likes enums written, compressed for whoever takes it."""

import gzip

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from msp.localcloud.json_text import json_text
from msp.localcloud.listed import Listed

MEDIA_TYPE = "application/json; charset=UTF-8"
_WORTH_IT = range(1024, 512 * 1024)
"""So many bytes are compressed. Pages of megabytes are sent sooner, on one machine, than they are compressed."""

_FASTEST = 1


def answer(message: Message | Listed, request: Request) -> Response:
    """A message, or a page of a list, as the answer to a request."""
    alternatives = (value for name, value in request.query_params.multi_items() if name in {"$alt", "alt"})
    numbers = any("enum-encoding=int" in value for value in alternatives)
    return compressed(json_text(message, enum_numbers=numbers).encode(), request)


def compressed(content: bytes, request: Request) -> Response:
    """JSON as the answer to a request, compressed when its client takes that and it is worth it."""
    headers = {"Vary": "Accept-Encoding"}
    if len(content) in _WORTH_IT and accepts_gzip(request.headers.get("accept-encoding", "")):
        content = gzip.compress(content, compresslevel=_FASTEST, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=MEDIA_TYPE)


def accepts_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` (`gzip;q=1.0, identity;q=0.5`) has gzip in it, and not at zero."""
    for part in accepted.split(","):
        name, _, quality = part.replace(" ", "").partition(";q=")
        if name.lower() in {"gzip", "x-gzip"}:
            return not quality or quality.strip("0.") != ""
    return False
