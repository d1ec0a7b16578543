"""Pages of a list: filtered, ordered, resumed by keyset."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, TypeAlias

from google.protobuf.message import Message

from msp.localcloud import filters
from msp.localcloud.listed import Listed
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import invalid
from msp.localcloud.store import Document, Order, Store

DEFAULT_PAGE_SIZE = 50
MOST_PAGE_SIZE = 1000
_CHUNK = 200

Resume: TypeAlias = Any
"""Where a page ended: an id, a name, a key's value and an id, or a count. Read from a token, so checked before use."""

_Found: TypeAlias = tuple[Resume, bytes]
"""A resource, serialized, and where a page that ends with it ended."""


class Source(Protocol):
    """Where documents are listed from: the store, or what looks like it."""

    def list(
        self,
        kind: str,
        *,
        parent: str | None = None,
        prefix: str | None = None,
        keys: Mapping[str, str] | None = None,
        order: Order = "newest",
        after: int | str | None = None,
        limit: int = -1,
    ) -> "list[Document]":
        """Documents, as `Store.list` has them."""


@dataclass(frozen=True)
class Listing:
    """How documents of one kind are listed.

    Attributes:
        kind: The store's name for it.
        collection: The segment before its id: `releases`.
        message: The message's class.
        order: The order when none is asked for.
        keys: Which fields of a filter the store has as keys: `{"targetId": "target"}`.
        sort_keys: Which fields (`deploy_end_time`) the store has as keys that sort as they do.
        present: Adds what is not stored, when a document is shown.
    """

    kind: str
    collection: str
    message: Callable[[], Any]
    order: Order = "newest"
    keys: Mapping[str, str] = field(default_factory=dict)
    sort_keys: Mapping[str, str] = field(default_factory=dict)
    present: Callable[[Any], None] | None = None

    def parse(self, payload: bytes) -> AnyMessage:
        """The message of a payload."""
        message = self.message()
        message.ParseFromString(payload)
        if self.present is not None:
            self.present(message)
        return message


def page(store: Source, listing: Listing, request: AnyMessage, response_type: type[Message]) -> Listed:
    """One page of a list.

    Args:
        store: Where the documents are.
        listing: What is listed.
        request: A request with `parent`, `page_size`, `page_token`, and maybe `filter` and `order_by`. The parent may
            have `-` for any id.
        response_type: The class of the response.

    Raises:
        ApiError: `INVALID_ARGUMENT`: a wrong size, token, filter or order.
    """
    if request.page_size < 0:
        raise invalid("page_size", "must not be negative")
    size = min(request.page_size or DEFAULT_PAGE_SIZE, MOST_PAGE_SIZE)
    text, order_by = getattr(request, "filter", ""), getattr(request, "order_by", "")
    query = _Query(listing, request.parent, filters.parse(text))
    asked = hashlib.sha256(json.dumps([listing.kind, request.parent, text, order_by]).encode()).hexdigest()[:16]
    resume = read_token(request.page_token, asked)

    orders = _orders(order_by, listing)
    natural = _natural(orders, listing)
    if natural is not None:
        found = _documents(store, query, natural, resume, min(size + 1, _CHUNK))
    elif isinstance(store, Store) and len(orders) == 1 and orders[0][1] and orders[0][0] in listing.sort_keys:
        found = _documents_by_key(store, query, listing.sort_keys[orders[0][0]], resume, min(size + 1, _CHUNK))
    else:
        found = _documents_sorted(store, query, orders, resume)
    # One more than asked for tells whether there is a next page.
    taken = list(islice(found, size + 1))
    following = taken[size - 1][0] if len(taken) > size else None
    payloads = [payload for _, payload in taken[:size]]
    return Listed(response_type, payloads, "" if following is None else write_token(asked, following))


class _Query:
    """The documents below a parent that a filter lets through."""

    def __init__(self, listing: Listing, parent: str, expression: filters.Expression) -> None:
        self.listing = listing
        self._expression = None if expression == filters.All(()) else expression
        wanted = filters.equalities(expression)
        keys = {key: wanted[name] for name, key in listing.keys.items() if name in wanted}
        self.where: dict[str, Any] = {"keys": keys}
        self._names: re.Pattern[str] | None = None
        segments = parent.split("/")
        if "-" in segments:
            # `-` stands for any id (https://google.aip.dev/159); what follows it is checked name by name.
            self.where["prefix"] = "/".join(segments[: segments.index("-")]) + "/"
            pattern = "/".join("[^/]+" if segment == "-" else re.escape(segment) for segment in segments)
            self._names = re.compile(f"{pattern}/{listing.collection}/[^/]+")
        else:
            self.where["parent"] = parent

    def admit(self, document: Document) -> bytes | None:
        """What is shown of a document, serialized; `None` when it is not of this list."""
        if self._names is not None and not self._names.fullmatch(document.name):
            return None
        if self._expression is None and self.listing.present is None:
            return document.payload
        message = self.listing.parse(document.payload)
        if self._expression is not None and not filters.matches(self._expression, message):
            return None
        return document.payload if self.listing.present is None else bytes(message.SerializeToString())


