"""What is left of a damaged SQLite database is made one that can be used; the damaged files are kept beside it."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regrade.models.files import sync_folder
from regrade.serving.base.errors import DamagedDatabaseError, DataDirError
from regrade.serving.storage.sqlite.guard import what_is_missing
from regrade.serving.storage.sqlite.mark import Mark
from regrade.serving.storage.sqlite.soundness import State, state_of

_PARTS: Final = ("", "-wal", "-shm")
_WORK: Final = ".salvage"


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was wrong in words, how many acknowledged commits are gone, and where the damaged files are now."""

    said: str
    lost: int
    aside: Path


def salvage(file: Path, aside: Path) -> Salvaged | None:
    """Make of the database `file` one that holds what is left of it, and copy what it was into the new folder `aside`.

    None where nothing is wrong with it. Raises `DataDirError` where it is in use, and `DamagedDatabaseError` where what
    is left is not sound: nothing is changed then.
    """
    mark = Mark(file)
    try:
        if not mark.alone():
            raise DataDirError(f"The database {file} is in use. Stop the service and what else works on it first.")
        state, acknowledged = state_of(file), mark.number()
        said = what_is_missing(state, acknowledged)
        if said is None:
            return None
        _salvage(file, aside, state)
        mark.put(state.commit)
        return Salvaged(said, max(0, acknowledged - state.commit), aside)
    finally:
        mark.close()


def _salvage(file: Path, aside: Path, state: State) -> None:
    work = file.with_name(file.name + _WORK)
    try:
        if not state.empty:
            _recover(file, work)
        _keep(file, aside)
        if not state.empty:
            work.replace(file)
        else:
            file.unlink(missing_ok=True)
        # Should this end here, what is in the log is in the database too.
        for part in _PARTS[1:]:
            file.with_name(file.name + part).unlink(missing_ok=True)
        sync_folder(file.parent)
    finally:
        for part in _PARTS:
            work.with_name(work.name + part).unlink(missing_ok=True)


def _recover(file: Path, work: Path) -> None:
    """Let SQLite make of a copy what it can."""
    for part in _PARTS[:2]:
        if (source := file.with_name(file.name + part)).exists():
            _copy(source, work.with_name(work.name + part))
    try:
        with closing(sqlite3.connect(work)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            found = [line for (line,) in connection.execute("PRAGMA integrity_check(5)")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    if found != ["ok"]:
        raise DamagedDatabaseError(f"What is left of the database {file} is not sound: {'; '.join(found)}.")
    _sync(work)


def _keep(file: Path, aside: Path) -> None:
    aside.mkdir(0o700)
    for part in _PARTS:
        if (source := file.with_name(file.name + part)).exists():
            _copy(source, aside / source.name)
    sync_folder(aside)
    sync_folder(aside.parent)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    _sync(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
