"""The methods of `google.logging.v2.LoggingServiceV2`, as Google defines their verbs and paths."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.protobuf import empty_pb2
from google.protobuf.message import Message

from msp.localcloud.clock import Clock
from msp.localcloud.listing import read_token, write_token
from msp.localcloud.logging import messages as pb
from msp.localcloud.logging.entries import Entries, split_log_name
from msp.localcloud.methods import AnyMessage, Binding, Method
from msp.localcloud.status import ApiError, Code, invalid

SERVICE = "google.logging.v2.LoggingServiceV2"

_AHEAD = timedelta(hours=24)


def methods(entries: Entries, clock: Clock) -> Sequence[Method]:
    """The service's table, its handlers bound to a state."""
    calls = _Calls(entries, clock)
    empty = empty_pb2.Empty
    return [
        Method(
            SERVICE,
            "ListLogEntries",
            (Binding("POST", "/v2/entries:list", "*"),),
            pb.ListLogEntriesRequest,
            pb.ListLogEntriesResponse,
            calls.list_entries,
        ),
        Method(
            SERVICE,
            "WriteLogEntries",
            (Binding("POST", "/v2/entries:write", "*"),),
            pb.WriteLogEntriesRequest,
            pb.WriteLogEntriesResponse,
            calls.write_entries,
        ),
        Method(
            SERVICE,
            "ListLogs",
            (Binding("GET", "/v2/{parent=*/*}/logs"),),
            pb.ListLogsRequest,
            pb.ListLogsResponse,
            calls.list_logs,
        ),
        Method(
            SERVICE, "DeleteLog", (Binding("DELETE", "/v2/{log_name=*/*/logs/*}"),), pb.DeleteLogRequest, empty, None
        ),
        Method(
            SERVICE,
            "ListMonitoredResourceDescriptors",
            (Binding("GET", "/v2/monitoredResourceDescriptors"),),
            pb.ListMonitoredResourceDescriptorsRequest,
            pb.ListMonitoredResourceDescriptorsResponse,
            None,
        ),
    ]


class _Calls:
    def __init__(self, entries: Entries, clock: Clock) -> None:
        self._entries = entries
        self._clock = clock

    def list_entries(self, request: AnyMessage) -> Message:
        found, token = self._entries.list(request)
        response: Message = pb.ListLogEntriesResponse(entries=found, next_page_token=token)
        return response

    def list_logs(self, request: AnyMessage) -> Message:
        parents = [*(request.resource_names or [request.parent])]
        for parent in parents:
            if not parent.startswith("projects/"):
                raise ApiError(Code.UNIMPLEMENTED, f"The local cloud has projects only, and not {parent}")
        names = sorted({name for parent in parents for name in self._entries.logs("/".join(parent.split("/")[:2]))})
        asked = "|".join(sorted(parents))
        start = read_token(request.page_token, asked) or 0
        if not isinstance(start, int) or request.page_size < 0:
            raise invalid("page_token", "is not one that this list gave")
        end = start + min(request.page_size or 50, 1000)
        token = write_token(asked, end) if end < len(names) else ""
        response: Message = pb.ListLogsResponse(log_names=names[start:end], next_page_token=token)
        return response

    def write_entries(self, request: AnyMessage) -> Message:
        now = self._clock.now()
        whole = [self._completed(request, entry, now) for entry in request.entries]
        if not request.dry_run:
            for entry in whole:
                self._entries.write(entry)
        response: Message = pb.WriteLogEntriesResponse()
        return response

    def _completed(self, request: AnyMessage, given: AnyMessage, now: datetime) -> AnyMessage:
        entry = pb.LogEntry()
        entry.CopyFrom(given)
        entry.log_name = given.log_name or request.log_name
        _, log_id = split_log_name(entry.log_name)
        if log_id.startswith("cloudaudit.googleapis.com/"):
            raise invalid("log_name", f"{entry.log_name} is written by Google's services alone")
        if not given.HasField("resource"):
            entry.resource.CopyFrom(request.resource)
        if not entry.resource.type:
            raise invalid("resource", "is required: a monitored resource with its type")
        for name, value in request.labels.items():
            if name not in given.labels:
                entry.labels[name] = value
        if given.HasField("timestamp") and given.timestamp.ToDatetime() > now.replace(tzinfo=None) + _AHEAD:
            raise invalid("timestamp", "is more than 24 hours in the future")
        return entry
