"""How many commits of a SQLite database were acknowledged, in a small file beside it.

The database counts its commits itself, in its header (`PRAGMA user_version`), and so the count is as durable as they
are. Once a commit is safe on the disk its number is put into this file too. Where the database later knows of fewer,
commits were lost: its log has gone bad or was removed, or an older copy took its place. The file is not synced: the
process may die at any time without harm to it, and after a loss of power it may at worst claim too little.

The same file tells whether the database is in use, by a lock that the kernel ends with the process.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

SUFFIX: Final = "-acknowledged"
_DIGITS: Final = 20
MOST: Final = 2**31 - 1
"""The largest `user_version` there is. 68 years at one commit a second; the count then stays there."""


class Mark:
    """The mark of the database `file`. Raises OSError where it cannot be opened, or, unless `make`, is not there."""

    def __init__(self, file: Path, *, make: bool = True) -> None:
        self.path = file.with_name(file.name + SUFFIX)
        flags = os.O_RDWR | os.O_CREAT if make else os.O_RDONLY
        self.descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o600)

    def number(self) -> int:
        """The newest commit that was acknowledged, 0 where none was or the file does not tell."""
        written = os.pread(self.descriptor, _DIGITS, 0)
        return int(written) if len(written) == _DIGITS and written.isdigit() else 0

    def put(self, number: int) -> None:
        """Note a commit. Fails silently: the commit is safe, and whoever waits for it is to be told so."""
        with suppress(OSError):
            os.pwrite(self.descriptor, f"{number:0{_DIGITS}d}\n".encode(), 0)

    def alone(self) -> bool:
        """Take the lock for oneself; False where somebody else has the database open."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def share(self) -> None:
        """Say that the database is in use, until `close` or the process's end."""
        with suppress(OSError):
            fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
