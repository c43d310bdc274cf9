"""Pages of events, oldest first. A cursor is the id of the event after which to read on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, select

from regrade.serving.base.errors import EventsGoneError
from regrade.serving.events.moments import Event, events_of
from regrade.serving.outbox.tables import event_head, events, webhook_deliveries
from regrade.serving.storage.database import Database

KEPT_KINDS: Final = ("promise.broken",)
"""Events that are never forgotten: they are few, and tell that a promise is not to be announced again."""
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; None does not narrow. `types` are those of `regrade.serving.outbox.kinds`, `sellers` those of whose
    items they are."""

    types: tuple[str, ...] | None = None
    sellers: tuple[str, ...] | None = None
    station: str | None = None
    inspection_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and the cursor with which to ask for what comes after; None where nothing has ever happened."""

    items: tuple[Event, ...]
    next_cursor: str | None


class EventLog:
    """The events of an installation. Methods block on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: Wanted, limit: int, after: str | None) -> Page:
        """At most `limit` events after the one with the id `after` (the oldest there are where None).

        With the cursor of an empty page one asks again later: it moves on past what was not wanted. Raises
        `EventsGoneError` where there is no such event: it is older than events are kept.
        """
        with self._database.read() as connection:
            start = 0 if after is None else _number(connection, after)
            head = newest(connection)
            within = (events.c.number > start, events.c.number <= head)
            query = select(events).where(*within, *fitting(wanted)).order_by(events.c.number)
            rows = connection.execute(query.limit(limit)).all()
            found = events_of(connection, rows)
            # Where the page is not full, all up to the newest has been looked through; a seller does not see that one.
            last = rows[-1].id if len(rows) == limit else _id(connection, head) or (rows[-1].id if rows else after)
        return Page(tuple(found), last)

    def named(self, numbers: Sequence[int]) -> dict[int, Event]:
        """The events of these numbers that are still kept."""
        with self._database.read() as connection:
            rows = connection.execute(select(events).where(events.c.number.in_(numbers))).all()
            return {one.number: one for one in events_of(connection, rows)}

    def forget(self, before: datetime) -> int:
        """Forget what is older than `before`, but for the newest event, which may be somebody's cursor; and what became
        of deliveries since then. Returns how many events went."""
        gone = 0
        while True:
            with self._database.write() as connection:
                old = (events.c.at < before, events.c.type.not_in(KEPT_KINDS), events.c.number < newest(connection))
                some = connection.execute(select(events.c.number).where(*old).limit(BATCH)).scalars().all()
                connection.execute(delete(events).where(events.c.number.in_(some)))
                logged = _forget_lines(connection, before)
            gone += len(some)
            if len(some) < BATCH and logged < BATCH:
                return gone


def _forget_lines(connection: Connection, before: datetime) -> int:
    """Forget some deliveries that have come to an end; returns how many. They are numbered in the order of time."""
    this = webhook_deliveries.c
    kept = select(this.number).where(this.created_at >= before).order_by(this.number).limit(1)
    first = connection.execute(kept).scalar()
    old = (this.state != "pending", *([] if first is None else [this.number < first]))
    lines = connection.execute(select(this.number).where(*old).order_by(this.number).limit(BATCH)).scalars().all()
    connection.execute(delete(webhook_deliveries).where(this.number.in_(lines)))
    return len(lines)


def newest(connection: Connection) -> int:
    """The number of the newest event; 0 where nothing has happened."""
    found: int = connection.execute(select(event_head.c.number)).scalar_one()
    return found


def before(connection: Connection, moment: datetime) -> int:
    """The number after which to read all that happened since `moment`."""
    found = connection.execute(select(func.min(events.c.number)).where(events.c.at >= moment)).scalar()
    return newest(connection) if found is None else found - 1


def count_after(connection: Connection, wanted: Wanted, after: int) -> int:
    """How many events are wanted after the number `after`."""
    query = select(func.count()).select_from(events).where(events.c.number > after, *fitting(wanted))
    found: int = connection.execute(query).scalar_one()
    return found


def fitting(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Whether a row of `events` is wanted."""
    found: list[ColumnElement[bool]] = []
    if wanted.types is not None:
        found.append(events.c.type.in_(wanted.types))
    if wanted.sellers is not None:
        found.append(events.c.seller.in_(wanted.sellers))
    for name in ("station", "inspection_id"):
        if (value := getattr(wanted, name)) is not None:
            found.append(events.c[name] == value)
    return found


def _number(connection: Connection, event_id: str) -> int:
    found: int | None = connection.execute(select(events.c.number).where(events.c.id == event_id)).scalar()
    if found is None:
        raise EventsGoneError(event_id)
    return found


def _id(connection: Connection, number: int) -> str | None:
    found: str | None = connection.execute(select(events.c.id).where(events.c.number == number)).scalar()
    return found
