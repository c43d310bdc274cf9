"""Which tasks fit: the reviewer's filters, and what a reviewer may be given at all. Conditions on `tasks`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, literal_column, not_, or_, select

from regrade.serving.access.keys import ApiKey
from regrade.serving.review.disclosures import disclosed
from regrade.serving.review.types import Filters
from regrade.serving.storage.asks import passed_on_by
from regrade.serving.storage.reviews import BLIND_KINDS
from regrade.serving.storage.tables import api_keys, asks, review_undos, reviews, tasks

OPEN = tasks.c.state == literal_column("'open'")
"""Written out: only then does SQLite know that an index of open tasks alone holds all that are meant."""

TEXTS = ("category", "seller", "station", "reason")


def fitting(filters: Filters, now: datetime) -> list[ColumnElement[bool]]:
    """What the reviewer asked for."""
    found: list[ColumnElement[bool]] = []
    for name in TEXTS:
        wanted = getattr(filters, name)
        if wanted is not None:
            found.append(tasks.c[name] == wanted if wanted else tasks.c[name].is_(None))
    if filters.kind == "blind":
        found.append(tasks.c.kind != "unsure")
    elif filters.kind is not None:
        found.append(tasks.c.kind == filters.kind)
    if filters.min_value is not None:
        found.append(tasks.c.value >= filters.min_value)
    if filters.max_value is not None:
        found.append(tasks.c.value <= filters.max_value)
    if filters.older_than is not None:
        found.append(tasks.c.created_at <= now - filters.older_than)
    if filters.without:
        found.append(tasks.c.id.not_in(sorted(filters.without)))
    if filters.inspection_id is not None:
        found.append(tasks.c.inspection_id == filters.inspection_id)
    return found


def held_by(key_id: str, now: datetime) -> ColumnElement[bool]:
    """Open tasks that the holder of a key has a lease on."""
    return and_(OPEN, tasks.c.lease_key_id == key_id, tasks.c.lease_expires_at > now)


def is_held(row: Row[Any], now: datetime) -> bool:
    """Whether somebody has a lease on the open task in a row of `tasks`."""
    return row.lease_expires_at is not None and row.lease_expires_at > now


def free(now: datetime) -> ColumnElement[bool]:
    """Open tasks that nobody holds."""
    return and_(OPEN, or_(tasks.c.lease_expires_at.is_(None), tasks.c.lease_expires_at <= now))


def allowed(key_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Tasks that the holder of a key may be given: those that are not `barred`."""
    return or_(tasks.c.kind == "unsure", not_(_known_to(key_id)))


def meant_for(key: ApiKey) -> ColumnElement[bool]:
    """Tasks that were not handed to somebody else: neither by the holder of the key nor, to one person or to those who
    run the place, by others. What was handed to somebody whose key is gone is theirs who run the place."""
    mine = tasks.c.route == key.id
    if key.role == "admin":
        there = exists().where(api_keys.c.id == tasks.c.route, api_keys.c.revoked_at.is_(None)).correlate(tasks)
        mine = and_(tasks.c.route.is_not(None), or_(mine, ~there))
    return or_(mine, and_(tasks.c.route.is_(None), ~passed_on_by(key.id)))


def touched(key_id: str) -> ColumnElement[bool]:
    """Tasks of which it must be asked whether they are `meant_for` the holder of a key: the few that were handed on."""
    own = select(asks.c.inspection_id).where(asks.c.key_id == key_id)
    return or_(tasks.c.route.is_not(None), tasks.c.inspection_id.in_(own))


def barred(key_id: str) -> ColumnElement[bool]:
    """Blind looks at items that the holder of a key has decided on, or been shown: a second pair of eyes is somebody
    else's, and a blind one has seen nothing before."""
    return and_(tasks.c.kind.in_(BLIND_KINDS), _known_to(key_id))


def _known_to(key_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    undone = exists().where(review_undos.c.review_id == reviews.c.id).correlate(reviews)
    decided = exists().where(reviews.c.inspection_id == tasks.c.inspection_id, reviews.c.key_id == key_id, ~undone)
    # The first look of an item, asked for or sampled, cannot come after a decision.
    later = and_(tasks.c.kind != "sample", decided.correlate(tasks, api_keys))
    return or_(disclosed(key_id, tasks, tasks.c.inspection_id), later)
