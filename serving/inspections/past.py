"""Earlier revisions of an inspection: what it was before it was graded anew, which stays readable."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from regrade.models.codes.identity import stored_identity
from regrade.models.pieces.stored import stored_pieces
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.records import DECISION, RESULT, Inspection, Revision, StoredPhoto
from regrade.serving.storage.tables import revision_photos, revisions


def revisions_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, tuple[Revision, ...]]:
    """All revisions of the inspections in `rows` (of the table `inspections`, of more than one), the first first."""
    if not rows:
        return {}
    names = ("inspection_id", "number", "at", "cause", "status")
    condition = revisions.c.result["grade"]["condition"].as_string().label("condition")
    query = select(*(revisions.c[name] for name in names), condition)
    changed: dict[str, list[Any]] = defaultdict(list)
    ids = [row.id for row in rows]
    for row in connection.execute(query.where(revisions.c.inspection_id.in_(ids)).order_by(revisions.c.number)):
        changed[row.inspection_id].append(row)
    return {row.id: tuple(_lines(row, changed[row.id])) for row in rows}


def _lines(now: Row[Any], changed: Sequence[Any]) -> list[Revision]:
    # A row says when its revision began, and what the one before it was.
    begun = [(1, now.created_at, None), *((row.number, row.at, row.cause) for row in changed)]
    was = [(row.status, row.condition) for row in changed]
    stands = (now.status, None if now.status == "retake" else now.model_condition)
    return [Revision(*began, *said) for began, said in zip(begun, [*was, stands], strict=True)]


def revision_of(connection: Connection, inspection: Inspection, number: int) -> Inspection:
    """Revision `number` of an inspection, as the machine left it, without what humans said later.

    Raises `NotFoundError` where there is no such one.
    """
    if number == inspection.revision:
        return inspection
    mine = revisions.c.inspection_id == inspection.id
    row = connection.execute(select(revisions).where(mine, revisions.c.number == number + 1)).first()
    if row is None:
        params = {"revision": number, "last": inspection.revision}
        raise NotFoundError(Message("problem.no_revision", params))
    of = (revision_photos.c.inspection_id == inspection.id, revision_photos.c.revision == number)
    photos = connection.execute(select(revision_photos).where(*of).order_by(revision_photos.c.position))
    item = {name: value for name, value in inspection.item.items() if name != "category"}
    return replace(
        inspection,
        revision=number,
        status=row.status,
        item=item if row.declared is None else {**item, "category": row.declared},
        result=RESULT.validate_python(row.result),
        decision=None if row.decision is None else DECISION.validate_python(row.decision),
        photos=() if inspection.erased is not None else tuple(_photo(one) for one in photos),
        identity=stored_identity(row.identity),
        pieces=stored_pieces(row.pieces),
        reviews=(),
        asks=(),
    )


def _photo(row: Row[Any]) -> StoredPhoto:
    return StoredPhoto(row.position, row.sha256, row.media_type, row.size, row.width, row.height)
