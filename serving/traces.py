"""What is left of erased text in the files of an SQLite database, and how it is made unreadable.

`secure_delete` (`regrade.serving.db`) overwrites what is changed or deleted in its place. Copies of it may be left

- in an index, where SQLite has split a page of it and not overwritten what it moved away;
- in the log, until that is emptied;
- anywhere in the file, where it was changed before `secure_delete` was set.

Other databases are for whoever runs them, who also keeps their logs.
"""

import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Column, Connection

from regrade.serving.db import Database
from regrade.serving.disk import storage_faults

_BRIEFLY: Final = 0.1
"""Seconds for which the emptying of the log may keep others from writing."""
_ATTEMPTS: Final = 10

log = logging.getLogger("regrade")


def leave_none(database: Database, columns: Sequence[Column[Any]], *, whole: bool = False) -> bool:
    """Make unreadable what stood in `columns` and was changed or deleted; with `whole`, all that ever was in the file.

    The indexes of the columns are built anew, or the whole file, and the log is emptied. False where others who are at
    the database stand in the way of that now. Raises `StorageError` where there is no room for it.
    """
    if (file := _file(database.engine.url)) is None:
        return True
    if whole:
        log.info("writing the database anew, once, so that nothing that was deleted is left in it")
        if not _on_its_own(file, "VACUUM", seconds=30):
            return False
    else:
        _build_indexes(database, columns)
    return any(_empties_log(file, attempt) for attempt in range(_ATTEMPTS))


def _build_indexes(database: Database, columns: Sequence[Column[Any]]) -> None:
    with database.read() as connection:
        names = _indexes(connection, columns)
    for name in names:
        started = time.monotonic()
        with database.write() as connection:
            connection.exec_driver_sql(f'REINDEX "{name}"')
        time.sleep(time.monotonic() - started)  # in which others write


def _indexes(connection: Connection, columns: Sequence[Column[Any]]) -> list[str]:
    """The indexes in which any of `columns` is."""
    found = []
    for table in {column.table for column in columns}:
        names = {column.name for column in columns if column.table is table}
        for index in connection.exec_driver_sql(f"PRAGMA index_list({table.name})").all():
            parts = connection.exec_driver_sql(f'PRAGMA index_info("{index.name}")').all()
            found += [index.name] if names & {part.name for part in parts} else []
    return sorted(found)


def _empties_log(file: Path, attempt: int) -> bool:
    # While it waits for readers nobody can write: so it gives up soon, and comes again.
    time.sleep(_BRIEFLY if attempt else 0.0)
    return _on_its_own(file, "PRAGMA wal_checkpoint(TRUNCATE)", seconds=_BRIEFLY)


def _on_its_own(file: Path, statement: str, seconds: float) -> bool:
    """Run a statement that waits for others at most so long, on a connection of its own; False where they are in it."""
    with storage_faults(file.parent), closing(sqlite3.connect(file, timeout=seconds, isolation_level=None)) as own:
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


def _file(url: URL) -> Path | None:
    named = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database) if named and url.database else None
