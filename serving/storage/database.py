"""The database: how it is opened, how a transaction is begun, and how its schema is brought up to date.

What only SQLite needs is in `regrade.serving.storage.sqlite`, what only PostgreSQL does in
`regrade.serving.storage.postgresql`. There are no others: what holds with N writers was thought through for these two.
"""

import logging
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from regrade.serving.base.errors import (
    DamagedDatabaseError,
    DatabaseAwayError,
    DatabaseError,
    FieldFault,
    InvalidFieldsError,
    NewerDatabaseError,
    StorageError,
)
from regrade.serving.base.i18n import Message
from regrade.serving.storage import postgresql, sqlite
from regrade.serving.storage.disk import storage_faults
from regrade.serving.storage.migrations import HEAD, revisions
from regrade.serving.storage.scope import narrow, refuse_writing
from regrade.serving.storage.sqlite import WRITE, Guard

_AFTER = "regrade_after_commit"
CHECK_SECONDS = 5.0
"""Longest look through a SQLite database that was not closed in good order, before it is used again."""
_ADVICE = (
    "Check REGRADE_DATABASE_URL, such as postgresql+psycopg://user:password@host/name, or leave it out for SQLite in "
    "the data directory."
)

log = logging.getLogger("regrade")


class Database:
    """One engine. `read()` and `write()` give a connection in a transaction, from any thread.

    What is read is what may be seen in the context (see `scope`).

    With `read_only`, nothing is written, not even by mistake, and no database is made where there is none. Raises
    `DatabaseError`, and before SQLite has touched anything `DamagedDatabaseError` where acknowledged commits are
    missing.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        try:
            parsed = _with_driver(make_url(url))
            self._shown = parsed.render_as_string(hide_password=True)
        except (ArgumentError, ValueError) as error:
            # The URL is not shown: it may hold a password.
            raise DatabaseError(f"REGRADE_DATABASE_URL is not a database URL. {_ADVICE}") from error
        self.file = sqlite.file_of(parsed)
        """The database's own file, None where it is none of this machine's."""
        self._guard = _guard(self.file, read_only)
        if self._guard is not None:
            weakref.finalize(self, self._guard.close)
        self.shared = postgresql.is_postgresql(parsed)
        """Whether several services may use it at once, on several machines."""
        self.engine = self._opened(parsed, read_only)
        narrow(self.engine)
        self._reading = postgresql.reading(self.engine) if self.shared else self.engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: it sees one state of the database throughout."""
        with _told_of_nul(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, alongside: str | None = None) -> Iterator[Connection]:
        """A transaction that writes. When this returns, what was written survives a loss of power.

        Nobody else writes meanwhile, in no process: what is read within stays as it is until the end. With `alongside`
        others may that were called so too, with another name than this (SQLite lets them wait all the same): for what
        signs no step, and locks the rows that it decides by.

        Raises `StorageError` where there is no room for it, or the disk fails; and `DatabaseAwayError` where the
        database does not answer, or others have kept it busy for too long. What was told to commit then may have been
        stored, or not. Raises `OutOfScopeError` for those who see some sellers' rows alone.
        """
        refuse_writing()
        with storage_faults(self.file), _told_of_nul(), self._connected() as connection:
            connection.info.pop(_AFTER, None)
            with self._transaction(connection):
                if self.shared:
                    postgresql.take_turn(connection, alongside)
                yield connection
            acts = connection.info.pop(_AFTER, {})
        # What goes wrong from here on is no reason to say that nothing was stored.
        for act in acts.values():
            act()

    def migrate(self) -> None:
        """Bring the schema to the newest revision, in one transaction: all of it happens, or nothing.

        It is the first thing that is asked of a database. Raises `DatabaseError` where it does not answer, and
        `NewerDatabaseError` where it was written by a newer version.
        """
        with self._in_words("used"):
            self._check_after_crash()
            with self.read() as connection:
                if self._known_revision(connection) == HEAD:
                    return
            self._upgrade()

    def check_revision(self, *, older: bool = False) -> str:
        """The schema's revision. Raises `DatabaseError` where the database does not answer or its schema is not the
        newest; with `older`, one that a migration would bring up to date will do."""
        with self._in_words("read"), self.read() as connection:
            found = self._known_revision(connection)
        if found == HEAD or (older and found is not None):
            return found
        raise DatabaseError(
            f"The database {self._shown} has the schema {found or 'of no service'}, this regrade needs {HEAD}. "
            "Start `regrade serve` once with the same version of regrade: it brings the schema up to date."
        )

    def ping(self) -> None:
        """Raise SQLAlchemy's error when the database does not answer."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self._guard is not None:
            self._guard.close()

    def alone_in(self, job: str) -> AbstractContextManager[bool]:
        """Whether this process is the one that does `job` now, of all that share the database, until this is left."""
        return postgresql.alone_in(self.engine, job) if self.shared else nullcontext(True)

    def _connected(self) -> Connection:
        return self.engine.connect().execution_options(**{WRITE: True})

    def _transaction(self, connection: Connection) -> AbstractContextManager[Any]:
        return connection.begin() if self._guard is None else self._guard.transaction(connection)

    def _opened(self, url: URL, read_only: bool) -> Engine:
        try:
            if not self.shared and not sqlite.is_sqlite(url):
                raise NoSuchModuleError(url.drivername)
            return _open_to_read(url) if read_only else _open(url)
        except NoSuchModuleError as error:
            raise DatabaseError(f"The database {self._shown} is of an unknown kind. {_ADVICE}") from error
        except ImportError as error:
            driver = error.name or str(error)
            raise DatabaseError(
                f"The database {self._shown} needs the driver {driver!r}. Install it beside regrade "
                "(pip install 'regrade[postgres]' for PostgreSQL), or name another driver in REGRADE_DATABASE_URL."
            ) from error
        except (ArgumentError, TypeError, ValueError) as error:
            raise DatabaseError(f"The database {self._shown} cannot be opened: {error}. {_ADVICE}") from error

    def _known_revision(self, connection: Connection) -> str | None:
        """The schema's revision, None where there is none. Raises `NewerDatabaseError` for one that is not known."""
        found = _revision(connection)
        if found is not None and found not in revisions():
            raise NewerDatabaseError(
                f"The database {self._shown} was written by a newer regrade: its schema is {found}, which this one, "
                f"{version('regrade')} with the schema {HEAD}, does not know."
            )
        return found

    def _upgrade(self) -> None:
        from alembic import command  # costs 0.1 s, and is needed once per upgrade
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _check_after_crash(self) -> None:
        if self._guard is None or self._guard.clean:
            return
        with self.read() as connection:
            found = sqlite.quick_check(connection, CHECK_SECONDS)
        if found is None:
            log.info("the database is too large to be looked through at the start; `regrade store verify` does so")
        elif found:
            raise DamagedDatabaseError(f"The database {self.file} is damaged: {'; '.join(found)}.")

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """Turn what goes wrong at the first use of a database into words."""
        try:
            with storage_faults(self.file):
                yield
        except StorageError as error:
            if isinstance(error, DatabaseAwayError) and isinstance(error.__cause__, DBAPIError):
                raise DatabaseError(
                    f"The database {self._shown} cannot be {what}: {_reason(error.__cause__)}. {_ADVICE}"
                ) from error
            raise DatabaseError(f"The database {self._shown} cannot be {what}. {error}") from error
        except DBAPIError as error:
            reason = _reason(error)
            if sqlite.is_corrupt(error.orig):
                raise DamagedDatabaseError(f"The database {self.file or self._shown} is damaged: {reason}.") from error
            raise DatabaseError(f"The database {self._shown} cannot be {what}: {reason}. {_ADVICE}") from error
        except UnicodeError as error:
            raise DatabaseError(
                f"The database {self._shown} cannot be {what}: its address is not valid. {_ADVICE}"
            ) from error


