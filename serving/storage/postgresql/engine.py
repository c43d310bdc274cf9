"""How PostgreSQL is opened. Everything that only PostgreSQL needs is in this folder."""

from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event

_CONNECTING: Final = {
    "application_name": "regrade",
    # Seconds. A server whose machine is gone never says so: without these, a request would wait for it for two hours.
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_WAIT: Final = 30.0
"""Seconds that a thread waits for one of the connections."""


def is_postgresql(url: URL) -> bool:
    """Whether `url` is of a PostgreSQL database."""
    return url.get_backend_name() == "postgresql"


def open_to_write(url: URL) -> Engine:
    """The database `url`, which must be there."""
    return _engine(url)


def open_to_read(url: URL) -> Engine:
    """The database `url`, which must be there; nothing can be written to it."""
    return reading(_engine(url))


def reading(engine: Engine) -> Engine:
    """The same connections, for transactions that see one state of the database throughout, as SQLite's do anyway."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _engine(url: URL) -> Engine:
    # Transactions that write run in READ COMMITTED, whatever the server's default: once they have their turn, each
    # statement sees what was committed before it (see `turns`).
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        # What was cut off, by a restart of the server or a firewall, is noticed before it is used.
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=16,
        pool_timeout=_WAIT,
        connect_args=_connecting(url),
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        # Servers would compile a statement whose costs they overrate, as those of pages with many filters: that takes a
        # second, and the statement a millisecond. In the text of a connection, some proxies would refuse it.
        with connection.cursor() as cursor:
            cursor.execute("SET jit TO off")
        connection.commit()

    return engine


def _connecting(url: URL) -> dict[str, Any]:
    """What is told to the driver and not said in the URL."""
    if url.get_driver_name() not in ("psycopg", "psycopg2"):
        return {}
    return {name: value for name, value in _CONNECTING.items() if name not in url.query}
