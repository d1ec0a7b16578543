"""Lists of objects: by prefix, with "directories", page by page."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from msp.localcloud.storage.errors import invalid
from msp.localcloud.storage.objects import LIVE, NONCURRENT, read
from msp.localcloud.storage.records import Object
from msp.localcloud.store import Store

MOST = 1000
"""The longest page, also the default one (https://cloud.google.com/storage/docs/json_api/v1/objects/list)."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be listed.

    Attributes:
        bucket: The bucket's name.
        prefix: Only names that begin so.
        delimiter: Names that hold it after the prefix are told only up to it; empty for none.
        delimiter_items: Whether objects whose names end with the delimiter are listed, too.
        start: Only names from here on.
        end: Only names before this one; empty for all.
        versions: Whether noncurrent generations are listed, too.
        after: Only names after this one, where the page before ended.
        limit: The most objects and prefixes.
    """

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    delimiter_items: bool = False
    start: str = ""
    end: str = ""
    versions: bool = False
    after: str = ""
    limit: int = MOST


@dataclass(frozen=True, slots=True)
class Page:
    """What was found: objects and prefixes in order, and where the next page begins (empty: there is none)."""

    items: tuple[Object, ...]
    prefixes: tuple[str, ...]
    token: str


def list_objects(store: Store, query: Query) -> Page:
    """A page of a list."""
    items: list[Object] = []
    prefixes: list[str] = []
    last = ""
    for name, found in _walk(store, query):
        # All generations of an object stand on one page, so that a name can say where a page ended.
        if len(items) + len(prefixes) >= query.limit and name != last:
            return Page(tuple(items), tuple(prefixes), page_token(last))
        last = name
        if found is None:
            prefixes.append(name)
        else:
            items.append(found)
    return Page(tuple(items), tuple(prefixes), "")


def _walk(store: Store, query: Query) -> Iterator[tuple[str, Object | None]]:
    """Names in order, with their objects; a common prefix has none."""
    told = query.after if query.delimiter and query.after.endswith(query.delimiter) else ""
    for found in _objects(store, query):
        if found.name < query.start or (told and found.name.startswith(told)):
            continue
        if query.end and found.name >= query.end:
            return
        at = found.name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if at < 0:
            yield found.name, found
            continue
        prefix = found.name[: at + len(query.delimiter)]
        if prefix == found.name and query.delimiter_items:
            yield found.name, found
        if prefix != told:
            told = prefix
            yield prefix, None


def _objects(store: Store, query: Query) -> Iterator[Object]:
    root = f"{query.bucket}/"
    if query.versions:
        documents = [
            document for kind in (LIVE, NONCURRENT) for document in store.list(kind, prefix=root + query.prefix)
        ]
        objects = [read(document.payload) for document in documents]
        objects.sort(key=lambda found: (found.name, found.generation))
        yield from (found for found in objects if found.name > query.after)
        return
    after = root + query.after if query.after else None
    while documents := store.list(LIVE, prefix=root + query.prefix, order="name", after=after, limit=MOST):
        for document in documents:
            yield read(document.payload)
        after = documents[-1].name


def page_token(name: str) -> str:
    """The token that leads on after a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def read_token(token: str) -> str:
    """The name in a token.

    Raises:
        StorageError: 400 `invalid`.
    """
    try:
        name = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise invalid(f"Invalid page token: {token!r}") from None
    return name
