"""The disk: how much room is left on it, what of that is kept free, and how its faults are answered.

New work is turned away while there is still room (`Disk.refuse`), so that what was let in can be stored, reviewers can
log in, and somebody can clear up. Where a write fails all the same, `storage_faults` makes one error of the many that
the system and the databases have for it. Both come back by themselves once there is room.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from regrade.serving.base.errors import DatabaseAwayError, StorageError
from regrade.serving.base.health import Finding
from regrade.serving.base.i18n import Message
from regrade.serving.storage.postgresql.faults import is_away

GIB: Final = 1024**3
MOST_RESERVE: Final = GIB
"""Kept free where no setting says otherwise, but at most `SHARE` of the volume."""
SHARE: Final = 0.05
FEWEST_FILES: Final = 50
"""Files that it must stay possible to make: an item has up to a dozen photos, each perhaps in a new folder."""
MOST_FILES: Final = 1000
PROBE_BYTES: Final = 4 * 1024 * 1024

_SYSTEM: Final = {errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EFBIG: "full", errno.EROFS: "read_only"}
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "failing",
    sqlite3.SQLITE_READONLY: "read_only",
}
_POSTGRESQL: Final = {"53100": "full"}
"""SQLSTATE disk_full: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def fault_of(error: BaseException) -> StorageError | None:
    """The fault of the disk, or of the database's server, that `error` is or was raised from; None for all else."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, StorageError):
            return found
        if (kind := _kind(found)) is not None:
            return StorageError(Message(f"problem.disk_{kind}"), kind)
        found = found.__cause__
    return DatabaseAwayError() if is_away(error) else None


@contextmanager
def storage_faults(where: Path | None = None) -> Iterator[None]:
    """Raise `StorageError` in place of a fault of the disk within. `where`: the file that is written, if known."""
    try:
        yield
    except Exception as error:
        fault = fault_of(error)
        if fault is None or fault is error:
            raise
        if fault.fault == "failing" and where is not None and _nearly_full(where):
            # SQLite calls it an I/O error where it finds no room for some of its files.
            fault = StorageError(Message("problem.disk_full"), fault.fault)
        raise fault from error


def _nearly_full(where: Path) -> bool:
    try:
        return space_of("", where, 0).free < PROBE_BYTES
    except OSError:
        return False


def _kind(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        return _SYSTEM.get(error.errno or 0)
    if isinstance(error, sqlite3.Error):
        # The extended codes of SQLite keep the primary one in their low byte.
        return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return _POSTGRESQL.get(getattr(error, "sqlstate", None) or "")


@dataclass(frozen=True, slots=True)
class Space:
    """Room on one volume. Sizes are in bytes; `files` is how many more files can be made on it, None where their number
    has no limit. Of both, `reserve` and `reserve_files` are to stay free."""

    name: str
    folder: Path
    free: int
    reserve: int
    files: int | None
    reserve_files: int
    read_only: bool

    def lacks(self, expected: int, size: int) -> Message | None:
        """What is wrong where `expected` bytes are still to be written, and `size` more are asked for.

        Half of the reserve is for what was let in before anybody knew how large it is; the other half for everything
        that is small: decisions, sessions, the database's own log.
        """
        if self.read_only:
            return Message("problem.disk_read_only")
        left = self.free - expected
        if self.reserve and (left < self.reserve or left - size < self.reserve // 2):
            return Message("problem.disk_low", {"free": written(max(0, left)), "reserve": written(self.reserve)})
        if self.files is not None and self.files < self.reserve_files:
            return Message("problem.disk_files", {"files": self.files, "reserve": self.reserve_files})
        return None


def space_of(name: str, folder: Path, reserve: int | None) -> Space:
    """Room on the volume of `folder`; `reserve` as in the settings. Raises OSError where it cannot be told."""
    found = os.statvfs(folder)
    total = found.f_blocks * found.f_frsize
    kept = min(MOST_RESERVE, int(total * SHARE)) if reserve is None else reserve
    return Space(
        name=name,
        folder=folder,
        # What this user may fill; the superuser could take more, and had better not.
        free=found.f_bavail * found.f_frsize,
        reserve=kept,
        # Some file systems make inodes as they need them, and tell none.
        files=found.f_favail if found.f_files else None,
        reserve_files=max(FEWEST_FILES, min(MOST_FILES, found.f_files // 20)) if kept else 0,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )


class Disk:
    """The volumes that the service writes to; `folders` says what lies where.

    `reserve`: bytes to keep free on each, as in the settings. `expected` says how many bytes have been let in that are
    not written yet.
    """

    def __init__(
        self, folders: Mapping[str, Path], reserve: int | None, expected: Callable[[], int] = lambda: 0
    ) -> None:
        self.reserve = reserve
        self._folders = _one_of_each_volume(folders)
        self._expected = expected
        self._fault: StorageError | None = None

    def spaces(self) -> list[Space]:
        """Room on each volume. Raises OSError where it cannot be told."""
        return [space_of(name, folder, self.reserve) for name, folder in self._folders.items()]

    def refuse(self, size: int = 0) -> None:
        """Raise `StorageError` where there is no room for a request of `size` bytes. Costs some microseconds."""
        if (lack := self._lack(size)) is not None:
            raise StorageError(lack[0])

    def failed(self, fault: StorageError) -> None:
        """Note that a write has failed. New work is refused until `look` could write again."""
        self._fault = fault

    def look(self) -> Finding:
        """Whether there is room, and whether what could not be written lately can be now."""
        if self._fault is not None and self._can_write():
            self._fault = None
        lack = self._lack(0)
        return Finding("disk") if lack is None else Finding("disk", "failing", *lack)

    def _lack(self, size: int) -> tuple[Message | str, str] | None:
        """What is wrong, in words and for the log."""
        if self._fault is not None:
            return self._fault.message, str(self._fault)
        try:
            for space in self.spaces():
                if (lack := space.lacks(self._expected(), size)) is not None:
                    return lack, f"{lack} ({space.folder})"
        except OSError as error:
            return Message("problem.disk_failing"), str(error)
        return None

    def _can_write(self) -> bool:
        """Statistics do not tell of quotas, nor of a disk that fails."""
        try:
            for folder in self._folders.values():
                _write_and_remove(folder / f"{uuid4().hex}.probe.tmp")
        except OSError:
            return False
        return True


def _write_and_remove(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, PROBE_BYTES)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()


def _one_of_each_volume(folders: Mapping[str, Path]) -> dict[str, Path]:
    found: dict[int, tuple[str, Path]] = {}
    for name, folder in folders.items():
        found.setdefault(folder.stat().st_dev, (name, folder))
    return dict(found.values())


def first_line(error: BaseException) -> str:
    """What an error says, without what SQLAlchemy adds below."""
    return str(error).partition("\n")[0]


def written(size: int) -> str:
    """A number of bytes as people write it."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1000:.0f} KB"