@contextmanager
def _told_of_nul() -> Iterator[None]:
    """Raise `InvalidFieldsError` in place of what PostgreSQL has to say of a text with a character U+0000."""
    try:
        yield
    except DBAPIError as error:
        if not postgresql.holds_nul(error):
            raise
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("", Message("fault.nul"))]) from error


def _guard(file: Path | None, read_only: bool) -> Guard | None:
    if file is None:
        return None
    try:
        return Guard(file, make=not read_only)
    except OSError:
        return None  # SQLite says what is wrong there, if something is


def after_commit(connection: Connection, name: str, act: Callable[[], None]) -> None:
    """Do `act` once the transaction of `Database.write` is committed, and not at all if it fails.

    Of several under the same `name` only the last is done.
    """
    connection.info.setdefault(_AFTER, {})[name] = act


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0].rstrip(".")


def _migrations() -> Path:
    from regrade.serving.storage import migrations

    return Path(migrations.__file__).parent


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _with_driver(url: URL) -> URL:
    """`postgresql://` is meant for the driver that regrade is installed with."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _open(url: URL) -> Engine:
    return sqlite.open_to_write(url) if sqlite.is_sqlite(url) else postgresql.open_to_write(url)


def _open_to_read(url: URL) -> Engine:
    return sqlite.open_to_read(url) if sqlite.is_sqlite(url) else postgresql.open_to_read(url)
