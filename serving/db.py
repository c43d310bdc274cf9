"""The database: how it is opened, how a transaction is begun, and how its schema is brought up to date.

Everything that only SQLite needs is in this file. Any other database that SQLAlchemy knows is opened as it is.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from regrade.serving.disk import storage_faults
from regrade.serving.errors import DatabaseError, StorageError
from regrade.serving.migrations import HEAD

WRITE = "regrade_write"
_AFTER = "regrade_after_commit"
_ADVICE = (
    "Check REGRADE_DATABASE_URL, such as postgresql+psycopg://user:password@host/name, or leave it out for SQLite in "
    "the data directory."
)


class Database:
    """One engine. `read()` and `write()` give a connection in a transaction, from any thread.

    With `read_only`, nothing is written, not even by mistake, and no database is made where there is none.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        try:
            parsed = make_url(url)
            self._shown = parsed.render_as_string(hide_password=True)
        except (ArgumentError, ValueError) as error:
            # The URL is not shown: it may hold a password.
            raise DatabaseError(f"REGRADE_DATABASE_URL is not a database URL. {_ADVICE}") from error
        try:
            self.engine = _open_to_read(parsed) if read_only else _open(parsed)
        except NoSuchModuleError as error:
            raise DatabaseError(f"The database {self._shown} is of an unknown kind. {_ADVICE}") from error
        except ImportError as error:
            driver = error.name or str(error)
            raise DatabaseError(
                f"The database {self._shown} needs the driver {driver!r}. Install it beside regrade, or name another "
                "driver in REGRADE_DATABASE_URL."
            ) from error
        except (ArgumentError, TypeError, ValueError) as error:
            raise DatabaseError(f"The database {self._shown} cannot be opened: {error}. {_ADVICE}") from error

    @property
    def folder(self) -> Path | None:
        """The folder in which the database's file lies; None where it is none of this machine's."""
        file = _file(self.engine.url)
        return None if file is None else file.parent

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: it sees one state of the database throughout."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes. When this returns, what was written survives a loss of power.

        Raises `StorageError` where there is no room for it, or the disk fails.
        """
        writing = self.engine.connect().execution_options(**{WRITE: True})
        with storage_faults(self.folder), writing as connection:
            connection.info.pop(_AFTER, None)
            with connection.begin():
                yield connection
            for act in connection.info.pop(_AFTER, {}).values():
                act()

    def migrate(self) -> None:
        """Bring the schema to the newest revision, in one transaction: all of it happens, or nothing.

        It is the first thing that is asked of a database. Raises `DatabaseError` where it does not answer.
        """
        try:
            self._migrate()
        except StorageError as error:
            raise DatabaseError(f"The database {self._shown} cannot be brought up to date. {error}") from error
        except DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise DatabaseError(f"The database {self._shown} cannot be used: {reason}. {_ADVICE}") from error
        except UnicodeError as error:
            raise DatabaseError(
                f"The database {self._shown} cannot be used: its address is not valid. {_ADVICE}"
            ) from error

    def check_revision(self) -> None:
        """Raise `DatabaseError` where the database does not answer or its schema is not the newest."""
        try:
            with self.read() as connection:
                found = _revision(connection)
        except DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise DatabaseError(f"The database {self._shown} cannot be read: {reason}. {_ADVICE}") from error
        if found != HEAD:
            raise DatabaseError(
                f"The database {self._shown} has the schema {found or 'of no service'}, this regrade needs {HEAD}. "
                "Start `regrade serve` once with the same version of regrade: it brings the schema up to date."
            )

    def _migrate(self) -> None:
        with storage_faults(self.folder), self.read() as connection:
            if _revision(connection) == HEAD:
                return
        from alembic import command  # costs 0.1 s, and is needed once per upgrade
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def ping(self) -> None:
        """Raise SQLAlchemy's error when the database does not answer."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def after_commit(connection: Connection, name: str, act: Callable[[], None]) -> None:
    """Do `act` once the transaction of `Database.write` is committed, and not at all if it fails.

    Of several under the same `name` only the last is done.
    """
    connection.info.setdefault(_AFTER, {})[name] = act


def _migrations() -> Path:
    from regrade.serving import migrations

    return Path(migrations.__file__).parent


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _file(url: URL) -> Path | None:
    """The database's own file, where it is one that is opened by its name."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return None if url.database.startswith("file:") else Path(url.database)


def _open(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    if (file := _file(url)) is not None:
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


def _open_to_read(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # One state of the database for a whole transaction, as SQLite gives anyway.
        engine = create_engine(url, isolation_level="REPEATABLE READ", pool_pre_ping=True)
        return engine.execution_options(postgresql_readonly=True)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return create_engine(url, pool_pre_ping=True)
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
