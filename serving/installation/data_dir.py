"""An installation: the data directory, who may use it, and the database that belongs to it."""

import fcntl
import getpass
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from regrade.models.files import sync_folder, write_atomically
from regrade.serving.access.audit import record_command
from regrade.serving.base.errors import DamagedDatabaseError, DataDirError, NewerDatabaseError
from regrade.serving.base.settings import Settings
from regrade.serving.installation.backup.known import advice
from regrade.serving.storage.database import Database
from regrade.serving.storage.disk import storage_faults
from regrade.serving.storage.migrations import HEAD
from regrade.serving.storage.photostore import make_directories
from regrade.serving.storage.sqlite.salvage import Salvaged

RESTORING: Final = "restore-unfinished"
"""Lies in a data directory while a backup is restored into it."""
VERSION_NAME: Final = "version.json"


class DataDirLock:
    """Keeps a second server off a data directory; the kernel lets go of it however the process ends.

    With `shared`, servers that ask so share the directory (their database is one for many). The first has it to itself
    until `share`, while it makes keys and clears up; those that start meanwhile wait for that, `WAIT` seconds at most.
    """

    WAIT: Final = 60.0

    def __init__(self, data_dir: Path, *, shared: bool = False) -> None:
        _refuse_unfinished(data_dir)
        self.alone = True
        """Whether no other server uses the directory."""
        try:
            make_directories(data_dir.absolute())
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(data_dir / "serve.lock", flags, 0o600)
            try:
                self._acquire(data_dir, shared)
            except BaseException:
                self.release()
                raise
        except OSError as error:
            raise DataDirError(f"The data directory {data_dir} cannot be used: {error.strerror}.") from error

    def _acquire(self, data_dir: Path, shared: bool) -> None:
        deadline = time.monotonic() + (self.WAIT if shared else 0.0)
        while not self._locked(fcntl.LOCK_EX):
            if shared and self._locked(fcntl.LOCK_SH):
                self.alone = False
                return
            if time.monotonic() >= deadline:
                raise DataDirError(
                    f"A server is already using the data directory {data_dir}. Stop it, or choose another --data-dir."
                )
            time.sleep(0.05)

    def share(self) -> None:
        """Let others in that share the directory."""
        if self.alone:
            # Not in one step: another may come in between, which then does over what was done, and lets this one in.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            self.alone = False

    def release(self) -> None:
        """Give the directory free; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _locked(self, how: int) -> bool:
        try:
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def open_database(settings: Settings) -> Database:
    """The database of an installation, with its schema up to date.

    Raises `DatabaseError`, which says which backup to take where it is damaged, and which version to use where a newer
    one has written it; and `StorageError`.
    """
    data_dir = settings.data_dir.absolute()
    with storage_faults(data_dir):
        return _open(settings, data_dir)


def _open(settings: Settings, data_dir: Path) -> Database:
    make_directories(data_dir)
    database = _opened(settings)
    _note_version(data_dir)
    # The database's own file is a new name in the directory on the first start.
    sync_folder(data_dir)
    return database


def open_to_read(settings: Settings, *, older: bool = False) -> Database:
    """The database of an installation, to be read only.

    Raises `DataDirError` where there is none, and `DatabaseError` where its schema is not this version's; with `older`,
    one that a migration would bring up to date will do.
    """
    if settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no database in {settings.data_dir.absolute()}. Name one with --data-dir.")
    return _opened(settings, read_only=True, older=older)


def _opened(settings: Settings, *, read_only: bool = False, older: bool = False) -> Database:
    data_dir = settings.data_dir.absolute()
    _refuse_unfinished(data_dir)
    try:
        database = Database(settings.url, read_only=read_only)
        with _closed_on_error(database):
            if read_only:
                database.check_revision(older=older)
            else:
                database.migrate()
    except DamagedDatabaseError as error:
        raise DamagedDatabaseError(f"{error} {remedies(data_dir)}") from error
    except NewerDatabaseError as error:
        raise NewerDatabaseError(f"{error} {_written_by(data_dir)}") from error
    return database


def note_salvage(settings: Settings, done: Salvaged) -> None:
    """Write into the audit trail of what is left that writes were lost."""
    database = open_database(settings)
    try:
        with database.write() as connection:
            detail = {"lost": done.lost, "damaged": done.aside.name}
            record_command(connection, datetime.now(UTC), user_name(), "salvage", detail)
    finally:
        database.close()


def user_name() -> str:
    """The account that runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container's user without a name.
        return "unknown"


@contextmanager
def _closed_on_error(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.close()
        raise


def remedies(data_dir: Path) -> str:
    """What can be done about a damaged database, in words."""
    return (
        f"Nothing was changed. {advice(data_dir)} To go on without what is missing, run `regrade store salvage "
        f"--data-dir {data_dir}`: it keeps the damaged files beside the rest."
    )


def _refuse_unfinished(data_dir: Path) -> None:
    if (data_dir / RESTORING).exists():
        raise DataDirError(f"A restore into {data_dir} was cut short. Empty the folder, and restore again.")


def _note_version(data_dir: Path) -> None:
    """Write down which version uses the data, for an older one that finds them."""
    path, now = data_dir / VERSION_NAME, {"regrade": version("regrade"), "schema": HEAD}
    if {**_noted(data_dir), **now} != _noted(data_dir):
        line = json.dumps(now | {"since": datetime.now(UTC).isoformat(timespec="seconds")}) + "\n"
        with suppress(OSError):
            write_atomically(path, line.encode(), private=True)


def _noted(data_dir: Path) -> dict[str, str]:
    try:
        found = json.loads((data_dir / VERSION_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _written_by(data_dir: Path) -> str:
    noted = _noted(data_dir)
    who = f"regrade {noted['regrade']}" if "regrade" in noted else "that version"
    return f"Nothing was changed. Install {who} or a later one, or restore a backup of before with `regrade restore`."
