"""Keeps watch over one SQLite database: what was acknowledged is there when it is opened, and counted while it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from regrade.serving.base.errors import DamagedDatabaseError
from regrade.serving.storage.sqlite.check import raw_of
from regrade.serving.storage.sqlite.mark import MOST, Mark
from regrade.serving.storage.sqlite.soundness import State, state_of


class Guard:
    """Watches the database `file` from before it is opened until `close`.

    Raises `DamagedDatabaseError` where commits that were acknowledged are missing, or its files are damaged; and
    OSError where nothing can be watched there, or, unless `make`, nothing is.
    """

    def __init__(self, file: Path, *, make: bool = True) -> None:
        self._mark = Mark(file, make=make)
        self.clean = True
        """Whether it had been closed in good order before, or others have it open."""
        try:
            if self._mark.alone():
                self._examine(file)
            self._mark.share()
        except BaseException:
            self._mark.close()
            raise

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """A transaction on `connection`; if it has changed something, it is counted and, once committed, noted."""
        raw, number = raw_of(connection), 0
        with connection.begin():
            changes = raw.total_changes
            yield
            if raw.total_changes != changes:
                number = _count(raw)
        if number:
            self._mark.put(number)

    def close(self) -> None:
        """End the watch."""
        self._mark.close()

    def _examine(self, file: Path) -> None:
        state = state_of(file)
        self.clean = state.clean
        if (said := what_is_missing(state, self._mark.number())) is not None:
            raise DamagedDatabaseError(f"The database {file} is damaged. {said}")


def _count(raw: sqlite3.Connection) -> int:
    """Count the commit that is about to be made; returns its number."""
    (before,) = raw.execute("PRAGMA user_version").fetchone()
    number = min(int(before) + 1, MOST)
    raw.execute(f"PRAGMA user_version = {number}")
    return number


def what_is_missing(state: State, acknowledged: int) -> str | None:
    """What is wrong with a database in `state` of which so many commits were acknowledged; None where nothing is."""
    lost = acknowledged - state.commit
    if lost <= 0:
        return state.fault
    counted = f"The last {lost:,} of the writes that were acknowledged are missing." if lost > 1 else (
        "The last write that was acknowledged is missing."
    )  # fmt: skip
    return f"{counted} {state.fault or _why(state)}"


def _why(state: State) -> str:
    if state.empty:
        return "Its file is gone, or empty."
    if state.clean:
        return "Its write-ahead log (regrade.db-wal) was removed, or an older copy of the database took its place."
    return "Its write-ahead log is damaged or cut short."
