"""Claims and leases: an item is before one reviewer at a time, and a reviewer holds two at most.

Everything happens in transactions that write from their first statement on: SQLite then lets one through at a time.
In PostgreSQL they go beside one another, one a reviewer: each locks the row that it gives away and passes over those
that others have locked. What decides or erases goes alone, so that nothing else of what they read can change.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, select, update

from regrade.serving.access.audit import record
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import LeaseError
from regrade.serving.base.i18n import Message
from regrade.serving.inspections.regrade import NOBODY
from regrade.serving.inspections.store import find
from regrade.serving.inspections.visibility import hide
from regrade.serving.review.context import DeskContext, digest
from regrade.serving.review.disclosures import note_claim
from regrade.serving.review.filters import allowed, fitting, free, held_by, meant_for
from regrade.serving.review.types import Claim, Filters, Task
from regrade.serving.storage.tables import api_keys, tasks

HELD = 2
"""The item before the reviewer, and the next one, which a page loads meanwhile."""


def claim(context: DeskContext, reviewer: ApiKey, filters: Filters) -> Claim | None:
    """The item that the reviewer holds already, or the oldest that fits; see `Desk.claim`."""
    now = context.now()
    with context.database.write(alongside=reviewer.id) as connection:
        kept = _keep_fitting(connection, reviewer, filters, now, spare=0)
        row = kept[0] if kept else _oldest(connection, reviewer, filters, now)
        return None if row is None else lease(connection, context, row, reviewer, now)


def hold_next(context: DeskContext, reviewer: ApiKey, filters: Filters) -> Claim | None:
    """The item after the one that the reviewer holds; see `Desk.hold_next`."""
    now = context.now()
    with context.database.write(alongside=reviewer.id) as connection:
        kept = _keep_fitting(connection, reviewer, filters, now, spare=1)
        row = kept[1] if len(kept) > 1 else _oldest(connection, reviewer, filters, now)
        return None if row is None else lease(connection, context, row, reviewer, now)


def renew(context: DeskContext, task_id: str, token: str, reviewer: ApiKey) -> datetime:
    """Let a lease last on from now; see `Desk.renew`."""
    now = context.now()
    expires_at = now + context.lease
    mine = (held_by(reviewer.id, now), tasks.c.id == task_id, tasks.c.lease_hash == digest(token))
    with context.database.write(alongside=reviewer.id) as connection:
        if connection.execute(update(tasks).where(*mine).values(lease_expires_at=expires_at)).rowcount == 0:
            _refuse_erased(connection, task_id)
            raise LeaseError(Message("problem.lease_expired"))
    return expires_at


def _refuse_erased(connection: Connection, task_id: str) -> None:
    erased = select(tasks.c.inspection_id).where(tasks.c.id == task_id, tasks.c.state == "erased")
    if (inspection_id := connection.execute(erased).scalar()) is not None:
        find(connection, inspection_id).refuse_erased()


def release(context: DeskContext, task_id: str | None, reviewer: ApiKey, token: str | None = None) -> int:
    """Give a held task (all where `task_id` is None) back to the queue; returns how many were.

    With `token`, only what is held under that lease.
    """
    now = context.now()
    with context.database.write(alongside=reviewer.id) as connection:
        rows = [row for row in held(connection, reviewer, now) if task_id in (None, row.id)]
        rows = [row for row in rows if token is None or row.lease_hash == digest(token)]
        for row in rows:
            give_back(connection, row, reviewer, now)
        return len(rows)


def held(connection: Connection, reviewer: ApiKey, now: datetime) -> Sequence[Row[Any]]:
    """The tasks that a reviewer holds, the longest held first."""
    query = select(tasks).where(held_by(reviewer.id, now)).order_by(tasks.c.leased_at, tasks.c.id)
    return connection.execute(query.with_for_update()).all()


def lease(
    connection: Connection,
    context: DeskContext,
    row: Row[Any],
    reviewer: ApiKey,
    now: datetime,
    since: datetime | None = None,
) -> Claim:
    """Lease the task `row` to `reviewer` under a new token, and audit it. `since`: they have had it since then."""
    token, expires_at = secrets.token_urlsafe(24), now + context.lease
    mine = row.lease_key_id == reviewer.id and row.lease_expires_at is not None
    lapsed = row.lease_expires_at is not None and row.lease_expires_at <= now
    if lapsed and not mine:
        _audit_expiry(connection, row, reviewer, now)
    renewed = mine and not lapsed
    values = {"lease_key_id": reviewer.id, "lease_hash": digest(token), "lease_expires_at": expires_at}
    since = since or (row.leased_at if renewed and row.leased_at is not None else now)
    connection.execute(update(tasks).where(tasks.c.id == row.id).values(**values, leased_at=since))
    detail = {"kind": row.kind, "expires_at": expires_at.isoformat(), "renewed": renewed}
    about = {"inspection_id": row.inspection_id, "task_id": row.id}
    record(connection, now, reviewer, "claim", **about, detail=detail)
    inspection, task = find(connection, row.inspection_id), task_of(row)
    if not task.blind:
        note_claim(connection, reviewer, row.inspection_id, now)
    return Claim(hide(inspection) if task.blind else inspection, task, token, expires_at)


def give_back(connection: Connection, row: Row[Any], reviewer: ApiKey, now: datetime) -> None:
    """End the lease of `reviewer` on the task `row`, and audit it."""
    connection.execute(update(tasks).where(tasks.c.id == row.id).values(NOBODY))
    about = {"inspection_id": row.inspection_id, "task_id": row.id}
    record(connection, now, reviewer, "release", **about, detail={"kind": row.kind})


def task_of(row: Row[Any]) -> Task:
    """A row of `tasks` as others see it."""
    return Task(
        row.id,
        row.inspection_id,
        row.kind,
        row.created_at,
        row.category,
        row.seller,
        row.station,
        row.reason,
        row.value,
    )


def _keep_fitting(
    connection: Connection, reviewer: ApiKey, filters: Filters, now: datetime, *, spare: int
) -> list[Row[Any]]:
    """What the reviewer holds, after giving back what does not fit `filters`; the first `spare` fit in any case."""
    rows = held(connection, reviewer, now)
    if not rows:
        return []
    mine = select(tasks.c.id).where(tasks.c.id.in_([row.id for row in rows]), *fitting(filters, now))
    fit = set(connection.execute(mine).scalars()) | {row.id for row in rows[:spare]}
    for row in rows:
        if row.id not in fit:
            give_back(connection, row, reviewer, now)
    return [row for row in rows if row.id in fit]


def _oldest(connection: Connection, reviewer: ApiKey, filters: Filters, now: datetime) -> Row[Any] | None:
    """The oldest open task that fits, that nobody holds, and that this reviewer may have."""
    other = tasks.alias("other")
    # Of an item's looks, one reviewer gets one: not a second while they still hold a first.
    holding = exists().where(
        other.c.inspection_id == tasks.c.inspection_id,
        other.c.state == "open",
        other.c.lease_key_id == reviewer.id,
        other.c.lease_expires_at > now,
    )
    may = (allowed(reviewer.id), meant_for(reviewer), ~holding.correlate(tasks))
    query = select(tasks).where(free(now), *fitting(filters, now), *may)
    # SQLite has one writer at a time anyway; in PostgreSQL this keeps two reviewers off the same row.
    oldest = query.order_by(tasks.c.created_at, tasks.c.id).limit(1).with_for_update(skip_locked=True)
    return connection.execute(oldest).first()


def _audit_expiry(connection: Connection, row: Row[Any], reviewer: ApiKey, now: datetime) -> None:
    """Tell that `reviewer` takes over an item whose lease somebody else let lapse."""
    name = connection.execute(select(api_keys.c.name).where(api_keys.c.id == row.lease_key_id)).scalar()
    lapsed = {"held_by": row.lease_key_id, "name": name, "expired_at": row.lease_expires_at.isoformat()}
    about = {"inspection_id": row.inspection_id, "task_id": row.id}
    record(connection, now, reviewer, "expire", **about, detail={"kind": row.kind, **lapsed})
