"""Inspections as they stood when something happened to them, made of what is kept of them.

Decisions, what was asked, and earlier revisions are all kept with their moments, so nothing is stored twice; and what
is erased of the record is gone from what was told before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from regrade.serving.inspections.past import revision_of
from regrade.serving.inspections.store import load
from regrade.serving.storage.records import Inspection, Revision
from regrade.serving.storage.tables import inspections


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `inspection` is as it stood then; `data` is for what concerns none. `number` is its
    place among all."""

    number: int
    id: str
    type: str
    at: datetime
    inspection: Inspection | None
    data: Mapping[str, Any]


def events_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[Event]:
    """The events in `rows` (of the table `events`), in that order."""
    ids = {row.inspection_id for row in rows if row.inspection_id is not None}
    known = connection.execute(select(inspections).where(inspections.c.id.in_(ids))).all() if ids else []
    now = {one.id: one for one in load(connection, known)}
    return [
        Event(
            row.number,
            row.id,
            row.type,
            row.at,
            None if row.inspection_id is None else _as_of(connection, now[row.inspection_id], row),
            row.data or {},
        )
        for row in rows
    ]


def _as_of(connection: Connection, now: Inspection, row: Row[Any]) -> Inspection:
    then = revision_of(connection, now, row.revision)
    reviews = (
        replace(one, undone_at=None) if one.undone_at is not None and one.undone_at > row.at else one
        for one in now.reviews
        if one.decided_at <= row.at
    )
    asks = (
        replace(one, ended=None) if one.ended is not None and one.ended.at > row.at else one
        for one in now.asks
        if one.at <= row.at
    )
    history = _up_to(now.revisions, then, row)
    return replace(then, status=row.status, reviews=tuple(reviews), asks=tuple(asks), revisions=history)


def _up_to(revisions: Iterable[Revision], then: Inspection, row: Row[Any]) -> tuple[Revision, ...]:
    """What was listed of revisions: the last with the status that it had."""
    known = [one for one in revisions if one.number <= row.revision]
    if len(known) < 2:
        return ()
    stands = None if row.status == "retake" else then.model_condition
    return (*known[:-1], replace(known[-1], status=row.status, condition=stands))
