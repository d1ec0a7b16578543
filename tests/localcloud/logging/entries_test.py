"""Log entries: their order, pages, buckets and expiry."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from msp.localcloud.clock import ManualClock
from msp.localcloud.logging import Entries, methods
from msp.localcloud.logging import messages as pb
from msp.localcloud.status import ApiError, Code
from msp.localcloud.store import Store

AUDIT, OWN = "cloudaudit.googleapis.com%2Factivity", "deploys"


class Log:
    def __init__(self, path: Path | None = None) -> None:
        self.clock = ManualClock()
        self.store = Store(path)
        self.entries = Entries(self.store, self.clock)
        self.methods = {method.name: method for method in methods(self.entries, self.clock)}

    def call(self, name: str, /, **fields: Any) -> Any:
        method = self.methods[name]
        assert method.handler is not None
        return method.handler(method.request_type(**fields))

    def write(self, text: str, log: str = OWN, project: str = "p", **fields: Any) -> None:
        entry = pb.LogEntry(log_name=f"projects/{project}/logs/{log}", text_payload=text, **fields)
        entry.resource.type = "global"
        self.entries.write(entry)

    def texts(self, *names: str, **fields: Any) -> list[str]:
        """All pages of a list."""
        found, token = [], ""
        while True:
            page = self.call("ListLogEntries", resource_names=names or ["projects/p"], page_token=token, **fields)
            found += [entry.text_payload for entry in page.entries]
            token = page.next_page_token
            if not token:
                return found


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.store.close()


@pytest.mark.parametrize("page_size", [1, 2, 3, 50])
def test_entries_come_in_the_order_of_their_timestamps_whatever_their_bucket(log: Log, page_size: int) -> None:
    for number in range(7):
        log.write(f"{number}", AUDIT if number % 2 else OWN)
        log.clock.advance(timedelta(seconds=number % 3))
    in_order = [f"{number}" for number in range(7)]
    assert log.texts(page_size=page_size) == in_order
    assert log.texts(page_size=page_size, order_by="timestamp asc") == in_order
    assert log.texts(page_size=page_size, order_by="timestamp desc") == in_order[::-1]


def test_a_page_is_not_disturbed_by_what_is_written_meanwhile(log: Log) -> None:
    for number in range(4):
        log.write(f"{number}")
    first = log.call("ListLogEntries", resource_names=["projects/p"], page_size=2, order_by="timestamp desc")
    log.write("late")
    log.clock.advance(timedelta(seconds=1))
    log.write("later")
    token = first.next_page_token
    rest = log.call("ListLogEntries", resource_names=["projects/p"], order_by="timestamp desc", page_token=token)
    assert [entry.text_payload for entry in [*first.entries, *rest.entries]] == ["3", "2", "1", "0"]


def test_a_page_that_little_matches_ends_in_time_and_goes_on(log: Log) -> None:
    for number in range(10):
        log.write(f"{number}", AUDIT if number % 2 else OWN)
    few = Entries(log.store, log.clock, most_scanned=3)
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        request = pb.ListLogEntriesRequest(
            resource_names=["projects/p"], filter="textPayload=(1 OR 8)", page_token=token
        )
        page, token = few.list(request)
        pages.append([entry.text_payload for entry in page])
    assert pages == [["1"], [], ["8"], []]


def test_buckets_projects_and_filters_narrow_what_is_listed(log: Log) -> None:
    log.write("audit", AUDIT)
    log.write("own")
    log.write("other", project="q")
    assert log.texts("projects/p/locations/global/buckets/_Required/views/_AllLogs") == ["audit"]
    assert log.texts("projects/p/locations/global/buckets/_Default") == ["own"]
    assert log.texts("projects/q", "projects/p") == ["audit", "own", "other"]
    assert log.texts(filter='textPayload="own"') == ["own"]
    later = (log.clock.now() + timedelta(seconds=1)).isoformat()
    assert log.texts(filter=f'timestamp>="{later}"') == []
    assert log.texts(filter=f'timestamp<"{later}"') == ["audit", "own"]


def test_an_entry_is_kept_as_long_as_its_bucket_says(log: Log) -> None:
    log.write("audit", AUDIT)
    log.write("own")
    log.clock.advance(timedelta(days=30, seconds=-1))
    assert log.texts() == ["audit", "own"]
    log.clock.advance(timedelta(seconds=2))
    assert log.texts() == ["audit"]
    log.write("new")
    assert log.store.count("log-entry") == 2
    log.clock.advance(timedelta(days=370))
    assert log.texts() == []
    log.write("newest")
    assert log.store.count("log-entry") == 1


def test_entries_and_their_order_outlive_a_process(tmp_path: Path) -> None:
    before = Log(tmp_path / "state.sqlite")
    before.write("1")
    before.write("2")
    before.store.close()
    after = Log(tmp_path / "state.sqlite")
    after.write("3")
    assert after.texts() == ["1", "2", "3"]
    assert after.call("ListLogs", parent="projects/p").log_names == [f"projects/p/logs/{OWN}"]
    after.store.close()


def test_logs_are_listed_by_name_in_pages(log: Log) -> None:
    for name in ("c", "a", "b"):
        log.write("", name)
    first = log.call("ListLogs", parent="projects/p", page_size=2)
    assert first.log_names == ["projects/p/logs/a", "projects/p/logs/b"]
    rest = log.call("ListLogs", parent="projects/p", page_size=2, page_token=first.next_page_token)
    assert (rest.log_names, rest.next_page_token) == (["projects/p/logs/c"], "")


def test_written_entries_are_completed_by_their_request(log: Log) -> None:
    first, second = pb.LogEntry(text_payload="1"), pb.LogEntry(text_payload="2", insert_id="mine")
    second.labels["stage"] = "prod"
    request = {"log_name": "projects/p/logs/own", "resource": {"type": "global"}, "labels": {"stage": "test"}}
    log.call("WriteLogEntries", entries=[first, second], dry_run=True, **request)
    assert log.texts() == []
    log.call("WriteLogEntries", entries=[first, second], **request)
    log.call("WriteLogEntries", entries=[second], **request)  # of the same moment and id: the same entry
    assert sorted(log.texts()) == ["1", "2"]
    assert log.texts(filter="labels.stage=prod insertId=mine") == ["2"]


@pytest.mark.parametrize(
    ("name", "fields", "problem"),
    [
        ("ListLogEntries", {}, "resource_names: is required"),
        ("ListLogEntries", {"resource_names": ["p"]}, "neither a project nor a bucket"),
        ("ListLogEntries", {"order_by": "severity"}, "order_by"),
        ("ListLogEntries", {"page_size": -1}, "page_size"),
        ("ListLogEntries", {"page_token": "nonsense"}, "page_token"),
        ("ListLogEntries", {"filter": "severity="}, "Unparseable filter"),
        ("WriteLogEntries", {"entries": [{"log_name": f"projects/p/logs/{AUDIT}"}]}, "Google's services alone"),
        ("WriteLogEntries", {"entries": [{"log_name": "deploys"}]}, "log_name"),
        ("WriteLogEntries", {"entries": [{"log_name": "projects/p/logs/own"}]}, "resource"),
    ],
)
def test_what_is_refused(log: Log, name: str, fields: dict[str, Any], problem: str) -> None:
    if name == "ListLogEntries" and fields:
        fields = {"resource_names": ["projects/p"], **fields}
    with pytest.raises(ApiError) as caught:
        log.call(name, **fields)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert problem in caught.value.message


@pytest.mark.parametrize("parent", ["organizations/1", "folders/1", "billingAccounts/1"])
def test_only_projects_have_logs_here(log: Log, parent: str) -> None:
    for name, fields in (("ListLogs", {"parent": parent}), ("ListLogEntries", {"resource_names": [parent]})):
        with pytest.raises(ApiError) as caught:
            log.call(name, **fields)
        assert caught.value.code is Code.UNIMPLEMENTED
