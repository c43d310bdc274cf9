"""Decisions: what a reviewer found is recorded, the policy is applied to it, and the looks that follow are made."""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from regrade.models.pieces.types import same_pieces
from regrade.models.types import CONDITIONS, DEFECT_TYPES
from regrade.serving.access.audit import first_claim, record
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.dispositions import Disposition, Option, Reason
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, LeaseError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import append_step, begin
from regrade.serving.evidence.statements import reviewed
from regrade.serving.inspections.regrade import NOBODY
from regrade.serving.inspections.store import find, insert_review, standing_columns
from regrade.serving.inspections.visibility import own_decision
from regrade.serving.outbox.writer import note
from regrade.serving.pieces.decided import as_expected, uncountable, with_count
from regrade.serving.policy.stored import decide_stored
from regrade.serving.review.context import DeskContext, digest
from regrade.serving.review.tasks import task_of
from regrade.serving.review.types import Decided, Verdict
from regrade.serving.rubric.grades import seller_grade as name_of
from regrade.serving.rubric.in_force import InForce
from regrade.serving.storage.adjudication import owed, votes_of
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id
from regrade.serving.storage.reviews import Kind, Remarks, Review, ReviewedDefect, row_of
from regrade.serving.storage.tables import inspections, tasks


@dataclass(frozen=True, slots=True)
class Second:
    """How the lot for a second reviewer was drawn: with which chance, and whether it fell on the item."""

    share: float
    drawn: bool


def decide(context: DeskContext, inspection_id: str, token: str, reviewer: ApiKey, verdict: Verdict) -> Decided:
    """Record a decision; see `Desk.decide`."""
    context, now = context.now_in_force(), context.now()
    with context.database.write() as connection:
        before = find(connection, inspection_id, lock=True)
        before.refuse_erased()
        task = task_under(connection, inspection_id, token)
        repeated = given_before(before, task, reviewer)
        if repeated is not None and says(repeated, verdict):
            return decided(context, before, repeated, replayed=True)
        context.refuse_if_full()
        check_lease(task, before, reviewer, now)
        begin(connection, context.signer, inspection_id)
        told = replace(verdict, seconds=seconds_of(connection, verdict.seconds, task, reviewer, now))
        review = review_of(context, before, task, reviewer, told, now)
        second = draw(context, before) if task.kind in ("unsure", "sample") else None
        return record_decision(connection, context, review, reviewer, second, now)


def record_decision(
    connection: Connection,
    context: DeskContext,
    review: Review,
    decider: ApiKey,
    second: Second | None,
    now: datetime,
    at: str | None = None,
) -> Decided:
    """Write a decision with all that follows from it: its task is done, the inspection stands anew, and evidence and
    audit trail tell of it; `at` is where it was made, if not at the desk."""
    insert_review(connection, review)
    # Whose lease it was is kept: it tells a decision sent again from a second one.
    done = {"state": "done", "done_at": now, "lease_expires_at": None, "lease_key_id": decider.id}
    connection.execute(update(tasks).where(tasks.c.id == review.task_id).values(done))
    after = settle(connection, context, review.inspection_id, now, second)
    signed = reviewed(connection, row_of(review), after.status)
    append_step(connection, context.signer, review.inspection_id, "reviewed", signed, at=now)
    _audit(connection, review, decider, second, now, at)
    note(connection, "inspection.decided", after, now)
    return decided(context, after, review, replayed=False)


def settle(
    connection: Connection, context: DeskContext, inspection_id: str, now: datetime, second: Second | None = None
) -> Inspection:
    """Bring the tasks and the status of an inspection in line with the decisions that count, and return it.

    `second` is the draw of the first decision just made; without one, what was drawn then still holds.
    """
    inspection = find(connection, inspection_id, lock=True)
    rows = {row.kind: row for row in _tasks(connection, inspection_id)}
    standing_second = "second" in rows and rows["second"].state != "void"
    drawn = standing_second if second is None else second.drawn
    wanted = owed(inspection.model_condition, votes_of(inspection.reviews), second_drawn=drawn)
    later: tuple[Kind, ...] = ("second", "third")
    for kind in later:
        row = rows.get(kind)
        if kind in wanted and (row is None or row.state == "void"):
            share = second.share if second is not None and kind == "second" else None
            _open(connection, rows, inspection_id, kind, share, now)
        elif kind not in wanted and row is not None and row.state == "open":
            connection.execute(update(tasks).where(tasks.c.id == row.id).values(state="void"))
    return _set_standing(connection, inspection, now)


def _set_standing(connection: Connection, inspection: Inspection, now: datetime) -> Inspection:
    asked = inspection.decision is not None and inspection.decision.needs_review
    status = "reviewed" if inspection.review is not None else "needs_review" if asked else "graded"
    change = update(inspections).where(inspections.c.id == inspection.id)
    connection.execute(change.values(status=status, updated_at=now, **standing_columns(inspection)))
    return find(connection, inspection.id, lock=True)


