"""Who must not know what of an inspection, so that a blind look stays blind. The rule is here alone.

An inspection is hidden from

- whoever holds the lease of one of its open blind looks, and every reviewer (not stations, engineers and admins, who
  run the place) who could still be given one: who has not decided on it, and was not shown what was found of it
  before. They see the item and its photos, as if it waited for a first look;
- whoever has decided on it blind, while that decision can still be undone: they see their own decision alone. Could
  they see the model's, they might undo theirs and follow it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, case, exists, literal, null, or_, select

from regrade.serving.access.keys import ApiKey
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import BLIND_KINDS, Review
from regrade.serving.storage.tables import disclosures, inspections, review_undos, reviews, tasks


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, at `now`; decisions made after `undoable_since` can still be undone."""

    key: ApiKey
    now: datetime
    undoable_since: datetime


def seen_by(connection: Connection, found: Sequence[Inspection], viewer: Viewer) -> list[Inspection]:
    """`found` as `viewer` may know them, in that order."""
    ids = [inspection.id for inspection in found]
    query = select(inspections.c.id).where(inspections.c.id.in_(ids), _waits_for(viewer))
    hidden = set(connection.execute(query).scalars())
    return [_seen(inspection, viewer, hidden=inspection.id in hidden) for inspection in found]


def seen_columns(viewer: Viewer | None) -> dict[str, ColumnElement[Any]]:
    """What a row of `inspections` is listed by, as `viewer` may know it; None knows all.

    `status`, `condition`, `disposition` (an action) and `updated_at`: what `seen_by` shows of the same row, or NULL
    where it shows none. An item that is shown as it came in was changed when it came in.
    """
    stands: dict[str, ColumnElement[Any]] = {
        name: inspections.c[name] for name in ("condition", "disposition", "updated_at")
    }
    stands["status"] = case((_settled_by_erasure(), literal("graded")), else_=inspections.c.status)
    if viewer is None or not viewer.key.may("reviewer"):  # others are given no looks
        return stands
    fresh = (reviews.c.blind, reviews.c.decided_at > viewer.undoable_since)
    own = {
        "status": literal("reviewed"),
        "condition": _newest(viewer, fresh, reviews.c.condition),
        "disposition": _newest(viewer, fresh, reviews.c.disposition["action"].as_string()),
        "updated_at": _newest(viewer, fresh, reviews.c.decided_at),
    }
    hidden = {"status": literal("needs_review"), "updated_at": inspections.c.created_at}
    decided, waits = _decided(viewer, and_(*fresh)), _waits_for(viewer)
    return {
        name: case((decided, own[name]), (waits, hidden.get(name, null())), else_=column)
        for name, column in stands.items()
    }


def hidden_from(viewer: Viewer | None) -> ColumnElement[bool] | None:
    """Whether a row of `inspections` is shown to `viewer` otherwise than it stands; None where none is."""
    if viewer is None or not viewer.key.may("reviewer"):
        return None
    fresh = and_(reviews.c.blind, reviews.c.decided_at > viewer.undoable_since)
    return or_(_waits_for(viewer), _decided(viewer, fresh))


def waiting_for_review() -> ColumnElement[bool]:
    """Whether a row of `inspections` has the status `needs_review` and waits: said so that an index has them."""
    return and_(inspections.c.status == "needs_review", inspections.c.erased_at.is_(None))


def _settled_by_erasure() -> ColumnElement[bool]:
    """Whether a row is shown as graded, for nobody can review any more what was erased."""
    return and_(inspections.c.status == "needs_review", inspections.c.erased_at.is_not(None))


def hide(inspection: Inspection) -> Inspection:
    """`inspection` without anything that the model or a human found or asked, as if it waited for its first look."""
    result = replace(inspection.result, grade=None, defects=(), examination=None)
    told = replace(inspection, status="needs_review", result=result, decision=None, reviews=(), blind=True)
    return replace(told, revisions=(), asks=())


def own_decision(inspection: Inspection, review: Review) -> Inspection:
    """`inspection` with nothing but `review`, a decision of whoever looks."""
    own = replace(review, model_condition=None)
    return replace(hide(inspection), status="reviewed", reviews=(own,))


def _seen(inspection: Inspection, viewer: Viewer, *, hidden: bool) -> Inspection:
    for review in reversed(inspection.reviews):
        fresh = review.decided_at > viewer.undoable_since and review.undone_at is None
        if review.blind and fresh and review.key_id == viewer.key.id:
            return own_decision(inspection, review)
    return hide(inspection) if hidden else inspection


def _waits_for(viewer: Viewer) -> ColumnElement[bool]:
    """Whether a row of `inspections` has an open blind look that the viewer holds or could be given."""
    # Leases count although they may have expired: what was shown blind a moment ago stays so until it is decided.
    held = tasks.c.lease_key_id == viewer.key.id
    could = held if viewer.key.role != "reviewer" else or_(held, and_(~_decided(viewer), ~_shown(viewer)))
    waits = exists().where(
        tasks.c.inspection_id == inspections.c.id,
        tasks.c.state.in_(("open", "away")),
        tasks.c.kind.in_(BLIND_KINDS),
        could,
    )
    return waits.correlate(inspections)


def _shown(viewer: Viewer) -> ColumnElement[bool]:
    """Whether the viewer was shown what was found of a row of `inspections`, and so is given no blind look at it."""
    mine = exists().where(disclosures.c.inspection_id == inspections.c.id, disclosures.c.key_id == viewer.key.id)
    return mine.correlate(inspections)


def _decided(viewer: Viewer, also: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Whether the viewer has made a decision on a row of `inspections` that was not undone."""
    return exists().where(*_own(viewer), *([] if also is None else [also])).correlate(inspections)


def _newest(viewer: Viewer, also: tuple[ColumnElement[bool], ...], column: ColumnElement[Any]) -> ScalarSelect[Any]:
    """A column of the viewer's last decision on a row of `inspections` that was not undone."""
    query = select(column).where(*_own(viewer), *also).order_by(reviews.c.decided_at.desc(), reviews.c.id.desc())
    return query.limit(1).correlate(inspections).scalar_subquery()


def _own(viewer: Viewer) -> tuple[ColumnElement[bool], ...]:
    undone = exists().where(review_undos.c.review_id == reviews.c.id).correlate(reviews)
    return reviews.c.inspection_id == inspections.c.id, reviews.c.key_id == viewer.key.id, ~undone
