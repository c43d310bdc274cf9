"""What a reviewer asks instead of deciding, of the station or of somebody else, and what comes of it."""

import hmac
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select, update

from regrade.serving.access.audit import record
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import AskError, FieldFault, InvalidFieldsError, LeaseError, UndoError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import append_step, begin
from regrade.serving.evidence.statements import answered, asked
from regrade.serving.inspections.regrade import NOBODY
from regrade.serving.inspections.store import find
from regrade.serving.inspections.visibility import hide
from regrade.serving.outbox.writer import note
from regrade.serving.review.context import DeskContext, digest
from regrade.serving.review.decisions import check_lease, task_under
from regrade.serving.review.filters import allowed
from regrade.serving.review.tasks import lease
from regrade.serving.review.types import Asked, Asking, Claim
from regrade.serving.storage.asks import LEAD, Ask, passed_on_by
from regrade.serving.storage.records import Inspection, new_id
from regrade.serving.storage.reviews import BLIND_KINDS
from regrade.serving.storage.tables import api_keys, ask_ends, asks, inspections, tasks

CANNOT_TELL = 2
"""Reviewers who cannot tell, after whom an item is for those who run the place."""
_STAFF = (api_keys.c.revoked_at.is_(None), api_keys.c.role.in_(("reviewer", "admin")))


def ask(context: DeskContext, inspection_id: str, token: str, reviewer: ApiKey, asking: Asking) -> Asked:
    """Record what a reviewer asks; see `Desk.ask`."""
    context, now = context.now_in_force(), context.now()
    with context.database.write() as connection:
        before = find(connection, inspection_id, lock=True)
        before.refuse_erased()
        if (again := _asked_before(before, token, reviewer, asking)) is not None:
            return _as_seen(connection, context, before, again, replayed=True)
        task = task_under(connection, inspection_id, token)
        context.refuse_if_full()
        check_lease(task, before, reviewer, now)
        assignee = _checked(connection, context, before, task, reviewer, asking)
        begin(connection, context.signer, inspection_id)
        values = {
            **{"id": new_id(), "inspection_id": inspection_id, "task_id": task.id, "at": now, "key_id": reviewer.id},
            **{"name": reviewer.name, "kind": asking.kind, "note": asking.note, "views": list(asking.views)},
            **{"assignee_id": assignee, "lease_hash": digest(token)},
        }
        connection.execute(insert(asks).values(values))
        state = "away" if asking.kind == "photos" else "open"
        _hand_on(connection, task.id, state, find(connection, inspection_id))
        _note_change(connection, inspection_id, now)
        append_step(connection, context.signer, inspection_id, "asked", asked(connection, values), at=now)
        detail = {"kind": task.kind, "ask": asking.kind, "views": list(asking.views), "assignee": asking.assignee}
        record(connection, now, reviewer, "ask", inspection_id=inspection_id, task_id=task.id, detail=detail)
        after = find(connection, inspection_id)
        _tell_station(connection, after, asking.kind, now)
        return _as_seen(connection, context, after, after.asks[-1], replayed=False)


def answer(context: DeskContext, inspection_id: str, by: ApiKey, note: str) -> tuple[Inspection, bool]:
    """Record what the station answers; see `Desk.answer`."""
    now = context.now()
    with context.database.write() as connection:
        before = find(connection, inspection_id, lock=True)
        before.refuse_erased()
        if _answered_before(before, by, note):
            return before, True
        open_ = before.ask
        if open_ is None or open_.kind != "photos":
            raise AskError(Message("problem.nothing_asked"))
        if before.status == "retake":
            raise AskError(Message("problem.answer_retake"))
        context.refuse_if_full()
        begin(connection, context.signer, inspection_id)
        values = {"ask_id": open_.id, "at": now, "key_id": by.id, "name": by.name, "how": "answered", "note": note}
        connection.execute(insert(ask_ends).values(values))
        back = update(tasks).where(tasks.c.id == open_.task_id, tasks.c.state == "away")
        connection.execute(back.values(state="open"))
        _note_change(connection, inspection_id, now)
        append_step(connection, context.signer, inspection_id, "answered", answered(connection, values), at=now)
        about = {"inspection_id": inspection_id, "task_id": open_.task_id}
        record(connection, now, by, "answer", **about, detail={"ask": open_.kind})
        after = find(connection, inspection_id)
        _tell_station(connection, after, open_.kind, now)
        return after, False


