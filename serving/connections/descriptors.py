"""File descriptors: every connection and every open file is one, and a process may have so many."""

import errno
import os
import resource
import sqlite3
from typing import Final

from regrade.serving.base.errors import BusyError
from regrade.serving.base.health import Finding
from regrade.serving.base.i18n import Message

MOST_WANTED: Final = 65_536
"""Nothing here needs more, and some systems would give a thousand million."""
SHORTAGE: Final = frozenset((errno.EMFILE, errno.ENFILE))
RETRY_AFTER: Final = 5
"""Seconds after which who was turned away for want of one may come back."""
_SQLITE: Final = frozenset((sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR))
_SPARE: Final = 32
"""Descriptors, of the process' limit, that must be left for it to be well; an eighth of few."""


def raise_limit() -> int:
    """Let this process open as many as its hard limit allows, as far as that is of use. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_WANTED if hard == resource.RLIM_INFINITY else min(hard, MOST_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return limit()


def limit() -> int:
    """How many this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_WANTED if soft == resource.RLIM_INFINITY else soft


def in_use() -> int:
    """How many it has; the limit where there is not even one left to look with."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - the fastest way, and it is asked often
    except OSError:
        return limit()


def left() -> int:
    """How many it could still open."""
    return max(0, limit() - in_use())


def look() -> Finding:
    """Whether so many are left that what comes next will not fail for want of one."""
    most, free = limit(), left()
    if free >= min(_SPARE, most // 8):
        return Finding("descriptors")
    words = Message("problem.descriptors_low", {"left": free, "limit": most})
    return Finding("descriptors", "failing", words)


def shortage_of(error: BaseException | None) -> BusyError | None:
    """The want of file descriptors that `error` is, or comes of; None where it is something else."""
    while error is not None:
        if _is_shortage(error):
            return BusyError("descriptors", Message("problem.busy_descriptors"), RETRY_AFTER)
        error = error.__cause__ or error.__context__
    return None


def _is_shortage(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in SHORTAGE
    # SQLite does not say why it cannot open a file. The extended codes keep the primary one in their low byte.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE and look().state == "failing"
