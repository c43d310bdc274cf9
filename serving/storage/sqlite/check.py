"""SQLite's own look through a database: are its pages and indexes what they should be?"""

import sqlite3
import time
from typing import Final

from sqlalchemy import Connection

_STEPS: Final = 20_000
"""Instructions of SQLite's machine between two looks at the clock: some milliseconds."""
_MOST: Final = 5


def quick_check(connection: Connection, seconds: float) -> tuple[str, ...] | None:
    """What is wrong with the database, a line each and only the first few; None where there was not enough time.

    It does not compare indexes with their tables, and no look finds a changed byte within a text.
    """
    raw = raw_of(connection)
    end = time.monotonic() + seconds
    raw.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        return _lines(raw, f"PRAGMA quick_check({_MOST})")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    finally:
        raw.set_progress_handler(None, 0)


def full_check(connection: Connection) -> tuple[str, ...]:
    """What is wrong with the database, a line each and only the first few. It reads all of it."""
    return _lines(raw_of(connection), f"PRAGMA integrity_check({_MOST})")


def is_corrupt(error: BaseException | None) -> bool:
    """Whether SQLite says that the file is no longer what it should be."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT


def raw_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _lines(raw: sqlite3.Connection, query: str) -> tuple[str, ...]:
    try:
        found = tuple(str(line) for (line,) in raw.execute(query))
    except sqlite3.DatabaseError as error:
        if is_corrupt(error):
            return (str(error),)
        raise
    return () if found == ("ok",) else found
