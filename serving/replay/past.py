"""Past inspections, read from one state of the database that nothing is written to, while the service may go on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from regrade.serving.inspections.store import load
from regrade.serving.installation.simulated import is_simulated
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.tables import inspections

ROWS = 500
"""Inspections read at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which inspections are meant: from `since` on, before `until`, of one `seller`; None does not narrow."""

    since: datetime | None = None
    until: datetime | None = None
    seller: str | None = None


class Past:
    """The inspections of a span, oldest first. Use it as a context: all is read from the state at its begin."""

    def __init__(self, database: Database, span: Span) -> None:
        self._database = database
        self.simulated = is_simulated(database)
        self._where = list(_where(span))

    def __enter__(self) -> "Past":
        self._reading = self._database.read()
        self._connection = self._reading.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._reading.__exit__(*error)

    def count(self) -> int:
        """How many inspections there are."""
        query = select(func.count()).select_from(inspections).where(*self._where)
        return self._connection.execute(query).scalar_one()

    def __iter__(self) -> Iterator[Inspection]:
        after: list[ColumnElement[bool]] = []
        query = select(inspections).order_by(inspections.c.created_at, inspections.c.id).limit(ROWS)
        while rows := self._connection.execute(query.where(*self._where, *after)).all():
            yield from load(self._connection, rows)
            at, last = rows[-1].created_at, rows[-1].id
            same = and_(inspections.c.created_at == at, inspections.c.id > last)
            after = [or_(inspections.c.created_at > at, same)]


def _where(span: Span) -> Iterator[ColumnElement[bool]]:
    if span.since is not None:
        yield inspections.c.created_at >= span.since
    if span.until is not None:
        yield inspections.c.created_at < span.until
    if span.seller is not None:
        yield inspections.c.seller == span.seller
