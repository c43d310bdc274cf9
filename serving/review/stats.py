"""The state of the desk in figures: the queue, the tasks by kind, and how model and reviewers agree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from regrade.serving.review.context import DeskContext
from regrade.serving.review.quality.agreement import agreement
from regrade.serving.review.queue import waiting
from regrade.serving.review.types import Stats
from regrade.serving.storage.reviews import KINDS
from regrade.serving.storage.tables import inspections, review_undos, reviews, tasks


def stats(context: DeskContext) -> Stats:
    """The figures now; see `Desk.stats`."""
    with context.database.read() as connection:
        decided = _decided(connection)
        kinds = _kinds(connection)
    by = {
        part: {name: agreement(_pairs(rows)) for name, rows in _grouped(decided, part).items()}
        for part in ("category", "key_id", "station")
    }
    names = {row.key_id: row.reviewer for row in decided}
    return Stats(waiting(context), agreement(_pairs(decided)), by, names, kinds)


def _decided(connection: Connection) -> Sequence[Row[Any]]:
    """The decisions that count, on items for which the model asked: over all kinds together, an agreement would be
    neither that of the queue nor that of all items."""
    columns = (
        reviews.c.model_condition,
        reviews.c.condition,
        reviews.c.key_id,
        reviews.c.reviewer,
        inspections.c.category,
        inspections.c.station,
    )
    query: Select[Any] = (
        select(*columns)
        .join(inspections, reviews.c.inspection_id == inspections.c.id)
        .outerjoin(review_undos, review_undos.c.review_id == reviews.c.id)
        .where(reviews.c.model_condition.is_not(None), reviews.c.kind == "unsure", review_undos.c.review_id.is_(None))
        .order_by(reviews.c.decided_at, reviews.c.id)
    )
    return connection.execute(query).all()


def _kinds(connection: Connection) -> dict[str, dict[str, int]]:
    counted = select(tasks.c.kind, tasks.c.state, func.count().label("items")).group_by(tasks.c.kind, tasks.c.state)
    found = {(row.kind, row.state): row.items for row in connection.execute(counted)}
    return {kind: {state: found.get((kind, state), 0) for state in ("open", "done")} for kind in KINDS}


def _pairs(rows: Iterable[Row[Any]]) -> list[tuple[str, str]]:
    return [(row.model_condition, row.condition) for row in rows]


def _grouped(rows: Iterable[Row[Any]], part: str) -> dict[str, list[Row[Any]]]:
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if (name := getattr(row, part)) is not None:
            groups[name].append(row)
    return dict(sorted(groups.items()))
