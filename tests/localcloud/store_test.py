import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from msp.localcloud.store import Order, Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def test_pages_by_keyset_in_each_order() -> None:
    store = Store(None)
    for name in ("b", "a", "c"):
        store.put("x", f"p/{name}", name.encode(), parent="p", keys={"odd": str(name != "b")})
    assert [d.name for d in store.list("x", parent="p")] == ["p/c", "p/a", "p/b"]
    first = store.list("x", parent="p", limit=2)
    assert [d.name for d in store.list("x", parent="p", after=first[-1].id)] == ["p/b"]
    assert [d.name for d in store.list("x", order="name", after="p/a")] == ["p/b", "p/c"]
    assert [d.name for d in store.list("x", order="oldest", keys={"odd": "True"})] == ["p/a", "p/c"]
    assert store.count("x", prefix="p/", keys={"odd": "True"}) == 2
    store.close()


def test_every_way_to_ask_finds_the_same_in_every_order() -> None:
    store = Store(None)
    for name in ("b", "a", "c", "q/d"):
        store.put("x", f"p/{name}", b"", parent="p" if "/" not in name else "p/q", keys={"k": "v", "n": name})
        store.put("y", f"p/{name}", b"", parent="p", keys={"k": "v"})
    ways: list[dict[str, Any]] = [
        {"prefix": "p/"},
        {"keys": {"k": "v"}},
        {"prefix": "p/", "keys": {"k": "v"}},
        {},
    ]
    orders: dict[Order, list[str]] = {"newest": ["q/d", "c", "a", "b"], "oldest": ["b", "a", "c", "q/d"]}
    orders["name"] = ["a", "b", "c", "q/d"]
    for way in ways:
        assert store.count("x", **way) == 4
        for order, names in orders.items():
            found = store.list("x", order=order, **way)
            assert [document.name for document in found] == [f"p/{name}" for name in names], (way, order)
            place = found[1].name if order == "name" else found[1].id
            assert store.list("x", order=order, after=place, **way) == found[2:], (way, order)
            assert store.list("x", order=order, after=place, limit=1, **way) == found[2:3], (way, order)
    assert [document.name for document in store.list("x", parent="p", keys={"k": "v", "n": "a"})] == ["p/a"]
    store.close()


def test_put_keeps_the_place_and_replaces_the_keys() -> None:
    store = Store(None)
    store.put("x", "one", b"1", keys={"state": "new"})
    store.put("x", "two", b"2")
    store.put("x", "one", b"3", keys={"state": "old"})
    assert [(d.name, d.payload) for d in store.list("x", order="oldest")] == [("one", b"3"), ("two", b"2")]
    assert store.list("x", keys={"state": "new"}) == []
    assert store.delete("x", "one")
    assert not store.delete("x", "one")
    assert store.list("x", keys={"state": "old"}) == []
    store.close()


def test_the_first_by_a_key_that_sorts() -> None:
    store = Store(None)
    for name, since in (("b", "2"), ("a", "1"), ("c", "1")):
        store.put("x", name, b"", keys={"queue": since})
    found = store.first("x", "queue")
    assert found is not None
    assert found.name == "a"
    store.put("x", "a", b"")
    found = store.first("x", "queue")
    assert found is not None
    assert found.name == "c"
    assert store.first("x", "other") is None
    store.close()


def put_and_fail(store: Store, name: str) -> None:
    with store.transaction():
        store.put("x", name, b"")
        raise RuntimeError


def test_a_failed_transaction_leaves_nothing_and_a_nested_one_only_its_own() -> None:
    store = Store(None)
    with pytest.raises(RuntimeError):
        put_and_fail(store, "one")
    with store.transaction():
        store.put("x", "two", b"")
        with pytest.raises(RuntimeError):
            put_and_fail(store, "three")
    assert [d.name for d in store.list("x")] == ["two"]
    assert store.revision == 1
    store.close()


def test_tasks_come_in_order_and_the_last_word_counts() -> None:
    store = Store(None)
    store.schedule(T0 + timedelta(seconds=5), "render", "r")
    store.schedule(T0 + timedelta(seconds=2), "deploy", "d")
    store.schedule(T0, "render", "r")
    task = store.next_task()
    assert task is not None
    assert (task.task, task.name, task.due) == ("render", "r", T0)
    store.finish_task(task)
    store.unschedule("deploy", "d")
    assert store.next_task() is None
    store.close()


def test_refuses_a_file_of_another_version(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store._db.execute("PRAGMA user_version=99")
    store.close()
    with pytest.raises(ValueError, match="another version"):
        Store(tmp_path / "s")


_WRITER = """
import sys
from pathlib import Path
from msp.localcloud.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100000):
    with store.transaction():
        store.put("x", str(number), b"", keys={"k": "v"})
        store.put("y", str(number), b"")
    print(number, flush=True)
"""


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        acknowledged = -1
        for _ in range(50):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    store = Store(tmp_path / "s")
    written = {int(d.name) for d in store.list("x", keys={"k": "v"})}
    assert written >= set(range(acknowledged + 1))
    assert written == {int(d.name) for d in store.list("y")}
    store.close()