def _open(
    connection: Connection,
    rows: dict[str, Row[Any]],
    inspection_id: str,
    kind: Kind,
    share: float | None,
    now: datetime,
) -> None:
    """Make the task for a later look, or open it again where a decision had been undone."""
    fresh = {"state": "open", "created_at": now, "share": share, "done_at": None, **NOBODY}
    if (row := rows.get(kind)) is not None:
        connection.execute(update(tasks).where(tasks.c.id == row.id).values(fresh))
        return
    first = rows.get("unsure") or rows["sample"]
    # Not the reason: it would tell a reviewer who must not know that the model had one.
    copies = {name: getattr(first, name) for name in ("category", "seller", "station", "value")}
    own = {"id": new_id(), "inspection_id": inspection_id, "kind": kind}
    connection.execute(insert(tasks).values(**own, **copies, **fresh))


def draw(context: DeskContext, inspection: Inspection) -> Second:
    """The lot for a second reviewer."""
    share = context.rules().policy.terms(inspection.item.get("seller")).quality_control.second_share
    return Second(share, context.lottery.drawn(inspection.id, "second", share))


def _tasks(connection: Connection, inspection_id: str) -> Sequence[Row[Any]]:
    query = select(tasks).where(tasks.c.inspection_id == inspection_id)
    return connection.execute(query.with_for_update()).all()


def task_under(connection: Connection, inspection_id: str, token: str) -> Row[Any]:
    """The task of the inspection that was last leased under `token`. Raises `LeaseError`."""
    rows = _tasks(connection, inspection_id)
    given = digest(token)
    for row in rows:
        if row.lease_hash is not None and hmac.compare_digest(row.lease_hash, given):
            return row
    waits = any(row.state == "open" for row in rows)
    raise LeaseError(Message("problem.lease_replaced" if waits else "problem.lease_over"))


def check_lease(task: Row[Any], inspection: Inspection, reviewer: ApiKey, now: datetime) -> None:
    """Raises `LeaseError` where the reviewer may not decide on the task, or ask about it."""
    if task.state != "open":
        raise LeaseError(Message("problem.lease_over"))
    if task.lease_key_id != reviewer.id:
        raise LeaseError(Message("problem.lease_foreign"))
    if task.lease_expires_at is None or task.lease_expires_at <= now:
        raise LeaseError(Message("problem.lease_expired"))
    if any(review.key_id == reviewer.id and review.undone_at is None for review in inspection.reviews):
        raise LeaseError(Message("problem.decided_before"))


def given_before(inspection: Inspection, task: Row[Any], reviewer: ApiKey) -> Review | None:
    """The decision that `reviewer` has made on `task`, under the lease by which the task was found."""
    if task.state != "done" or task.lease_key_id != reviewer.id:
        return None
    own = (review for review in inspection.reviews if review.task_id == task.id and review.undone_at is None)
    return next(own, None)


def says(review: Review, verdict: Verdict) -> bool:
    """Whether a stored decision is what `verdict` asks for."""
    action = review.disposition.action if review.disposition_source == "reviewer" else None
    said = (review.condition, action, review.defects, review.note)
    if said != (verdict.condition, verdict.action, verdict.defects, verdict.note):
        return False
    if not same_pieces(review.pieces, verdict.pieces):
        return False
    # Left out, these were filled in by the desk.
    return verdict.rubric in (None, review.rubric) and verdict.seller_grade in (None, review.seller_grade)


def decided(context: DeskContext, inspection: Inspection, review: Review, *, replayed: bool) -> Decided:
    """The answer to whoever decided: the inspection as far as they may know it."""
    until = review.decided_at + context.undo
    blind = review.blind and context.now() < until
    shown = own_decision(inspection, review) if blind else inspection
    return Decided(shown, review.id, None if blind else inspection.model_condition, until, replayed)


def review_of(
    context: DeskContext, inspection: Inspection, task: Row[Any], reviewer: ApiKey, verdict: Verdict, now: datetime
) -> Review:
    """The decision that a verdict makes. Raises `InvalidFieldsError`."""
    faults = list(_not_of_its_category(inspection, context.rules(), verdict))
    faults += [
        FieldFault(f"defects.{index}.{fault.field}", fault.message)
        for index, defect in enumerate(verdict.defects or ())
        if (fault := _misplaced(defect, inspection.photos)) is not None
    ]
    faults += uncountable(inspection, verdict.pieces, blind=task_of(task).blind)
    if faults:
        raise InvalidFieldsError("invalid-request", "review", faults)
    pieces = as_expected(inspection, verdict.pieces)
    suggested = disposition_for(context, with_count(inspection, pieces, reviewer, now), verdict.condition)
    chosen = suggested if verdict.action is None else choose(suggested, verdict.action)
    source: Literal["policy", "reviewer"] = "policy" if verdict.action is None else "reviewer"
    rubric, seller_grade = _graded_by(context, inspection, verdict)
    return Review(
        id=new_id(),
        inspection_id=inspection.id,
        decided_at=now,
        key_id=reviewer.id,
        reviewer=reviewer.name,
        model_condition=inspection.model_condition,
        condition=verdict.condition,
        disposition=chosen,
        disposition_source=source,
        defects=verdict.defects,
        task_id=task.id,
        kind=task.kind,
        blind=task_of(task).blind,
        role=reviewer.role,
        pieces=pieces,
        **Remarks.of(replace(verdict, rubric=rubric, seller_grade=seller_grade)),
    )