def newest_of(inspection: Inspection, reviewer: ApiKey) -> Ask | None:
    """What the reviewer asked of the item last, where they have decided nothing since."""
    own = [one for one in inspection.asks if one.key_id == reviewer.id]
    if not own or any(one.key_id == reviewer.id and one.decided_at > own[-1].at for one in inspection.reviews):
        return None
    return own[-1]


def take_back(
    connection: Connection, context: DeskContext, inspection: Inspection, mine: Ask, reviewer: ApiKey, now: datetime
) -> Claim:
    """Undo what the reviewer asked and give them the item again. Raises `UndoError` where it has been acted upon."""
    if now > mine.at + context.undo:
        raise UndoError(Message("problem.undo_late", {"seconds": context.undo.total_seconds()}))
    task = connection.execute(select(tasks).where(tasks.c.id == mine.task_id)).one()
    held = task.lease_expires_at is not None and task.lease_expires_at > now
    later = inspection.asks[-1].id != mine.id or inspection.status == "retake"
    if mine.ended is not None or held or later or task.state not in ("open", "away"):
        raise UndoError(Message("problem.undo_ask_followed"))
    begin(connection, context.signer, inspection.id)
    values = {"ask_id": mine.id, "at": now, "key_id": reviewer.id, "name": reviewer.name, "how": "undone", "note": None}
    connection.execute(insert(ask_ends).values(values))
    _hand_on(connection, task.id, "open", find(connection, inspection.id))
    _note_change(connection, inspection.id, now)
    append_step(connection, context.signer, inspection.id, "answered", answered(connection, values), at=now)
    detail = {"ask": mine.kind, "kind": task.kind}
    record(connection, now, reviewer, "undo", inspection_id=inspection.id, task_id=task.id, detail=detail)
    claimed = lease(connection, context, task, reviewer, now)
    _tell_station(connection, find(connection, inspection.id), mine.kind, now)
    return claimed


def _asked_before(inspection: Inspection, token: str, reviewer: ApiKey, asking: Asking) -> Ask | None:
    """What was asked under this lease, where it is the same. Raises `LeaseError` where it is another."""
    given = digest(token)
    for one in inspection.asks:
        if hmac.compare_digest(one.lease_hash, given) and one.key_id == reviewer.id:
            said = (one.kind, one.note, one.views, one.assignee)
            taken_back = one.ended is not None and one.ended.how == "undone"
            if not taken_back and said == (asking.kind, asking.note, asking.views, asking.assignee):
                return one
            raise LeaseError(Message("problem.lease_asked"))
    return None


def _answered_before(inspection: Inspection, by: ApiKey, note: str) -> bool:
    end = inspection.asks[-1].ended if inspection.asks else None
    return end is not None and (end.how, end.key_id, end.note) == ("answered", by.id, note)


def _as_seen(
    connection: Connection, context: DeskContext, inspection: Inspection, mine: Ask, *, replayed: bool
) -> Asked:
    """The answer to who asked: an item that is to be looked at blind stays so for them."""
    kind = connection.execute(select(tasks.c.kind).where(tasks.c.id == mine.task_id)).scalar_one()
    shown = hide(inspection) if kind in BLIND_KINDS else inspection
    return Asked(shown, mine.id, mine.at + context.undo, replayed)


def _checked(
    connection: Connection,
    context: DeskContext,
    inspection: Inspection,
    task: Row[Any],
    reviewer: ApiKey,
    asking: Asking,
) -> str | None:
    """The id of the key of whoever is to look, if one is named. Raises `AskError` and `InvalidFieldsError`."""
    if asking.kind == "photos" and task.kind in BLIND_KINDS:
        raise AskError(Message("problem.ask_blind"))
    faults = list(_misplaced(context, inspection, asking))
    assignee = None
    if asking.assignee is not None and asking.kind == "escalate":
        found = _people(connection, task, asking.assignee, reviewer)
        if len(found) == 1:
            assignee = found[0]
        else:
            legal = ", ".join(_names(connection, task, reviewer)) or "–"
            params = {"given": asking.assignee, "legal": legal}
            faults.append(FieldFault("assignee", Message("fault.assignee", params)))
    if faults:
        raise InvalidFieldsError("invalid-request", "request", faults)
    return assignee


