"""Batches: several calls in one request, each a part of a multipart/mixed body.

https://cloud.google.com/storage/docs/batch
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message as Headers
from email.parser import BytesParser
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Scope

from msp.localcloud.http_faults import CONNECTION
from msp.localcloud.storage.errors import StorageError, invalid, refusal

MOST_CALLS = 100
"""As many as the real service takes."""


@dataclass(frozen=True, slots=True)
class BatchedCall:
    """A call in a batch.

    Attributes:
        identifier: Its Content-ID, by which the client finds the answer.
        verb: Its verb.
        target: Its path and query.
        headers: Its own headers.
        body: Its body.
    """

    identifier: str
    verb: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class _Answer:
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    def refuse(self, error: StorageError) -> None:
        self.status, self.headers = error.status, [(b"content-type", b"application/json")]
        self.body += json.dumps(error.to_json()).encode()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")


def read_batch(content_type: str, body: bytes) -> list[BatchedCall]:
    """The calls of a batch, in order.

    Raises:
        StorageError: 400 `invalid`: it is none, or has too many.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    parsed = BytesParser().parsebytes(head + body)
    if not parsed.is_multipart():
        raise invalid("A batch is of the Content-Type multipart/mixed, with a boundary.")
    parts = parsed.get_payload()
    if len(parts) > MOST_CALLS:
        raise invalid(f"The batch request has {len(parts)} calls; the most is {MOST_CALLS}.")
    return [_read_call(part) for part in parts if isinstance(part, Headers)]


def _read_call(part: Headers) -> BatchedCall:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    line, _, rest = content.lstrip().partition(b"\n")
    found = re.fullmatch(rb"([A-Z]+) (\S+)(?: HTTP/1\.1)?", line.strip())
    if found is None:
        raise invalid(f"Failed to parse the batched call {line[:100].decode('latin-1')!r}.")
    call = BytesParser().parsebytes(rest)
    body = call.get_payload(decode=True)
    return BatchedCall(
        identifier=str(part.get("Content-ID", "")),
        verb=found[1].decode(),
        target=found[2].decode("latin-1"),
        headers=[(name, str(value)) for name, value in call.items()],
        body=body.strip() if isinstance(body, bytes) else b"",
    )


async def answer_call(app: ASGIApp, scope: Scope, call: BatchedCall) -> bytes:
    """The part of the answer that is for one call.

    Args:
        app: Serves the call.
        scope: The batch's own request, whose host and authorization are those of each call.
        call: The call.
    """
    target, answer = urlsplit(call.target), _Answer()
    if not target.path.startswith("/storage/v1/") or "alt=media" in target.query:
        answer.refuse(refusal(400, "A batch takes no uploads, no downloads and no other API's calls."))
        return _write(call, answer)
    inherited = [(name, value) for name, value in scope["headers"] if name in {b"host", b"authorization"}]
    own = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in call.headers]
    own = [(name, value) for name, value in own if name not in {b"host", b"content-length"}]
    within = {
        **scope,
        "method": call.verb,
        "path": target.path,
        "raw_path": target.path.encode("latin-1"),
        "query_string": target.query.encode("latin-1"),
        "headers": [*inherited, *own, (b"content-length", str(len(call.body)).encode())],
        "extensions": {CONNECTION: scope["extensions"][CONNECTION]},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": call.body}

    await app(within, receive, answer.send)
    return _write(call, answer)


def _write(call: BatchedCall, answer: _Answer) -> bytes:
    identifier = re.sub(r"^<?([^>]*)>?$", r"<response-\1>", call.identifier) if call.identifier else ""
    lines = ["Content-Type: application/http"] + ([f"Content-ID: {identifier}"] if identifier else [])
    lines += ["", f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
    lines += [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in answer.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(answer.body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
