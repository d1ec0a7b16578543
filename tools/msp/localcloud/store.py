"""Everything that the local cloud remembers, in SQLite: documents, and what is to be done when.

A document is a serialized message with a kind, a name, a parent, and keys under which it is found. A change that was
committed survives `kill -9` (write-ahead log, `synchronous=FULL`). One thread uses a store.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

Order = Literal["newest", "oldest", "name", "name_descending"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  parent TEXT NOT NULL,
  payload BLOB NOT NULL,
  UNIQUE (kind, name)
);
CREATE INDEX IF NOT EXISTS documents_by_parent ON documents (kind, parent, id);
CREATE INDEX IF NOT EXISTS documents_by_kind ON documents (kind, id);
CREATE TABLE IF NOT EXISTS keys (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  PRIMARY KEY (kind, key, value, document)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_document ON keys (document);
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  due INTEGER NOT NULL,
  task TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (task, name)
);
CREATE INDEX IF NOT EXISTS tasks_by_due ON tasks (due, id);
"""
_SCHEMA_VERSION = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document.

    Attributes:
        id: Where it stands in the order of creation; never used twice.
        name: Its name, unique in its kind.
        payload: The serialized message.
    """

    id: int
    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is to be done at a time: the name of the work and of the resource it is for."""

    id: int
    due: datetime
    task: str
    name: str


