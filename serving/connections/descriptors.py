"""File descriptors: every connection and every open file is one, and a process may have so many."""

import errno
import os
import resource
import sqlite3
from typing import Final

MOST_WANTED: Final = 65_536
"""Nothing here needs more, and some systems would give a thousand million."""
SHORTAGE: Final = frozenset((errno.EMFILE, errno.ENFILE))
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


def nearly_out() -> bool:
    """Whether so few are left that what comes next may fail for want of one."""
    most = limit()
    return in_use() > most - min(_SPARE, most // 8)


def is_shortage(error: BaseException | None) -> bool:
    """Whether `error`, or what it comes of, is a want of file descriptors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in SHORTAGE:
            return True
        # SQLite does not say why it cannot open a file.
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF == sqlite3.SQLITE_CANTOPEN and nearly_out():
            return True
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return False
