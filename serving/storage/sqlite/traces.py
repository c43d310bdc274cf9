"""What is left of erased text in the files of a SQLite database, and how it is made unreadable.

`secure_delete` (`engine`) overwrites what is changed or deleted in its place. Copies of it may be left

- in the log, until that is emptied;
- in an index, where SQLite has split a page and not overwritten what it moved away: in few indexes of a thousand;
- anywhere in the file, where it was changed before `secure_delete` was set.

Of other databases nothing is done: they are for whoever runs them, who also keeps their logs.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection

from regrade.serving.storage.database import Database
from regrade.serving.storage.disk import storage_faults

QUICK_ROWS: Final = 20_000
"""Rows of which an index is built in some 20 ms, for which nobody can write."""
_BRIEFLY: Final = 0.1
"""Seconds for which the emptying of the log may keep others from writing."""
_ATTEMPTS: Final = 10


def empty_log(database: Database) -> bool:
    """Move what is in the log into the database's file, and empty it; False where somebody still reads it."""
    file = database.file
    return file is None or any(_empties(file, attempt) for attempt in range(_ATTEMPTS))


def build_indexes(database: Database, columns: Sequence[Column[Any]]) -> None:
    """Build all indexes anew in which one of `columns` is, one after the other."""
    if database.file is None:
        return
    with database.read() as connection:
        names = _indexes(connection, columns)
    for name in names:
        started = time.monotonic()
        with database.write() as connection:
            connection.exec_driver_sql(f'REINDEX "{name}"')
        time.sleep(time.monotonic() - started)  # in which others write


def write_anew(database: Database) -> bool:
    """Write the whole file anew; False where others are at it. Raises `StorageError` where there is no room for it."""
    return database.file is None or _on_its_own(database.file, "VACUUM", seconds=30)


def quick_to_build(database: Database, column: Column[Any]) -> bool:
    """Whether building an index of `column` anew keeps nobody waiting to speak of."""
    if database.file is None:
        return True
    with database.read() as connection:
        rows = connection.exec_driver_sql(f"SELECT max(rowid) FROM {column.table.name}").scalar()
    return (rows or 0) <= QUICK_ROWS


def _indexes(connection: Connection, columns: Sequence[Column[Any]]) -> list[str]:
    found = []
    for table in {column.table for column in columns}:
        names = {column.name for column in columns if column.table is table}
        for index in connection.exec_driver_sql(f"PRAGMA index_list({table.name})").all():
            parts = connection.exec_driver_sql(f'PRAGMA index_info("{index.name}")').all()
            found += [index.name] if names & {part.name for part in parts} else []
    return sorted(found)


def _empties(file: Path, attempt: int) -> bool:
    # While it waits for readers nobody can write: so it gives up soon, and comes again.
    time.sleep(_BRIEFLY if attempt else 0.0)
    return _on_its_own(file, "PRAGMA wal_checkpoint(TRUNCATE)", seconds=_BRIEFLY)


def _on_its_own(file: Path, statement: str, seconds: float) -> bool:
    """Run a statement that waits for others at most so long, on a connection of its own; False where they are in it."""
    with storage_faults(file), closing(sqlite3.connect(file, timeout=seconds, isolation_level=None)) as own:
        own.execute("PRAGMA synchronous=FULL")
        own.execute("PRAGMA secure_delete=ON")
        try:
            row = own.execute(statement).fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
    # A checkpoint that was held up says so in its first column.
    return row is None or row[0] == 0
