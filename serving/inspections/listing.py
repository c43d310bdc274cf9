"""The list of inspections: by what it can be narrowed, and the query for a page of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from regrade.serving.inspections.cursors import decode_cursor, encode_cursor
from regrade.serving.inspections.visibility import Viewer, seen_columns, waiting_for_review
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.tables import ask_ends, asks, inspections, tasks

LIST: Final = "inspections"
_EXACT: Final = ("rma", "sku", "seller", "station", "category")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which inspections to list; None means any, and an empty text those that have none.

    `category` is the one that the item was graded as; `condition` and `disposition` (an action) are those that stand
    now. `since` and `before` are when it came in, `updated_since` is when it was last changed, `ask` what the desk asks
    of the station now. `viewer` is who asks: items that they might still look at blind are listed as they are shown
    them.
    """

    status: str | None = None
    rma: str | None = None
    sku: str | None = None
    seller: str | None = None
    station: str | None = None
    category: str | None = None
    condition: str | None = None
    disposition: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    updated_since: datetime | None = None
    ask: Literal["photos"] | None = None
    viewer: Viewer | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some inspections, newest first, and the cursor of the next page, None on the last."""

    items: tuple[Inspection, ...]
    next_cursor: str | None


def page_query(filters: Filters, cursor: str | None) -> Select[Any]:
    """Rows of `inspections` that fit, newest first, after the place of `cursor`. Raises `InvalidFieldsError`."""
    query = select(inspections).where(*_fitting(filters))
    if cursor is not None:
        created_at, row_id = decode_cursor(LIST, cursor)
        same = and_(inspections.c.created_at == created_at, inspections.c.id < row_id)
        query = query.where(or_(inspections.c.created_at < created_at, same))
    return query.order_by(inspections.c.created_at.desc(), inspections.c.id.desc())


def page_cursor(last: Inspection) -> str:
    """The cursor of the page that follows the one that ends with `last`."""
    return encode_cursor(LIST, last.created_at, last.id)


def _asked(kind: str) -> ColumnElement[bool]:
    """Whether a row of `inspections` waits for what the desk has asked of the station."""
    over = exists().where(ask_ends.c.ask_id == asks.c.id).correlate(asks)
    joined = and_(asks.c.task_id == tasks.c.id, asks.c.kind == kind, ~over)
    # From the few tasks that are away: an index has them together.
    return inspections.c.id.in_(select(tasks.c.inspection_id).join(asks, joined).where(tasks.c.state == "away"))


def _fitting(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in _EXACT:
        if (wanted := getattr(filters, name)) is not None:
            found.append(inspections.c[name] == wanted if wanted else inspections.c[name].is_(None))
    seen = seen_columns(filters.viewer)
    for name in ("status", "condition", "disposition"):
        if (wanted := getattr(filters, name)) is not None:
            found.append(seen[name] == wanted)
    if filters.status == "needs_review" and (filters.viewer is None or not filters.viewer.key.may("reviewer")):
        found.append(waiting_for_review())
    if filters.ask is not None:
        found.append(_asked(filters.ask))
    if filters.since is not None:
        found.append(inspections.c.created_at >= filters.since)
    if filters.before is not None:
        found.append(inspections.c.created_at < filters.before)
    if filters.updated_since is not None:
        found.append(seen["updated_at"] >= filters.updated_since)
    return found
