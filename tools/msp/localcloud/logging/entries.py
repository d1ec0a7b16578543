"""Log entries as they are kept: in the order of their timestamps, each in the bucket that says how long."""

import hashlib
import heapq
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from msp.localcloud.clock import Clock
from msp.localcloud.listing import read_token, write_token
from msp.localcloud.logging import matching
from msp.localcloud.logging import messages as pb
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code, invalid
from msp.localcloud.store import Order, Store

RETENTION = {"_Required": timedelta(days=400), "_Default": timedelta(days=30)}
"""How long a bucket keeps entries; Google's `_Required`, which holds the audit logs that can't be switched off, for 400
days, and `_Default` for 30 (https://cloud.google.com/logging/quotas#logs_retention_periods)."""

_KIND = "log-entry"
_LOG = "log"
_REQUIRED = frozenset({"cloudaudit.googleapis.com/activity", "cloudaudit.googleapis.com/system_event"})
_MOST_PAGE_SIZE = 1000
_CHUNK = 500
_PURGE_AFTER = timedelta(days=1)
_WHERE = re.compile(r"projects/([^/]+)(?:/locations/global/buckets/(_Required|_Default)(?:/views/[^/]+)?)?")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class _Stream:
    """The entries of a project's bucket."""

    project: str
    bucket: str

    @property
    def prefix(self) -> str:
        return f"{self.project}/{self.bucket}/"

    def key(self, nanoseconds: int, rest: str = "") -> str:
        return f"{self.prefix}{nanoseconds:020d}/{rest}"


class Entries:
    """Writes and lists entries.

    Args:
        store: Keeps them; no more of them than a page's are in memory at once.
        clock: Gives them timestamps, and tells which have expired.
        most_scanned: How many entries are looked at for a page. One that few entries match ends there, short or empty,
            and the next goes on, as Google's do; nobody else waits for it meanwhile.
    """

    def __init__(self, store: Store, clock: Clock, most_scanned: int = 10_000) -> None:
        self._store = store
        self._clock = clock
        self._most_scanned = most_scanned
        self._purged = clock.now() - _PURGE_AFTER

    def write(self, entry: AnyMessage) -> None:
        """Keeps a `LogEntry`, whose log and resource are set; it gets the timestamps and the id that it does not have.

        One with the timestamp, log and id of another takes its place.
        """
        now = self._clock.now()
        entry.receive_timestamp.FromDatetime(now)
        if not entry.HasField("timestamp"):
            entry.timestamp.CopyFrom(entry.receive_timestamp)
        project, log_id = split_log_name(entry.log_name)
        with self._store.transaction():
            self._purge()
            # Entries of the same moment are listed in the order of their ids, hence as they were written.
            entry.insert_id = entry.insert_id or _base36(self._store.created())
            stream = _Stream(project, "_Required" if log_id in _REQUIRED else "_Default")
            name = stream.key(_nanoseconds(entry), f"{entry.insert_id}/{log_id}")
            self._store.put(_KIND, name, entry.SerializeToString())
            if self._store.get(_LOG, entry.log_name) is None:
                self._store.put(_LOG, entry.log_name, b"", parent=f"projects/{project}")

    def _purge(self) -> None:
        """Forgets what has expired; looked at once a day."""
        now = self._clock.now()
        if now - self._purged < _PURGE_AFTER:
            return
        self._purged = now
        projects = {split_log_name(log.name)[0] for log in self._store.list(_LOG)}
        for project in projects:
            for bucket, kept in RETENTION.items():
                stream = _Stream(project, bucket)
                self._store.delete_between(_KIND, stream.key(0), stream.key(_of(now - kept)))

    def logs(self, project: str) -> list[str]:
        """The names of the logs of a project, `projects/p`, in order."""
        return [document.name for document in self._store.list(_LOG, parent=project, order="name")]

    def list(self, request: AnyMessage) -> tuple[list[AnyMessage], str]:
        """A page of what a `ListLogEntriesRequest` asks for, and the token of the next; empty when this is the last.

        Raises:
            ApiError: `INVALID_ARGUMENT`: no or wrong resource names, a wrong filter, order, size or token;
                `UNIMPLEMENTED`: a folder's, an organization's or a billing account's entries.
        """
        streams = _streams(request.resource_names)
        order = _order(request.order_by)
        if request.page_size < 0:
            raise invalid("page_size", "must not be negative")
        size = min(request.page_size or 50, _MOST_PAGE_SIZE)
        holds, wanted = matching.matcher(request.filter), matching.fragments(request.filter)
        asked = [*sorted(request.resource_names), request.filter, order]
        asked_hash = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
        resume = read_token(request.page_token, asked_hash)
        if resume is not None and not isinstance(resume, str):
            raise invalid("page_token", "is not one that this list gave")
        span = matching.between(request.filter)
        reads = [self._read(stream, order, span, resume) for stream in streams]
        merged = heapq.merge(*reads, key=lambda one: one[0], reverse=order == "name_descending")
        found: list[AnyMessage] = []
        for number, (place, payload) in enumerate(merged, start=1):
            lowered = payload.lower() if wanted else b""
            if all(fragment in lowered for fragment in wanted):
                entry = pb.LogEntry.FromString(payload)
                if holds(entry):
                    found.append(entry)
            if len(found) == size or number == self._most_scanned:
                return found, write_token(asked_hash, place) if next(merged, None) else ""
        return found, ""

    def _read(
        self, stream: _Stream, order: Order, span: tuple[int, int], resume: str | None
    ) -> Iterator[tuple[str, bytes]]:
        """The entries of a bucket that are kept still, in order; each with its place, which is alike in all buckets."""
        first = max(span[0], _of(self._clock.now() - RETENTION[stream.bucket]))
        low, high = stream.key(first), stream.key(span[1], "\U0010ffff")
        start = stream.prefix
        after = low if order == "name" else high
        if resume is not None:
            after = max(after, start + resume) if order == "name" else min(after, start + resume)
        while True:
            documents = self._store.list(_KIND, prefix=start, order=order, after=after, limit=_CHUNK)
            for document in documents:
                if not low <= document.name <= high:
                    return
                yield document.name.removeprefix(start), document.payload
            if len(documents) < _CHUNK:
                return
            after = documents[-1].name


