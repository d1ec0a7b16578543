"""A full disk, whoever notices it first: the file system or SQLite."""

import errno
import sqlite3

FULL = "The disk that the local cloud keeps its state on is full; nothing was changed"

_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE})


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room to write."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in _SQLITE
    return isinstance(error, OSError) and error.errno in _ERRNOS