class Store:
    """Documents and tasks.

    Args:
        path: The database's file, made when it isn't there; `None` keeps everything in memory.

    Raises:
        sqlite3.Error: The file is not a database, or can't be made.
        ValueError: It was written by another version of the local cloud.
    """

    def __init__(self, path: Path | None) -> None:
        # Opened in one thread and used in another (the one that serves), never by two at once.
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error:
            self._db.close()
            raise
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, _SCHEMA_VERSION}:
            self._db.close()
            raise ValueError(f"{path} was written by another version of the local cloud (schema {version})")
        self._db.executescript(_SCHEMA + f"PRAGMA user_version={_SCHEMA_VERSION};")
        self._depth = 0
        self._watchers: list[Callable[[], None]] = []
        self._observers: list[Callable[[str, str], None]] = []
        self.revision = 0
        """How many changes were committed since the store was opened."""

    def close(self) -> None:
        """Closes the database; nothing may be called after."""
        self._db.close()

    def watch(self, callback: Callable[[], None]) -> None:
        """Has `callback` called after every committed transaction."""
        self._watchers.append(callback)

    def observe(self, callback: Callable[[str, str], None]) -> None:
        """Has `callback` called with kind and name of each document that is written or deleted.

        That may be before others see the change, and it may be undone yet. For all that are deleted below a prefix,
        the prefix is told.
        """
        self._observers.append(callback)

    def _tell(self, kind: str, name: str) -> None:
        for callback in self._observers:
            callback(kind, name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is written together, or not at all when an exception leaves the block.

        A transaction in a transaction can fail by itself, and is committed with the outer one.
        """
        outermost = self._depth == 0
        savepoint = f"level_{self._depth}"
        self._db.execute("BEGIN IMMEDIATE" if outermost else f"SAVEPOINT {savepoint}")
        self._depth += 1
        try:
            yield
            self._db.execute("COMMIT" if outermost else f"RELEASE {savepoint}")
        except BaseException:
            # On a full disk, SQLite may have undone everything by itself (https://sqlite.org/lang_transaction.html).
            if self._db.in_transaction:
                self._db.execute("ROLLBACK" if outermost else f"ROLLBACK TO {savepoint}")
                if not outermost:
                    self._db.execute(f"RELEASE {savepoint}")
            raise
        finally:
            self._depth -= 1
        if outermost:
            self.revision += 1
            for callback in self._watchers:
                callback()

    def put(
        self, kind: str, name: str, payload: bytes, *, parent: str = "", keys: Mapping[str, str] | None = None
    ) -> None:
        """Writes a document: a new one, or in the place of the one of that name, which keeps its `id`.

        Args:
            kind: What it is, e.g. `release`.
            name: Its name, unique in its kind.
            payload: The serialized message.
            parent: Under what it is listed.
            keys: Under what else it is found, e.g. `{"target": …}`; replaces the keys it had.
        """
        with self.transaction():
            (document,) = self._db.execute(
                "INSERT INTO documents (kind, name, parent, payload) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (kind, name) DO UPDATE SET payload = excluded.payload, parent = excluded.parent "
                "RETURNING id",
                (kind, name, parent, payload),
            ).fetchone()
            self._db.execute("DELETE FROM keys WHERE document = ?", (document,))
            if keys:
                self._db.executemany(
                    "INSERT INTO keys (kind, key, value, document) VALUES (?, ?, ?, ?)",
                    [(kind, key, value, document) for key, value in keys.items()],
                )
        self._tell(kind, name)

    def get(self, kind: str, name: str) -> bytes | None:
        """The payload of a document, or `None`."""
        row = self._db.execute("SELECT payload FROM documents WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return None if row is None else row[0]

    def delete(self, kind: str, name: str) -> bool:
        """Removes a document; tells whether it was there."""
        with self.transaction():
            cursor = self._db.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
        self._tell(kind, name)
        return cursor.rowcount > 0

    def delete_below(self, kind: str, prefix: str) -> int:
        """Removes the documents of a kind whose names begin with `prefix`; tells how many."""
        with self.transaction():
            cursor = self._db.execute(
                "DELETE FROM documents WHERE kind = ? AND name >= ? AND name < ?", (kind, prefix, _after(prefix))
            )
        self._tell(kind, prefix)
        return cursor.rowcount

    def delete_between(self, kind: str, first: str, last: str) -> int:
        """Removes the documents of a kind whose names are not before `first`, and before `last`; tells how many."""
        with self.transaction():
            cursor = self._db.execute(
                "DELETE FROM documents WHERE kind = ? AND name >= ? AND name < ?", (kind, first, last)
            )
            return cursor.rowcount

    def created(self) -> int:
        """How many documents were created, ever; those that are gone included."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone()
        return 0 if row is None else int(row[0])

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
    ) -> list[Document]:
        """Documents of a kind, in order, by keyset: a page costs the same wherever it stands.

        Args:
            kind: What they are.
            parent: Only those with this parent.
            prefix: Only those whose name begins so.
            keys: Only those that have all these keys with these values.
            order: `newest` or `oldest` created first, or by `name`, or by `name_descending`.
            after: Where the page before ended: the last document's `id`, or its name when in order of names.
            limit: The most to return; -1 for all.
        """
        begins_with_key = bool(keys) and parent is None
        descending = order in {"newest", "name_descending"}
        if order in {"name", "name_descending"}:
            by, name = "d.name", "d.name"
        elif begins_with_key:
            # The key's own index is in this order already: nothing is sorted, and the walk stops at the limit.
            by, name = "k.document", "d.name"
        else:
            # Likewise: walk in order and look at the names (`+` keeps their index out), rather than sort all names.
            by, name = "d.id", "+d.name"
        tables, where, values = _query(kind, parent, prefix, keys, name=name, begins_with_key=begins_with_key)
        resume = () if after is None else (after,)
        if resume:
            where += f" AND {by} {'<' if descending else '>'} ?"
        rows = self._db.execute(
            f"SELECT d.id, d.name, d.payload FROM {tables} WHERE {where} "  # noqa: S608 (own words)
            f"ORDER BY {by} {'DESC' if descending else 'ASC'} LIMIT ?",
            (*values, *resume, limit),
        )
        return [Document(*row) for row in rows]

    def list_by(
        self,
        kind: str,
        key: str,
        *,
        parent: str | None = None,
        prefix: str | None = None,
        keys: Mapping[str, str] | None = None,
        after: tuple[str, int] | None = None,
        limit: int,
    ) -> Sequence[tuple[str, Document]]:
        """Documents by the value of a key, the greatest first (of equal ones the newest), each with that value.

        Args:
            kind: What they are.
            key: The key; what does not have it is not listed.
            parent: As in `list`; likewise `prefix` and `keys`.
            prefix: Only those whose name begins so.
            keys: Only those that have these keys too.
            after: The last document's value and id on the page before.
            limit: The most to return.
        """
        _, where, values = _query(kind, parent, prefix, keys)
        resume: tuple[str | int, ...] = after or ()
        if after is not None:
            where += " AND (s.value, s.document) < (?, ?)"
        rows = self._db.execute(
            "SELECT s.value, d.id, d.name, d.payload FROM keys s CROSS JOIN documents d ON d.id = s.document "  # noqa: S608
            f"WHERE s.kind = ? AND s.key = ? AND {where} ORDER BY s.value DESC, s.document DESC LIMIT ?",
            (kind, key, *values, *resume, limit),
        )
        return [(row[0], Document(*row[1:])) for row in rows]

    def first(self, kind: str, key: str) -> Document | None:
        """The document with the smallest value of a key; of several, the one that was created first."""
        row = self._db.execute(
            "SELECT d.id, d.name, d.payload FROM keys k CROSS JOIN documents d ON d.id = k.document "
            "WHERE k.kind = ? AND k.key = ? ORDER BY k.value, k.document LIMIT 1",
            (kind, key),
        ).fetchone()
        return None if row is None else Document(*row)

    def count(
        self,
        kind: str,
        *,
        parent: str | None = None,
        prefix: str | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> int:
        """How many documents `list` would return without a limit."""
        begins_with_key = bool(keys) and parent is None
        tables, where, values = _query(kind, parent, prefix, keys, begins_with_key=begins_with_key)
        row = self._db.execute(f"SELECT COUNT(*) FROM {tables} WHERE {where}", values)  # noqa: S608 (own words)
        return int(row.fetchone()[0])

    def schedule(self, due: datetime, task: str, name: str) -> None:
        """Notes that `task` is to be done for `name` at `due`; the last word on a pair of them counts."""
        with self.transaction():
            self._db.execute("DELETE FROM tasks WHERE task = ? AND name = ?", (task, name))
            self._db.execute("INSERT INTO tasks (due, task, name) VALUES (?, ?, ?)", (_micros(due), task, name))

    def unschedule(self, task: str, name: str) -> None:
        """Forgets the task for `name`, if there is one."""
        with self.transaction():
            self._db.execute("DELETE FROM tasks WHERE task = ? AND name = ?", (task, name))

    def next_task(self) -> Task | None:
        """The task that is due first, or `None`."""
        row = self._db.execute("SELECT id, due, task, name FROM tasks ORDER BY due, id LIMIT 1").fetchone()
        return None if row is None else Task(row[0], _EPOCH + timedelta(microseconds=row[1]), row[2], row[3])

    def finish_task(self, task: Task) -> None:
        """Forgets a task that was done, unless it was scheduled again meanwhile."""
        with self.transaction():
            self._db.execute("DELETE FROM tasks WHERE id = ?", (task.id,))


def _query(
    kind: str,
    parent: str | None,
    prefix: str | None,
    keys: Mapping[str, str] | None,
    *,
    name: str = "d.name",
    begins_with_key: bool = False,
) -> tuple[str, str, tuple[str, ...]]:
    """Tables, condition and values of a query for documents, as `list` describes it.

    `name` is how the condition spells the name's column: `d.name`, or `+d.name` to keep its index out. With
    `begins_with_key`, SQLite walks the first of the keys, which is `k` then.
    """
    tables, where = "documents d", "d.kind = ?"
    values: tuple[str, ...] = (kind,)
    if parent is not None:
        where += " AND d.parent = ?"
        values += (parent,)
    if prefix is not None:
        where += f" AND {name} >= ? AND {name} < ?"
        values += (prefix, _after(prefix))
    for number, (key, value) in enumerate((keys or {}).items()):
        if number == 0 and begins_with_key:
            # CROSS JOIN has SQLite begin with the keys (https://sqlite.org/optoverview.html#crossjoin).
            tables = "keys k CROSS JOIN documents d ON d.id = k.document"
            where += " AND k.kind = ? AND k.key = ? AND k.value = ?"
        else:
            where += " AND EXISTS (SELECT 1 FROM keys WHERE document = d.id AND kind = ? AND key = ? AND value = ?)"
        values += (kind, key, value)
    return tables, where, values


def _after(prefix: str) -> str:
    """The first text that sorts after everything that begins with `prefix`."""
    return prefix + "\U0010ffff"


def _micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)