def _documents(store: Source, query: _Query, order: Order, resume: Resume, chunk: int) -> Iterator[_Found]:
    """In an order that the store itself has; resumed by the last id or name."""
    if resume is not None and not isinstance(resume, str if order == "name" else int):
        raise _bad_token()

    def read(after: Resume) -> Sequence[tuple[Resume, Document]]:
        documents = store.list(query.listing.kind, order=order, after=after, limit=chunk, **query.where)
        return [(document.name if order == "name" else document.id, document) for document in documents]

    return _walk(read, query, resume, chunk)


def _documents_by_key(store: Store, query: _Query, key: str, resume: Resume, chunk: int) -> Iterator[_Found]:
    """By the value of a key, the greatest first; resumed by the last value and id."""
    if resume is not None and not (isinstance(resume, list) and [type(part) for part in resume] == [str, int]):
        raise _bad_token()

    def read(after: Resume) -> Sequence[tuple[Resume, Document]]:
        found = store.list_by(query.listing.kind, key, after=after, limit=chunk, **query.where)
        return [((value, document.id), document) for value, document in found]

    return _walk(read, query, resume and (resume[0], resume[1]), chunk)


def _walk(
    read: Callable[[Resume], Sequence[tuple[Resume, Document]]], query: _Query, resume: Resume, chunk: int
) -> Iterator[_Found]:
    """What a query lets through of documents that are read in chunks, each from where the one before ended."""
    while True:
        documents = read(resume)
        for place, document in documents:
            resume = place
            if (payload := query.admit(document)) is not None:
                yield place, payload
        if len(documents) < chunk:
            return


def _documents_sorted(
    store: Source, query: _Query, orders: Sequence[tuple[str, bool]], resume: Resume
) -> Iterator[_Found]:
    """In any other order: all are read and sorted; resumed by their count."""
    if resume is not None and (not isinstance(resume, int) or resume < 0):
        raise _bad_token()
    documents = store.list(query.listing.kind, order=query.listing.order, **query.where)
    payloads = [payload for document in documents if (payload := query.admit(document)) is not None]
    found = [(query.listing.message().FromString(payload), payload) for payload in payloads]
    for path, descending in reversed(orders):
        found.sort(key=lambda pair, path=path: _sort_key(pair[0], path), reverse=descending)  # type: ignore[misc]
    return islice(enumerate((payload for _, payload in found), start=1), resume or 0, None)


def _orders(order_by: str, listing: Listing) -> list[tuple[str, bool]]:
    """The fields of an `order_by` (https://google.aip.dev/132#ordering), with whether each descends."""
    orders = []
    for part in filter(None, (part.strip() for part in order_by.split(","))):
        words = part.split()
        if len(words) > 2 or (len(words) == 2 and words[1].lower() not in {"asc", "desc"}):
            raise invalid("order_by", f"{part!r} is not a field, and maybe asc or desc")
        path = ".".join(_snake(name) for name in words[0].split("."))
        _check_path(listing.message().DESCRIPTOR, path)
        orders.append((path, len(words) == 2 and words[1].lower() == "desc"))
    return orders


def _natural(orders: Sequence[tuple[str, bool]], listing: Listing) -> Order | None:
    """The store's own order that `order_by` comes to, if it is one: creation or name."""
    if not orders:
        return listing.order
    known: dict[tuple[str, bool], Order] = {
        ("create_time", True): "newest",
        ("create_time", False): "oldest",
        ("name", False): "name",
    }
    return known.get(orders[0])


def _check_path(descriptor: AnyMessage, path: str) -> None:
    for name in path.split("."):
        found = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if found is None or found.is_repeated:
            raise invalid("order_by", f"can't order by {path!r}")
        descriptor = found.message_type


def _sort_key(message: AnyMessage, path: str) -> tuple[bool, Any]:
    value = message
    for name in path.split("."):
        value = getattr(value, name)
    if isinstance(value, Message):
        # Timestamps and durations, by their two fields; what has neither stands equal.
        return (True, (getattr(value, "seconds", 0), getattr(value, "nanos", 0)))
    return (True, value)


def write_token(asked: str, following: Resume) -> str:
    """A token of a page's end, for the list that was `asked` for."""
    return base64.urlsafe_b64encode(json.dumps([asked, following]).encode()).decode()


def read_token(token: str, asked: str) -> Resume:
    """Where the page before ended; `None` without a token.

    Raises:
        ApiError: `INVALID_ARGUMENT`: it is no token, or was given for another list.
    """
    if not token:
        return None
    try:
        value = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise _bad_token() from None
    if not isinstance(value, list) or len(value) != 2 or isinstance(value[1], bool):
        raise _bad_token()
    if value[0] != asked:
        raise invalid("page_token", "belongs to a list with another parent, filter or order")
    return value[1]


def _bad_token() -> Exception:
    return invalid("page_token", "is not one that this list gave")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