def _misplaced(context: DeskContext, inspection: Inspection, asking: Asking) -> Iterator[FieldFault]:
    if asking.assignee is not None and asking.kind != "escalate":
        yield FieldFault("assignee", Message("fault.only_with", {"ask": "escalate"}))
    if asking.views and asking.kind != "photos":
        yield FieldFault("views", Message("fault.only_with", {"ask": "photos"}))
        return
    legal = views_of(context, inspection)
    for place, view in enumerate(asking.views):
        if view not in legal:
            params = {"given": view, "legal": ", ".join(legal) or "–"}
            yield FieldFault(f"views.{place}", Message("fault.view", params))


def views_of(context: DeskContext, inspection: Inspection) -> tuple[str, ...]:
    """The views that the category of the item asks to be photographed, by name."""
    call = inspection.result.category
    category = None if call is None else context.rules().categories.get(call.name)
    return () if category is None else tuple(view.name for view in category.views)


def _may_look(task: Row[Any], reviewer: ApiKey) -> list[Any]:
    """Keys whose holders may be given the task beside `reviewer`."""
    free = exists().where(tasks.c.id == task.id, allowed(api_keys.c.id), ~passed_on_by(api_keys.c.id))
    return [*_STAFF, api_keys.c.id != reviewer.id, free.correlate(api_keys)]


def _people(connection: Connection, task: Row[Any], name: str, reviewer: ApiKey) -> Sequence[str]:
    query = select(api_keys.c.id).where(*_may_look(task, reviewer), api_keys.c.name == name)
    return connection.execute(query).scalars().all()


def _names(connection: Connection, task: Row[Any], reviewer: ApiKey) -> Sequence[str]:
    query = select(api_keys.c.name).where(*_may_look(task, reviewer)).distinct().order_by(api_keys.c.name)
    return connection.execute(query.limit(50)).scalars().all()


def people(context: DeskContext, task_id: str, reviewer: ApiKey) -> list[str]:
    """The names of those to whom a task may be handed; at most 50."""
    with context.database.read() as connection:
        task = connection.execute(select(tasks).where(tasks.c.id == task_id)).first()
        return [] if task is None else list(_names(connection, task, reviewer))


def _hand_on(connection: Connection, task_id: str, state: str, inspection: Inspection) -> None:
    """Put a task back, for whom it is by all that is asked and holds."""
    task = connection.execute(select(tasks).where(tasks.c.id == task_id)).one()
    route = _route(connection, task, [one for one in inspection.asks if one.ended is None])
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(**NOBODY, state=state, route=route))


def _route(connection: Connection, task: Row[Any], held: Sequence[Ask]) -> str | None:
    """Who alone may have the task; None where anybody may who has not passed it on."""
    passed = [one for one in held if one.kind != "photos"]
    if not passed:
        return None
    if passed[-1].assignee_id is not None:
        return passed[-1].assignee_id
    unsure = {one.key_id for one in passed if one.kind == "cannot_tell"}
    if len(unsure) >= CANNOT_TELL:
        return LEAD
    gone = {one.key_id for one in passed}
    free = exists().where(tasks.c.id == task.id, allowed(api_keys.c.id)).correlate(api_keys)
    others = select(api_keys.c.id).where(*_STAFF, api_keys.c.id.not_in(gone), free)
    return None if connection.execute(others.limit(1)).first() is not None else LEAD


def _tell_station(connection: Connection, inspection: Inspection, kind: str, now: datetime) -> None:
    """Note that what is asked of the station is no longer what it was."""
    if kind == "photos":
        note(connection, "station.changed", inspection, now)


def _note_change(connection: Connection, inspection_id: str, now: datetime) -> None:
    connection.execute(update(inspections).where(inspections.c.id == inspection_id).values(updated_at=now))
