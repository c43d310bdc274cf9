"""How SQLite is opened: a log written ahead and synced at each commit, and transactions that begin when they are told.

Everything that only SQLite needs is in this folder.
"""

import os
import sqlite3
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event

from regrade.serving.base.database_url import file_of

WRITE: Final = "regrade_write"
"""The execution option of a connection that begins a transaction which writes."""


def open_to_write(url: URL) -> Engine:
    """The database `url`, made where it is not there."""
    if (file := file_of(url)) is not None:
        # SQLite would make it readable by everyone; its log files take their permissions from it. Where this does not
        # succeed, the file is there or SQLite says why it cannot be.
        with suppress(OSError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    # Connections wait for each other inside SQLite, up to this many seconds.
    engine = create_engine(url, connect_args={"timeout": 30}, pool_size=8, max_overflow=24)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: Any) -> None:
        # Python's driver would begin transactions itself, too late and not for DDL: take that over, see `begin`.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        # What is deleted or changed is overwritten, so that what was erased cannot be read in the file.
        connection.execute("PRAGMA secure_delete=ON")
        # In WAL mode NORMAL may lose the last commits at a power cut; FULL syncs the log at every commit.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: a reader that turns into a writer would fail without waiting.
        write = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def open_to_read(url: URL) -> Engine:
    """The database `url`, which must be there; nothing can be written to it."""
    if not url.database or url.database == ":memory:":
        return create_engine(url)
    file = url.database if url.database.startswith("file:") else f"file:{quote(url.database)}"
    engine = create_engine(url.set(database=file, query={"mode": "ro", "uri": "true"}), connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
