"""Taking a decision back, shortly after it was made. What was decided is kept; that it was undone stands beside it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from regrade.serving.access.audit import record
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import UndoError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import append_step, begin
from regrade.serving.evidence.statements import undone
from regrade.serving.inspections.store import find
from regrade.serving.outbox.writer import note
from regrade.serving.review import asks
from regrade.serving.review.context import DeskContext
from regrade.serving.review.decisions import settle
from regrade.serving.review.tasks import HELD, give_back, held, lease
from regrade.serving.review.types import Claim
from regrade.serving.storage.adjudication import owed, votes_of
from regrade.serving.storage.asks import Ask
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import Review
from regrade.serving.storage.tables import review_undos, tasks


def undo(context: DeskContext, inspection_id: str, reviewer: ApiKey) -> Claim:
    """Take back the reviewer's decision; see `Desk.undo`."""
    now = context.now()
    with context.database.write() as connection:
        inspection = find(connection, inspection_id, lock=True)
        inspection.refuse_erased()
        if (asked := asks.newest_of(inspection, reviewer)) is not None:
            return _take_back(connection, context, inspection, asked, reviewer, now)
        review = _newest(inspection, reviewer)
        task = connection.execute(select(tasks).where(tasks.c.id == review.task_id)).one()
        if review.undone_at is not None:
            return _again(connection, context, task, reviewer, now)
        _check(connection, context, inspection, review, now)
        begin(connection, context.signer, inspection_id)
        values = {"review_id": review.id, "undone_at": now, "key_id": reviewer.id}
        connection.execute(insert(review_undos).values(values))
        connection.execute(update(tasks).where(tasks.c.id == task.id).values(state="open", done_at=None))
        after = settle(connection, context, inspection_id, now)
        signed = undone(connection, values, after.status)
        append_step(connection, context.signer, inspection_id, "undone", signed, at=now)
        detail = {"review": review.id, "kind": review.kind}
        record(connection, now, reviewer, "undo", inspection_id=inspection_id, task_id=task.id, detail=detail)
        claimed = lease(connection, context, task, reviewer, now, since=task.leased_at)
        _let_go(connection, task.id, reviewer, now)
        note(connection, "inspection.reopened", after, now)
        return claimed


def _let_go(connection: Connection, task_id: str, reviewer: ApiKey, now: datetime) -> None:
    """Give back what the reviewer holds beyond what one may, with the task that they have got again."""
    others = [row for row in held(connection, reviewer, now) if row.id != task_id]
    for row in others[HELD - 1 :]:
        give_back(connection, row, reviewer, now)


def _take_back(
    connection: Connection, context: DeskContext, inspection: Inspection, asked: Ask, reviewer: ApiKey, now: datetime
) -> Claim:
    """Undo what the reviewer asked, or answer that again."""
    task = connection.execute(select(tasks).where(tasks.c.id == asked.task_id)).one()
    if asked.ended is not None and asked.ended.how == "undone":
        return _again(connection, context, task, reviewer, now)
    claimed = asks.take_back(connection, context, inspection, asked, reviewer, now)
    _let_go(connection, task.id, reviewer, now)
    return claimed


def _newest(inspection: Inspection, reviewer: ApiKey) -> Review:
    """The reviewer's last decision on the inspection, undone or not. Raises `UndoError`."""
    own = [review for review in inspection.reviews if review.key_id == reviewer.id]
    if own:
        return own[-1]
    others = any(review.undone_at is None for review in inspection.reviews)
    raise UndoError(Message("problem.undo_foreign" if others else "problem.undo_nothing"))


def _again(connection: Connection, context: DeskContext, task: Row[Any], reviewer: ApiKey, now: datetime) -> Claim:
    """The answer to an undo that was sent again: the item, under a new lease. Raises `UndoError`."""
    held_still = task.state == "open" and task.lease_key_id == reviewer.id and task.lease_expires_at is not None
    if not held_still or task.lease_expires_at <= now:
        raise UndoError(Message("problem.undo_done"))
    return lease(connection, context, task, reviewer, now)


def _check(connection: Connection, context: DeskContext, inspection: Inspection, review: Review, now: datetime) -> None:
    """Raises `UndoError` where `review` can no longer be undone."""
    if now > review.decided_at + context.undo:
        raise UndoError(Message("problem.undo_late", {"seconds": context.undo.total_seconds()}))
    left = votes_of(other for other in inspection.reviews if other.id != review.id)
    second = select(tasks.c.state).where(tasks.c.inspection_id == inspection.id, tasks.c.kind == "second")
    drawn = connection.execute(second).scalar() in ("open", "done")
    wanted = owed(inspection.model_condition, left, second_drawn=drawn)
    if any(kind in ("second", "third") and kind not in wanted for kind in left):
        raise UndoError(Message("problem.undo_followed"))
