"""Which inspections are meant to be erased."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, func, select, union

from regrade.serving.storage.tables import PHOTO_TABLES, inspections

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
    theirs, others = _photos(where).subquery(), _photos(KEPT, ~where).subquery()
    both = select(theirs.c.sha256).join(others, others.c.sha256 == theirs.c.sha256)
    return Preview(
        by_status={row.status: row.items for row in connection.execute(counted.order_by(inspections.c.status))},
        begin=begin,
        end=end,
        photos=connection.execute(select(func.count()).select_from(theirs)).scalar_one(),
        shared=connection.execute(select(func.count()).select_from(both.subquery())).scalar_one(),
    )


def held(connection: Connection, hashes: Collection[str], *, but: str = "", by: str | None = None) -> set[str]:
    """Those of the photos `hashes` that an inspection has which was not erased; `but` is one that does not count, and
    with `by` only those count that this key made."""
    wanted = (table.c.sha256.in_(hashes) for table in PHOTO_TABLES)
    made = () if by is None else (inspections.c.key_id == by,)
    return set(connection.execute(_photos(KEPT, inspections.c.id != but, *made, each=tuple(wanted))).scalars().all())


def photos_kept() -> CompoundSelect[str]:
    """The different photos of inspections that were not erased."""
    return _photos(KEPT)


def photos_of(ids: Collection[str]) -> CompoundSelect[str]:
    """The different photos of the inspections `ids`, of all their revisions."""
    found = (select(table.c.sha256).where(table.c.inspection_id.in_(ids)) for table in PHOTO_TABLES)
    return union(*found)


def _photos(*where: ColumnElement[bool], each: Sequence[ColumnElement[bool]] = ()) -> CompoundSelect[str]:
    """The different photos of inspections; `each` is a condition on each of `PHOTO_TABLES`."""
    parts = []
    for place, table in enumerate(PHOTO_TABLES):
        have = table.join(inspections, inspections.c.id == table.c.inspection_id)
        parts.append(select(table.c.sha256).select_from(have).where(*where, *each[place : place + 1]))
    return union(*parts)
