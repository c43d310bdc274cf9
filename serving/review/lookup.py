"""One item on its own: found by what is printed on its label, and all that is known of it."""

from sqlalchemy import ColumnElement, and_, exists, or_, select

from regrade.serving.access import audit
from regrade.serving.access.keys import ApiKey
from regrade.serving.inspections import visibility as blind
from regrade.serving.inspections.store import load
from regrade.serving.review.context import DeskContext
from regrade.serving.review.filters import OPEN, allowed, barred, is_held, meant_for
from regrade.serving.review.types import Dossier
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import BLIND_KINDS
from regrade.serving.storage.tables import api_keys, inspections, review_undos, reviews, tasks

SHORTEST = 3
"""Characters of a beginning that is looked for; fewer would find everything."""

_LAST = "\U0010ffff"


def lookup(context: DeskContext, text: str, viewer: ApiKey, limit: int) -> list[Inspection]:
    """The inspections that are meant by `text`; see `Desk.lookup`."""
    # Labels are in capitals mostly, and typed as it comes; all of these spellings are found by an index.
    spelled = sorted({text, text.upper(), text.lower()})
    labels = (inspections.c.rma, inspections.c.sku)
    whole: list[ColumnElement[bool]] = [inspections.c.id == text.lower(), *(label.in_(spelled) for label in labels)]
    begun = [_begins(context, label, one) for label in labels for one in spelled]
    with context.database.read() as connection:
        for wanted in (whole, begun if len(text) >= SHORTEST else []):
            # Ids first: rows are long, and of a common beginning there may be very many.
            ids: dict[str, None] = {}
            for where in wanted:
                ids |= dict.fromkeys(connection.execute(select(inspections.c.id).where(where).limit(limit)).scalars())
            if ids:
                newest = (inspections.c.created_at.desc(), inspections.c.id.desc())
                query = select(inspections).where(inspections.c.id.in_(ids)).order_by(*newest).limit(limit)
                found = load(connection, connection.execute(query).all())
                return blind.seen_by(connection, found, context.viewer(viewer))
    return []


def _begins(context: DeskContext, label: ColumnElement[str], text: str) -> ColumnElement[bool]:
    if context.database.shared:
        # PostgreSQL sorts by its locale, where nothing can be said of what lies between two texts.
        return label.startswith(text, autoescape=True)
    return and_(label >= text, label < text + _LAST)


def withheld(context: DeskContext, viewer: ApiKey) -> frozenset[str]:
    """The inspections that figures shown to `viewer` leave out; see `Desk.withheld`."""
    if not viewer.may("reviewer"):
        return frozenset()
    may_get = select(tasks.c.inspection_id).where(OPEN, tasks.c.kind.in_(BLIND_KINDS), allowed(viewer.id))
    undone = exists().where(review_undos.c.review_id == reviews.c.id)
    own = (reviews.c.key_id == viewer.id, reviews.c.blind, reviews.c.decided_at > context.now() - context.undo, ~undone)
    with context.database.read() as connection:
        return frozenset(
            [
                *connection.execute(may_get).scalars(),
                *connection.execute(select(reviews.c.inspection_id).where(*own)).scalars(),
            ]
        )


def dossier(context: DeskContext, inspection: Inspection, viewer: ApiKey) -> Dossier:
    """What is known beside `inspection`, which is as `viewer` may know it; see `Desk.dossier`."""
    now = context.now()
    kept = or_(barred(viewer.id), ~meant_for(viewer))
    query = (
        select(tasks, api_keys.c.name.label("holder"), kept.label("barred"))
        .outerjoin(api_keys, api_keys.c.id == tasks.c.lease_key_id)
        .where(OPEN, tasks.c.inspection_id == inspection.id)
        .order_by(tasks.c.created_at, tasks.c.id)
    )
    with context.database.read() as connection:
        rows = connection.execute(query).all()
        trail = () if inspection.blind else tuple(audit.of_inspection(connection, inspection.id))

    holders = tuple(row.holder or "" for row in rows if is_held(row, now))
    free = any(not row.barred and (not is_held(row, now) or row.lease_key_id == viewer.id) for row in rows)
    decided = any(review.key_id == viewer.id and review.undone_at is None for review in inspection.reviews)
    return Dossier(
        inspection=inspection,
        owed=() if inspection.blind else tuple(row.kind for row in rows),
        held_by=holders,
        free=free and not decided and viewer.may("reviewer"),
        trail=trail,
    )
