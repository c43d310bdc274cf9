"""Which file a database URL means: what settings and storage both must know."""

from pathlib import Path

from sqlalchemy import URL


def is_sqlite(url: URL) -> bool:
    """Whether `url` is of a SQLite database."""
    return url.get_backend_name() == "sqlite"


def is_shared(url: str) -> bool:
    """Whether several services may use the database `url` at once: one of PostgreSQL, right or wrong."""
    return url.partition(":")[0].partition("+")[0] in ("postgresql", "postgres")


def file_of(url: URL) -> Path | None:
    """The database's own file, where it is one that is opened by its name."""
    if not is_sqlite(url) or not url.database or url.database == ":memory:":
        return None
    return None if url.database.startswith("file:") else Path(url.database)
