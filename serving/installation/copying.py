"""A site's database moved into another one, from SQLite to PostgreSQL or back: all of it, row by row, or nothing."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Row,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    text,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError

from regrade.serving.base.errors import DatabaseError
from regrade.serving.outbox.tables import event_head
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import evidence_head, metadata, unfinished_erasures

ROWS: Final = 1000
"""Rows that are read, and written, together."""
MADE_WITH: Final = (event_head, evidence_head, unfinished_erasures)
"""Tables in which the schema itself has put rows."""

Progress = Callable[[int, int], None]
"""Told how many rows of how many are copied."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a table held, on both sides: how many rows, and a digest (hex) of them, whatever their order."""

    table: str
    rows: int
    digest: str


def copy_site(source: Database, target: Database, progress: Progress = lambda done, total: None) -> list[Copied]:
    """Copy every table of `source` into the empty database `target`, and read it back; both have the newest schema.

    It is one transaction on either side, so `target` stays empty where it fails. Raises `DatabaseError` where `target`
    is not empty, does not take a row, or has not become the same.
    """
    tables = metadata.sorted_tables
    with source.read() as there, target.write() as here:
        _refuse_if_used(here)
        for table in MADE_WITH:
            here.execute(delete(table))
        total = sum(there.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
        done = 0
        copied = []
        for table in tables:
            digest = _Digest()
            for rows in _batches(there, table):
                digest.take(rows)
                _put(here, table, rows)
                done += len(rows)
                progress(done, total)
            found = _digest_of(here, table)
            if (found.rows, found.text) != (digest.rows, digest.text):
                raise DatabaseError(
                    f"The copy of the table {table.name} is not what was copied: {found.rows} rows of {digest.rows}. "
                    "Nothing was kept of it."
                )
            copied.append(Copied(table.name, digest.rows, digest.text))
            _count_on(here, table)
    return copied


def _refuse_if_used(connection: Connection) -> None:
    used = [
        table.name
        for table in metadata.sorted_tables
        if table not in MADE_WITH and connection.execute(select(1).select_from(table).limit(1)).first() is not None
    ]
    if used or connection.execute(select(evidence_head.c.id).where(evidence_head.c.log_index >= 0)).first() is not None:
        listed = ", ".join(used[:3]) or evidence_head.name
        raise DatabaseError(f"The database to copy to is not empty: there are rows in {listed}. Name an empty one.")


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    query = select(*(_as_stored(connection, column) for column in table.columns))
    yield from connection.execute(query.execution_options(yield_per=ROWS)).partitions()


def _as_stored(connection: Connection, column: Column[Any]) -> Any:
    """JSON as the text that it was written as: read and written again, it might be written otherwise."""
    if not isinstance(column.type, JSON):
        return column
    found = cast(column, Text) if connection.dialect.name == "postgresql" else type_coerce(column, Text)
    return found.label(column.name)


def _put(connection: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    values = {column.name: _given(connection, column) for column in table.columns}
    try:
        # Named apart from the columns, which SQLAlchemy keeps for itself.
        connection.execute(
            insert(table).values(values), [{f"v_{name}": value for name, value in row._mapping.items()} for row in rows]
        )
    except DBAPIError as error:
        said = str(error.orig).strip().partition("\n")[0]
        raise DatabaseError(f"A row of {table.name} is not taken: {said}. Nothing was kept of the copy.") from error


def _given(connection: Connection, column: Column[Any]) -> Any:
    if not isinstance(column.type, JSON):
        return bindparam(f"v_{column.name}", type_=column.type)
    told = bindparam(f"v_{column.name}", type_=Text())
    return cast(told, JSON) if connection.dialect.name == "postgresql" else told


def _digest_of(connection: Connection, table: Table) -> "_Digest":
    digest = _Digest()
    for rows in _batches(connection, table):
        digest.take(rows)
    return digest


class _Digest:
    """The sum of the rows' hashes: databases sort texts differently, and none need do so for this."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def take(self, rows: Sequence[Row[Any]]) -> None:
        """Count rows in."""
        for row in rows:
            told = json.dumps(list(row), default=_plain, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self._sum += int.from_bytes(hashlib.sha256(told).digest())
        self.rows += len(rows)

    @property
    def text(self) -> str:
        """The digest so far, in hex."""
        return f"{self._sum % 2**256:064x}"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no {type(value).__name__} is stored")


def _count_on(connection: Connection, table: Table) -> None:
    """Let the numbers that PostgreSQL gives itself go on after those that were copied."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
    highest = connection.execute(select(func.max(column))).scalar()
    if sequence is not None and highest is not None:
        connection.execute(
            text("SELECT setval(CAST(:sequence AS regclass), :at)"), {"sequence": sequence, "at": highest}
        )
