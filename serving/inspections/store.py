"""Inspections in the database. Methods block; photos are kept by the photo store."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, func, insert, select
from sqlalchemy.exc import IntegrityError

from regrade.models.codes.identity import identity_column, stored_identity
from regrade.models.pieces.stored import pieces_column, stored_pieces
from regrade.models.pieces.types import missing_column
from regrade.serving.base.dispositions import Disposition
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import Provenance, Signer, append_step
from regrade.serving.evidence.statements import graded
from regrade.serving.inspections.listing import Filters, Page, page_cursor, page_query
from regrade.serving.inspections.past import revisions_of
from regrade.serving.inspections.selection import held, photos_kept
from regrade.serving.outbox.writer import note
from regrade.serving.storage.asks import Ask, asks_of
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import (
    DECISION,
    RESULT,
    Erased,
    FirstLook,
    Inspection,
    Revision,
    StoredPhoto,
    new_id,
)
from regrade.serving.storage.reviews import Review, review_of, row_of
from regrade.serving.storage.tables import erasures, inspection_photos, inspections, review_undos, reviews, tasks

UNKNOWN = Provenance()


FirstLooks = Callable[[Inspection], FirstLook]
"""Says whether a human owes an inspection a look."""


class DuplicateKeyError(Exception):
    """Another request with the same Idempotency-Key was stored first."""


def asked_for(inspection: Inspection) -> FirstLook:
    """The look that the model itself asks for, and no blind ones."""
    reason = inspection.decision.review[0].code if inspection.decision and inspection.decision.review else None
    return FirstLook("unsure" if inspection.status == "needs_review" else None, None, reason, None)


class InspectionStore:
    """Inspections: each is inserted once, whole, and read back.

    `first_look` says whether a human owes a new one a look; the task for it is made together with the inspection, and
    so is the first step of its evidence, which `signer` signs. Without a signer inspections can only be read.
    `pseudonym` gives what stands in place of an erased inspection's idempotency key.
    """

    def __init__(
        self,
        database: Database,
        first_look: FirstLooks = asked_for,
        signer: Signer | None = None,
        pseudonym: Callable[[str], str] | None = None,
    ) -> None:
        self._database = database
        self._first_look = first_look
        self._signer = signer
        self._pseudonym = pseudonym

    def insert(self, inspection: Inspection, provenance: Provenance = UNKNOWN) -> None:
        """Store an inspection durably, and sign it. `provenance` says by what exactly it was graded.

        Raises `DuplicateKeyError` where its idempotency key is taken, and `StorageError`.
        """
        if self._signer is None:
            raise ValueError("a store without a signer only reads")
        rows = rows_of(inspection, self._first_look(inspection))
        try:
            with self._database.write() as connection:
                for table, values in rows.items():
                    connection.execute(insert(table), values)
                body = graded(connection, rows[inspections][0], rows[inspection_photos], provenance)
                append_step(connection, self._signer, inspection.id, "graded", body, at=inspection.created_at)
                note(connection, "inspection.graded", inspection, inspection.created_at)
        except IntegrityError as error:
            key = inspection.idempotency_key
            if key is not None and self.by_idempotency_key(inspection.key_id, key) is not None:
                raise DuplicateKeyError from error
            raise

    def get(self, inspection_id: str) -> Inspection:
        """One inspection. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return find(connection, inspection_id)

    def by_idempotency_key(self, key_id: str, idempotency_key: str) -> Inspection | None:
        """The inspection that the holder of `key_id` made under `idempotency_key`, erased since or not."""
        known = [idempotency_key, *([] if self._pseudonym is None else [self._pseudonym(idempotency_key)])]
        return self._find(and_(inspections.c.key_id == key_id, inspections.c.idempotency_key.in_(known)))

    def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """At most `limit` inspections, newest first. Raises `InvalidFieldsError` for a damaged cursor."""
        query = page_query(filters, cursor)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
            found = load(connection, rows[:limit])
        return Page(tuple(found), page_cursor(found[-1]) if len(rows) > limit else None)

    def count(self) -> int:
        """How many inspections are stored."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(inspections)).scalar_one()

    def count_of(self, filters: Filters) -> int:
        """How many inspections fit."""
        query = page_query(filters, None).with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def count_erased(self) -> int:
        """How many of them are erased."""
        query = select(func.count()).where(inspections.c.erased_at.is_not(None))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def photo_hashes(self) -> set[str]:
        """The hashes of all photos that some inspection has; those that were erased have none."""
        with self._database.read() as connection:
            return set(connection.execute(photos_kept()).scalars())

    def using(self, hashes: Collection[str]) -> set[str]:
        """Those of the photos `hashes` that some inspection has which was not erased."""
        with self._database.read() as connection:
            return held(connection, hashes)

    def sent_by(self, key_id: str, hashes: Collection[str]) -> set[str]:
        """Those of the photos `hashes` that stand in an inspection which `key_id` made and which was not erased."""
        with self._database.read() as connection:
            return held(connection, hashes, by=key_id)

    def _find(self, where: ColumnElement[bool]) -> Inspection | None:
        with self._database.read() as connection:
            found = load(connection, connection.execute(select(inspections).where(where)).all())
        return found[0] if found else None


def rows_of(inspection: Inspection, look: FirstLook) -> dict[Table, list[dict[str, Any]]]:
    """What is written of a new inspection, by table, in the order in which tables refer to each other."""
    columns = columns_of(inspection)
    sample_share = None if look.kind == "unsure" else look.share
    rows = {inspections: [{**columns, "sample_share": sample_share}], inspection_photos: photo_rows(inspection)}
    if look.kind is not None:
        rows[tasks] = [task_row(columns, look)]
    return rows


def find(connection: Connection, inspection_id: str, *, lock: bool = False) -> Inspection:
    """One inspection, with `lock` one that nobody else changes until the transaction ends. Raises `NotFoundError`."""
    wanted = "" if "\0" in inspection_id else inspection_id  # which PostgreSQL cannot be asked for
    query = select(inspections).where(inspections.c.id == wanted)
    rows = connection.execute(query.with_for_update() if lock else query).all()
    if not rows:
        raise NotFoundError(Message("problem.no_inspection", {"inspection": inspection_id}))
    return load(connection, rows)[0]


def load(connection: Connection, rows: Sequence[Row[Any]]) -> list[Inspection]:
    """The inspections of `rows` (of the table `inspections`), with their photos and reviews, in that order."""
    ids = [row.id for row in rows]
    photos: dict[str, list[StoredPhoto]] = defaultdict(list)
    decided: dict[str, list[Review]] = defaultdict(list)
    by_position = select(inspection_photos).order_by(inspection_photos.c.position)
    for row in connection.execute(by_position.where(inspection_photos.c.inspection_id.in_(ids))):
        photo = StoredPhoto(row.position, row.sha256, row.media_type, row.size, row.width, row.height)
        photos[row.inspection_id].append(photo)
    undone = reviews.outerjoin(review_undos, review_undos.c.review_id == reviews.c.id)
    by_time = select(reviews, review_undos.c.undone_at).select_from(undone).order_by(reviews.c.decided_at, reviews.c.id)
    for row in connection.execute(by_time.where(reviews.c.inspection_id.in_(ids))):
        decided[row.inspection_id].append(review_of(row))
    erased = _erased(connection, rows)
    history = revisions_of(connection, [row for row in rows if row.revision > 1])
    asked = asks_of(connection, ids)
    return [
        _inspection(
            row, photos[row.id], decided[row.id], erased.get(row.id), history.get(row.id, ()), asked.get(row.id, ())
        )
        for row in rows
    ]


def _erased(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, Erased]:
    # One whose record is gone is erased all the same; `regrade store verify` tells of it.
    found = {row.id: Erased(row.erased_at, "", None) for row in rows if row.erased_at is not None}
    if found:
        for row in connection.execute(select(erasures).where(erasures.c.inspection_id.in_(found))):
            found[row.inspection_id] = Erased(row.at, row.name, row.reason)
    return found


def insert_review(connection: Connection, review: Review) -> None:
    """Add a human decision."""
    connection.execute(insert(reviews).values(row_of(review)))


def columns_of(inspection: Inspection) -> dict[str, Any]:
    """The row of `inspections` of a new inspection, but for its share of samples."""
    item, result, decision = inspection.item, inspection.result, inspection.decision
    return {
        "id": inspection.id,
        "created_at": inspection.created_at,
        "status": inspection.status,
        "key_id": inspection.key_id,
        "idempotency_key": inspection.idempotency_key,
        "body_digest": inspection.body_digest,
        "rma": item["rma"],
        "seller": item.get("seller"),
        "sku": item.get("sku"),
        "station": item.get("station"),
        "category": result.category.name if result.category else None,
        "model_condition": result.grade.condition if result.grade else None,
        "model_confidence": result.grade.confidence if result.grade else None,
        "suggested": None if decision is None else decision.disposition.action,
        **standing_columns(inspection),
        "updated_at": inspection.created_at,
        "revision": inspection.revision,
        "item": dict(item),
        "result": RESULT.dump_python(result, mode="json"),
        "decision": None if decision is None else DECISION.dump_python(decision, mode="json"),
        "identity": identity_column(inspection.identity),
        "pieces": pieces_column(inspection.pieces),
    }


def standing_columns(inspection: Inspection) -> dict[str, Any]:
    """Copies of what stands of an inspection: the condition, the action and what it recovers, who decided last, and
    what is missing."""
    review, decision, newest = inspection.review, inspection.decision, inspection.decided_by
    missing = missing_column(inspection.pieces_now)
    by = {"decided_by": None if newest is None else newest.key_id, "missing_pieces": missing}
    if review is not None:
        return {"condition": review.condition, **_action_columns(review.disposition), **by}
    condition = None if inspection.status == "retake" else inspection.model_condition
    return {"condition": condition, **_action_columns(None if decision is None else decision.disposition), **by}


def _action_columns(disposition: Disposition | None) -> dict[str, Any]:
    if disposition is None:
        return dict.fromkeys(("disposition", "recovery", "policy_recovery", "currency"))
    own = disposition.expected_recovery
    # Whoever chose another action than the policy's has said nothing else of why, and the policy's comes next.
    chosen = [reason.code for reason in disposition.reasons] == ["reviewer_chose"] and disposition.alternatives
    policy = disposition.alternatives[0].expected_recovery if chosen else own
    return {
        "disposition": disposition.action,
        "recovery": own.amount,
        "policy_recovery": policy.amount,
        "currency": own.currency,
    }


def photo_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """The rows of `inspection_photos` of an inspection, with what the quality gate measured on each."""
    return [
        {
            "inspection_id": inspection.id,
            "position": photo.index,
            "sha256": photo.sha256,
            "media_type": photo.media_type,
            "size": photo.size,
            "width": photo.width,
            "height": photo.height,
            **{name: quality.measures.get(name) for name in _MEASURES},
        }
        for photo, quality in zip(inspection.photos, inspection.result.quality, strict=True)
    ]


_MEASURES = ("brightness", "sharpness", "warmth", "tint")


def task_row(columns: Mapping[str, Any], look: FirstLook) -> dict[str, Any]:
    """The row of `tasks` for the first look at the inspection whose row is `columns`; `look.kind` is not None."""
    copies = {name: columns[name] for name in ("created_at", "category", "seller", "station")}
    own = {"id": new_id(), "inspection_id": columns["id"], "kind": look.kind, "state": "open"}
    # The reason would tell a reviewer who must not know that the model had none.
    reason = look.reason if look.kind == "unsure" else None
    return {**own, **copies, "share": look.share, "reason": reason, "value": look.value}


def _inspection(
    row: Row[Any],
    photos: Iterable[StoredPhoto],
    decided: Iterable[Review],
    erased: Erased | None,
    history: Iterable[Revision],
    asked: Iterable[Ask],
) -> Inspection:
    return Inspection(
        id=row.id,
        created_at=row.created_at,
        # What was erased waits for nobody. Whether it did is told by the row, and by what was signed.
        status="graded" if erased is not None and row.status == "needs_review" else row.status,
        key_id=row.key_id,
        idempotency_key=row.idempotency_key,
        body_digest=row.body_digest,
        item=row.item if erased is None else _rest_of_item(row),
        result=RESULT.validate_python(row.result),
        decision=None if row.decision is None else DECISION.validate_python(row.decision),
        photos=tuple(photos) if erased is None else (),
        reviews=tuple(decided),
        erased=erased,
        revision=row.revision,
        revisions=tuple(history),
        asks=tuple(asked),
        identity=stored_identity(row.identity),
        pieces=stored_pieces(row.pieces),
    )


def _rest_of_item(row: Row[Any]) -> dict[str, Any]:
    """What is left of an erased item: whose goods they were, and where they were looked at."""
    kept = {name: value for name in ("seller", "station") if (value := getattr(row, name))}
    return {"rma": row.rma, **row.item, **kept}