def split_log_name(name: str) -> tuple[str, str]:
    """Project and id of a log's name: `p` and `cloudaudit.googleapis.com/activity`.

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    found = re.fullmatch(r"projects/([^/]+)/logs/([\w.%-]{1,511})", name, re.ASCII)
    if found is None:
        raise invalid("log_name", f"{name!r} is not of the form projects/*/logs/*")
    return found[1], unquote(found[2])


def _streams(names: Sequence[str]) -> list[_Stream]:
    if not names:
        raise invalid("resource_names", "is required")
    streams: dict[_Stream, None] = {}
    for name in names:
        if re.match(r"(folders|organizations|billingAccounts)/", name):
            raise ApiError(Code.UNIMPLEMENTED, f"The local cloud has projects only, and not {name}")
        found = _WHERE.fullmatch(name)
        if found is None:
            raise invalid("resource_names", f"{name!r} is neither a project nor a bucket or a view of one")
        for bucket in [found[2]] if found[2] else RETENTION:
            streams[_Stream(found[1], bucket)] = None
    return list(streams)


def _order(order_by: str) -> Order:
    words = order_by.lower().split()
    if words in ([], ["timestamp"], ["timestamp", "asc"]):
        return "name"
    if words == ["timestamp", "desc"]:
        return "name_descending"
    raise invalid("order_by", f"{order_by!r} is neither 'timestamp asc' nor 'timestamp desc'")


def _nanoseconds(entry: AnyMessage) -> int:
    return max(0, int(entry.timestamp.seconds) * 10**9 + int(entry.timestamp.nanos))


def _of(moment: datetime) -> int:
    return max(0, int(moment.timestamp()) * 10**9)


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(12, "0")
