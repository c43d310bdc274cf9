"""Which errors mean that PostgreSQL is away for a moment, or too busy, and that the same request may do better soon."""

from typing import Final

from sqlalchemy.exc import TimeoutError as NoConnectionFreeError

_AWAY: Final = frozenset(
    {
        "25P03",  # idle_in_transaction_session_timeout: this process slept while it had its turn
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "53300",  # too_many_connections
        "55P03",  # lock_not_available: somebody has held a turn for too long
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: it is starting, or recovering
        "57P05",  # idle_session_timeout
    }
)
"""SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def is_away(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, is one of these."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, NoConnectionFreeError) or _is_of_driver(found):
            return True
        found = found.__cause__
    return False


def holds_nul(error: BaseException) -> bool:
    """Whether a text was refused because of a character U+0000, which PostgreSQL neither keeps nor compares."""
    found: BaseException | None = error
    while found is not None:
        if type(found).__module__.startswith("psycopg") and "NUL (0x00)" in str(found):
            return True
        found = found.__cause__
    return False


def _is_of_driver(error: BaseException) -> bool:
    # By name: the driver is there only where PostgreSQL is used.
    if not type(error).__module__.startswith("psycopg"):
        return False
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return state in _AWAY or state.startswith("08")
    # Where the connection itself failed there is nobody who could give a state.
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)
