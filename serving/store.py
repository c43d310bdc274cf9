"""Inspections in the database. Methods block; photos are kept by the photo store."""

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from regrade.serving.db import Database
from regrade.serving.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.i18n import Message
from regrade.serving.records import DECISION, DEFECTS, DISPOSITION, RESULT, Inspection, Review, StoredPhoto
from regrade.serving.tables import inspection_photos, inspections, reviews


class DuplicateKeyError(Exception):
    """Another request with the same Idempotency-Key was stored first."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which inspections to list; None means any. `category` is the one that the item was graded as."""

    status: str | None = None
    seller: str | None = None
    category: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some inspections, newest first, and the cursor of the next page, None on the last."""

    items: tuple[Inspection, ...]
    next_cursor: str | None


class InspectionStore:
    """Inspections: each is inserted once, whole, and read back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, inspection: Inspection) -> None:
        """Store an inspection durably. Raises `DuplicateKeyError` where its idempotency key is taken."""
        try:
            with self._database.write() as connection:
                connection.execute(insert(inspections).values(_columns(inspection)))
                connection.execute(insert(inspection_photos), _photo_rows(inspection))
        except IntegrityError as error:
            key = inspection.idempotency_key
            if key is not None and self.by_idempotency_key(inspection.key_id, key) is not None:
                raise DuplicateKeyError from error
            raise

    def get(self, inspection_id: str) -> Inspection:
        """One inspection. Raises `NotFoundError`."""
        found = self._find(inspections.c.id == inspection_id)
        if found is None:
            raise NotFoundError(Message("problem.no_inspection", {"inspection": inspection_id}))
        return found

    def by_idempotency_key(self, key_id: str, idempotency_key: str) -> Inspection | None:
        """The inspection that the holder of `key_id` made under `idempotency_key`."""
        return self._find(and_(inspections.c.key_id == key_id, inspections.c.idempotency_key == idempotency_key))

    def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """At most `limit` inspections, newest first. Raises `InvalidFieldsError` for a damaged cursor."""
        query = select(inspections).order_by(inspections.c.created_at.desc(), inspections.c.id.desc())
        for name in ("status", "seller", "category"):
            if (value := getattr(filters, name)) is not None:
                query = query.where(inspections.c[name] == value)
        if filters.since is not None:
            query = query.where(inspections.c.created_at >= filters.since)
        if cursor is not None:
            created_at, inspection_id = decode_cursor(cursor)
            query = query.where(
                or_(
                    inspections.c.created_at < created_at,
                    and_(inspections.c.created_at == created_at, inspections.c.id < inspection_id),
                )
            )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
            found = load(connection, rows[:limit])
        more = len(rows) > limit
        return Page(tuple(found), encode_cursor(found[-1]) if more else None)

    def count(self) -> int:
        """How many inspections are stored."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(inspections)).scalar_one()

    def photo_hashes(self) -> set[str]:
        """The hashes of all photos that some inspection has."""
        with self._database.read() as connection:
            return set(connection.execute(select(inspection_photos.c.sha256).distinct()).scalars())

    def _find(self, where: ColumnElement[bool]) -> Inspection | None:
        with self._database.read() as connection:
            found = load(connection, connection.execute(select(inspections).where(where)).all())
        return found[0] if found else None


def load(connection: Connection, rows: Sequence[Row[Any]]) -> list[Inspection]:
    """The inspections of `rows` (of the table `inspections`), with their photos and reviews, in that order."""
    ids = [row.id for row in rows]
    photos: dict[str, list[StoredPhoto]] = defaultdict(list)
    decided: dict[str, list[Review]] = defaultdict(list)
    by_position = select(inspection_photos).order_by(inspection_photos.c.position)
    for row in connection.execute(by_position.where(inspection_photos.c.inspection_id.in_(ids))):
        photo = StoredPhoto(row.position, row.sha256, row.media_type, row.size, row.width, row.height)
        photos[row.inspection_id].append(photo)
    by_time = select(reviews).order_by(reviews.c.decided_at, reviews.c.id)
    for row in connection.execute(by_time.where(reviews.c.inspection_id.in_(ids))):
        decided[row.inspection_id].append(_review(row))
    return [_inspection(row, photos[row.id], decided[row.id]) for row in rows]


def insert_review(connection: Connection, review: Review) -> None:
    """Add a human decision."""
    values = {
        "id": review.id,
        "inspection_id": review.inspection_id,
        "decided_at": review.decided_at,
        "key_id": review.key_id,
        "reviewer": review.reviewer,
        "model_condition": review.model_condition,
        "condition": review.condition,
        "disposition": DISPOSITION.dump_python(review.disposition, mode="json"),
        "disposition_source": review.disposition_source,
        "defects": None if review.defects is None else DEFECTS.dump_python(review.defects, mode="json"),
        "note": review.note,
    }
    connection.execute(insert(reviews).values(values))


def encode_cursor(inspection: Inspection) -> str:
    """Where a page ended, in a form that clients only pass back."""
    place = json.dumps([inspection.created_at.isoformat(), inspection.id])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """The place that `encode_cursor` wrote down. Raises `InvalidFieldsError`."""
    try:
        created_at, inspection_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return datetime.fromisoformat(created_at).astimezone(UTC), str(inspection_id)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        fault = FieldFault("cursor", "pass the `next_cursor` of the page before, unchanged, or leave it out")
        raise InvalidFieldsError("invalid-query", "query", [fault]) from error


def _columns(inspection: Inspection) -> dict[str, Any]:
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
        "item": dict(item),
        "result": RESULT.dump_python(result, mode="json"),
        "decision": None if decision is None else DECISION.dump_python(decision, mode="json"),
    }


def _photo_rows(inspection: Inspection) -> list[dict[str, Any]]:
    return [
        {
            "inspection_id": inspection.id,
            "position": photo.index,
            "sha256": photo.sha256,
            "media_type": photo.media_type,
            "size": photo.size,
            "width": photo.width,
            "height": photo.height,
        }
        for photo in inspection.photos
    ]


def _inspection(row: Row[Any], photos: Iterable[StoredPhoto], decided: Iterable[Review]) -> Inspection:
    return Inspection(
        id=row.id,
        created_at=row.created_at,
        status=row.status,
        key_id=row.key_id,
        idempotency_key=row.idempotency_key,
        body_digest=row.body_digest,
        item=row.item,
        result=RESULT.validate_python(row.result),
        decision=None if row.decision is None else DECISION.validate_python(row.decision),
        photos=tuple(photos),
        reviews=tuple(decided),
    )


def _review(row: Row[Any]) -> Review:
    return Review(
        id=row.id,
        inspection_id=row.inspection_id,
        decided_at=row.decided_at,
        key_id=row.key_id,
        reviewer=row.reviewer,
        model_condition=row.model_condition,
        condition=row.condition,
        disposition=DISPOSITION.validate_python(row.disposition),
        disposition_source=row.disposition_source,
        defects=None if row.defects is None else DEFECTS.validate_python(row.defects),
        note=row.note,
    )