def conditions_of(inspection: Inspection, in_force: InForce) -> tuple[str, ...]:
    """The conditions that a reviewer may find: those of the category, and what an earlier bundle of it has graded."""
    call = inspection.result.category
    category = None if call is None else in_force.categories.get(call.name)
    if category is None:
        return CONDITIONS
    return tuple(c for c in CONDITIONS if c in (*category.condition_names, inspection.model_condition))


def _not_of_its_category(inspection: Inspection, in_force: InForce, verdict: Verdict) -> Iterator[FieldFault]:
    conditions = conditions_of(inspection, in_force)
    if verdict.condition not in conditions:
        params = {"given": verdict.condition, "legal": ", ".join(conditions)}
        yield FieldFault("condition", Message("fault.condition", params))
    call = inspection.result.category
    category = None if call is None else in_force.categories.get(call.name)
    own = () if category is None else category.defect_names
    known = dict.fromkeys((*own, *DEFECT_TYPES, *(defect.type for defect in inspection.result.defects)))
    for index, defect in enumerate(verdict.defects or ()):
        if defect.type not in known:
            params = {"given": defect.type, "legal": ", ".join(known)}
            yield FieldFault(f"defects.{index}.type", Message("fault.defect", params))


def _graded_by(context: DeskContext, inspection: Inspection, verdict: Verdict) -> tuple[str | None, str | None]:
    """The label of the rubric, and what the seller calls the item by it."""
    call = inspection.result.category
    rubric = context.rules().rubrics.of(call.name if call else None, inspection.item.get("seller"))
    if rubric is None:
        return verdict.rubric, verdict.seller_grade
    found = inspection.result.defects if verdict.defects is None else verdict.defects
    grade = verdict.seller_grade or name_of(rubric, verdict.condition, found)
    return verdict.rubric or rubric.label, grade


def disposition_for(context: DeskContext, inspection: Inspection, condition: str) -> Disposition:
    """What the policy does with the item once its condition is known."""
    return decide_stored(context.rules().policy, inspection, condition).disposition


def choose(suggested: Disposition, action: str) -> Disposition:
    """`suggested` with another of its permitted actions in front.

    Raises `InvalidFieldsError` that lists the permitted actions.
    """
    options = (Option(suggested.action, suggested.expected_recovery), *suggested.alternatives)
    for option in options:
        if option.action == action:
            rest = tuple(other for other in options if other.action != action)
            because = Reason("reviewer_chose", {"action": action})
            reasons = (because,) if action != suggested.action else (because, *suggested.reasons)
            return Disposition(action, option.expected_recovery, reasons, rest, suggested.policy)
    legal = ", ".join(option.action for option in options)
    message = Message("fault.action", {"given": action, "legal": legal})
    raise InvalidFieldsError("action-not-permitted", "review", [FieldFault("disposition", message)])


def seconds_of(
    connection: Connection, told: float | None, task: Row[Any], reviewer: ApiKey, now: datetime
) -> float | None:
    """How long the reviewer had the item: what a page told, else the time since it was claimed.

    A page tells no more than the time since the reviewer first claimed the item: they may have given it back since,
    and gone on later with what they had begun.
    """
    first = None if told is None else first_claim(connection, reviewer, task.inspection_id, task.id)
    since = first or task.leased_at
    most = None if since is None else (now - since).total_seconds()
    known = [seconds for seconds in (told, most) if seconds is not None]
    return round(max(0.0, min(known)), 3) if known else None


def _misplaced(defect: ReviewedDefect, photos: Sequence[StoredPhoto]) -> FieldFault | None:
    """What is wrong with where a defect was put, if anything is."""
    if not 0 <= defect.photo < len(photos):
        return FieldFault("photo", Message("fault.no_such_photo", {"last": len(photos) - 1}))
    if defect.box is None:
        return None
    x1, y1, x2, y2 = defect.box
    width, height = photos[defect.photo].width, photos[defect.photo].height
    if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height:
        return None
    return FieldFault("box", Message("fault.box", {"width": width, "height": height}))


def _audit(
    connection: Connection,
    review: Review,
    reviewer: ApiKey,
    second: Second | None,
    now: datetime,
    at: str | None,
) -> None:
    lot = {} if second is None else {"second_share": second.share, "second_drawn": second.drawn}
    said = {"review": review.id, "kind": review.kind, "condition": review.condition}
    detail = {**said, "action": review.disposition.action, "source": review.disposition_source, **lot}
    if review.pieces is not None:
        detail["pieces"] = sum(one.quantity for one in review.pieces)
    if at is not None:
        detail |= {"at": at, "blind": review.blind}
    about = {"inspection_id": review.inspection_id, "task_id": review.task_id}
    record(connection, now, reviewer, "decide", **about, detail=detail)
