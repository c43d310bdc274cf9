"""Whose turn it is to write, among all threads of all processes on one database.

SQLite has one writer at a time, and everything that reads a row, decides and writes was thought through for that. Here
it is the same: whoever writes takes a lock on the whole database first, until the transaction ends. Nearly all that is
written ends with a signed step in one chain, of which there can be one at a time anyway. What adds no step may go
beside others of its kind (`alongside`): claims are the most of these, and share the queue row by row (SKIP LOCKED).

Locks are PostgreSQL's advisory ones: nothing is blocked for those who only read, and they end with the transaction, or
with the connection of a process that was killed.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, text

from regrade.serving.storage.postgresql.faults import is_away

WRITERS: Final = 0x7265_6772_6164_6531
"""The lock that all who write take. Advisory locks belong to one database of a server."""
_NAMES: Final = 0x7267_6E61
_JOBS: Final = 0x7267_6A6F
"""Two more spaces of locks, by the CRC of a name: it is enough that two names rarely share one."""
WAIT: Final = "30s"
"""How long one waits for one's turn, or for a row, as on SQLite: longer than `PAUSE`, so that no request is refused
because somebody's machine is gone."""
PAUSE: Final = "15s"
"""How long a transaction may pause between two statements while others wait for it: the machine that its process ran on
may be gone, and nobody would tell."""

_SETTINGS: Final = (
    f"set_config('lock_timeout', '{WAIT}', true), set_config('idle_in_transaction_session_timeout', '{PAUSE}', true), "
    # What is acknowledged is on the disk, whatever the server's default.
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, true)"
)
_ALONE: Final = text(f"SELECT {_SETTINGS}, pg_advisory_xact_lock({WRITERS})")
_ALONGSIDE: Final = text(
    f"SELECT {_SETTINGS}, pg_advisory_xact_lock_shared({WRITERS}), pg_advisory_xact_lock({_NAMES}, :name)"
)


def take_turn(connection: Connection, alongside: str | None = None) -> None:
    """Wait until the transaction on `connection`, which has just begun, may write: alone, or, with a name, beside
    others that gave another name."""
    if alongside is None:
        connection.execute(_ALONE)
    else:
        connection.execute(_ALONGSIDE, {"name": _number(alongside)})


@contextmanager
def alone_in(engine: Engine, job: str) -> Iterator[bool]:
    """Whether this process is the one that does `job` now: no other is told so while this is held. Where the connection
    breaks meanwhile another may be."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        which = {"job": _number(job)}
        got = connection.execute(text(f"SELECT pg_try_advisory_lock({_JOBS}, :job)"), which).scalar_one()
        try:
            yield bool(got)
        finally:
            if got:
                _let_go(connection, which)


def _let_go(connection: Connection, which: dict[str, int]) -> None:
    try:
        connection.execute(text(f"SELECT pg_advisory_unlock({_JOBS}, :job)"), which)
    except Exception as error:
        connection.invalidate()
        if not is_away(error):
            raise


def _number(name: str) -> int:
    """A signed number of 32 bits for a name."""
    return zlib.crc32(name.encode()) - 2**31
