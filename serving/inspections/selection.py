"""Which inspections are meant to be erased."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from regrade.serving.storage.tables import inspection_photos, inspections

KEPT: ColumnElement[bool] = inspections.c.erased_at.is_(None)
"""Inspections that were not erased."""


class Meant(Protocol):
    """Inspections to be erased. None that was erased already is among them."""

    def where(self) -> ColumnElement[bool]:
        """Whether a row of `inspections` is meant."""

    def first(self, connection: Connection, limit: int) -> Sequence[str]:
        """The ids of at most `limit` of them."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """All that are given must hold; None does not narrow. `before` is a moment: what came in earlier is meant."""

    rma: str | None = None
    inspection_id: str | None = None
    seller: str | None = None
    before: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing narrows: every inspection would be meant."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def where(self) -> ColumnElement[bool]:
        """All of it as one condition."""
        exact = {"rma": self.rma, "id": self.inspection_id, "seller": self.seller}
        asked = [inspections.c[name] == value for name, value in exact.items() if value is not None]
        if self.before is not None:
            asked.append(inspections.c.created_at < self.before)
        return and_(KEPT, *asked)

    def first(self, connection: Connection, limit: int) -> Sequence[str]:
        """The oldest."""
        query = select(inspections.c.id).where(self.where()).order_by(inspections.c.created_at, inspections.c.id)
        return connection.execute(query.limit(limit)).scalars().all()


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be erased: how many inspections by status, from when to when they came in, how many different photos
    they have, and how many of these stay because others have them too."""

    by_status: Mapping[str, int]
    begin: datetime | None
    end: datetime | None
    photos: int
    shared: int

    @property
    def inspections(self) -> int:
        """How many there are."""
        return sum(self.by_status.values())


def preview(connection: Connection, meant: Meant) -> Preview:
    """What erasing what is `meant` would do."""
    where = meant.where()
    begin, end = connection.execute(
        select(func.min(inspections.c.created_at), func.max(inspections.c.created_at)).where(where)
    ).one()
    counted = select(inspections.c.status, func.count().label("items")).where(where).group_by(inspections.c.status)
    theirs = _photos().where(where)
    others = theirs.intersect(_photos().where(KEPT, ~where))
    return Preview(
        by_status={row.status: row.items for row in connection.execute(counted.order_by(inspections.c.status))},
        begin=begin,
        end=end,
        photos=connection.execute(select(func.count()).select_from(theirs.subquery())).scalar_one(),
        shared=connection.execute(select(func.count()).select_from(others.subquery())).scalar_one(),
    )


def held(connection: Connection, hashes: Collection[str], *, but: str = "", by: str | None = None) -> set[str]:
    """Those of the photos `hashes` that an inspection has which was not erased; `but` is one that does not count, and
    with `by` only those count that this key made."""
    query = _photos().where(KEPT, inspections.c.id != but, inspection_photos.c.sha256.in_(hashes))
    if by is not None:
        query = query.where(inspections.c.key_id == by)
    return set(connection.execute(query).scalars().all())


def _photos() -> Select[str]:
    """The different photos of inspections."""
    have = inspection_photos.join(inspections, inspections.c.id == inspection_photos.c.inspection_id)
    return select(inspection_photos.c.sha256).select_from(have).distinct()
