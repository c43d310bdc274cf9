"""The queue as the desk shows it: a page of open tasks, and how many there are of what."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, literal, or_, select, union_all

from regrade.serving.access.keys import ApiKey
from regrade.serving.inspections.cursors import decode_cursor, encode_cursor
from regrade.serving.review.context import DeskContext
from regrade.serving.review.filters import OPEN, TEXTS, allowed, barred, fitting, is_held, meant_for, touched
from regrade.serving.review.tasks import task_of
from regrade.serving.review.types import Counts, Filters, Queue, QueuePage
from regrade.serving.review.types import Row as Line
from regrade.serving.storage.asks import Ask, asks_of
from regrade.serving.storage.tables import api_keys, inspections, tasks

ANY = Filters()
LIST = "queue"
MOST_AWAY = 50
"""Items that wait for the station which the page lists."""
PARTS = (*TEXTS, "kind")


def page(context: DeskContext, viewer: ApiKey, filters: Filters, limit: int, cursor: str | None) -> QueuePage:
    """A page of what `viewer` may take; see `Desk.queue_page`."""
    now = context.now()
    wanted = (
        select(tasks.c.id)
        .where(OPEN, *fitting(filters, now), allowed(viewer.id), meant_for(viewer))
        .order_by(tasks.c.created_at, tasks.c.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        moment, task_id = decode_cursor(LIST, cursor)
        after = and_(tasks.c.created_at == moment, tasks.c.id > task_id)
        wanted = wanted.where(tasks.c.created_at >= moment, or_(tasks.c.created_at > moment, after))
    query = (
        select(tasks, inspections.c.rma, inspections.c.sku, api_keys.c.name.label("holder"))
        .join(inspections, inspections.c.id == tasks.c.inspection_id)
        .outerjoin(api_keys, api_keys.c.id == tasks.c.lease_key_id)
        .where(tasks.c.id.in_(wanted.scalar_subquery()))
        .order_by(tasks.c.created_at, tasks.c.id)
    )
    with context.database.read() as connection:
        rows = connection.execute(query).all()
        asked = _asked(connection, rows)
        away = () if cursor is not None else _away(connection, now)
    lines = tuple(_line(row, now, asked.get(row.inspection_id)) for row in rows[:limit])
    more = len(rows) > limit
    counted = counts(context, viewer) if filters == ANY else totals(context, viewer, filters)
    return QueuePage(lines, counted, _place(lines) if more else None, away)


def _asked(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, Ask]:
    """What was asked last of each item that is not to be looked at blind."""
    ids = [row.inspection_id for row in rows if row.kind == "unsure"]
    found = asks_of(connection, ids) if ids else {}
    kept = {
        name: [ask for ask in asks if ask.ended is None or ask.ended.how != "undone"] for name, asks in found.items()
    }
    return {name: asks[-1] for name, asks in kept.items() if asks}


def _away(connection: Connection, now: datetime) -> tuple[Line, ...]:
    """Items that wait for the station: asked for by a reviewer, none of which is looked at blind."""
    query = (
        select(tasks, inspections.c.rma, inspections.c.sku)
        .join(inspections, inspections.c.id == tasks.c.inspection_id)
        .where(tasks.c.state == "away", tasks.c.kind == "unsure")
        .order_by(tasks.c.created_at, tasks.c.id)
    )
    rows = connection.execute(query.limit(MOST_AWAY)).all()
    asked = _asked(connection, rows)
    return tuple(_line(row, now, asked.get(row.inspection_id)) for row in rows)


def counts(context: DeskContext, viewer: ApiKey) -> Counts:
    """How many tasks `viewer` may take, and of what; see `Desk.counts`."""
    now = context.now()
    parts = [
        select(literal(name).label("part"), tasks.c[name].label("value"), func.count().label("items"))
        .where(OPEN)
        .group_by(tasks.c[name])
        for name in PARTS
    ]
    by: dict[str, Counter[str]] = {name: Counter() for name in PARTS}
    with context.database.read() as connection:
        # All there are, less the few that the viewer may not have: to ask that of every task takes three times as long.
        for row in connection.execute(union_all(*parts)):
            by[row.part][_blurred(row.value) if row.part == "kind" else row.value or ""] += row.items
        held = connection.execute(select(func.count()).where(OPEN, tasks.c.lease_expires_at > now)).scalar_one()
        kept = select(*(tasks.c[name] for name in _BARRED))
        others = [
            *connection.execute(kept.where(OPEN, barred(viewer.id))).all(),
            *connection.execute(kept.where(OPEN, touched(viewer.id), ~meant_for(viewer), ~barred(viewer.id))).all(),
        ]
        may = (OPEN, allowed(viewer.id), meant_for(viewer))
        oldest = select(tasks.c.created_at).where(*may).order_by(tasks.c.created_at, tasks.c.id)
        since = connection.execute(oldest.limit(1)).scalar()
    for row in others:
        for name in TEXTS:
            by[name][getattr(row, name) or ""] -= 1
        by["kind"][_blurred(row.kind)] -= 1
    return Counts(
        total=by["kind"].total(),
        held=held - sum(is_held(row, now) for row in others),
        oldest=since,
        by={name: dict(sorted((+found).items(), key=lambda one: (-one[1], one[0]))) for name, found in by.items()},
        others=len(others),
    )


_BARRED = (*TEXTS, "kind", "lease_expires_at")


def _blurred(kind: str) -> str:
    return "unsure" if kind == "unsure" else "blind"


def totals(context: DeskContext, viewer: ApiKey, filters: Filters) -> Counts:
    """How many tasks `viewer` may take; see `Desk.totals`."""
    now = context.now()
    fit = (OPEN, *fitting(filters, now))
    held = func.sum(case((tasks.c.lease_expires_at > now, 1), else_=0)).label("held")
    query = select(func.count().label("items"), held, func.min(tasks.c.created_at).label("oldest"))
    others = 0
    with context.database.read() as connection:
        row = connection.execute(query.where(*fit, allowed(viewer.id), meant_for(viewer))).one()
        if row.items == 0:
            kept = or_(barred(viewer.id), ~meant_for(viewer))
            others = connection.execute(select(func.count()).where(*fit, kept)).scalar_one()
    return Counts(row.items, row.held or 0, row.oldest, {}, others)


def waiting(context: DeskContext) -> Queue:
    """The items that wait for a human at the bench, whoever may take them."""
    now = context.now()
    unsure = (OPEN, tasks.c.kind == "unsure")
    depth = select(func.count(), func.min(tasks.c.created_at)).where(*unsure)
    held = select(func.count()).where(*unsure, tasks.c.lease_expires_at > now)
    with context.database.read() as connection:
        items, since = connection.execute(depth).one()
        leased = connection.execute(held).scalar_one()
    return Queue(items, leased, None if since is None else max(0.0, (now - since).total_seconds()))


def _line(row: Row[Any], now: datetime, asked: Ask | None) -> Line:
    held = is_held(row, now)
    until = row.lease_expires_at if held else None
    return Line(task_of(row), row.rma, row.sku, row.holder if held else None, until, asked)


def _place(lines: Sequence[Line]) -> str:
    last = lines[-1].task
    return encode_cursor(LIST, last.created_at, last.id)
