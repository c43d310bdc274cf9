"""What steps say: bodies made of the rows that are written, so that nothing that is stored goes unsigned.

Personal (it can be erased): what a client wrote of the item, names of people, notes, the names of pieces, and the
reasons and alternatives of a disposition, from whose amounts a declared value can be told. In the clear: hashes of
photos, models, policy, what was found and decided, ids of keys, roles.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from regrade.serving.evidence.sealed import Personal
from regrade.serving.storage.tables import api_keys, inspection_photos, inspections, review_undos, reviews

Body = dict[str, Any]
Row = Mapping[Any, Any]

PHOTO: Final = ("sha256", "media_type", "size", "width", "height")
MEASURES: Final = ("brightness", "sharpness", "warmth", "tint")
REVIEW: Final = (
    "model_condition", "condition", "disposition", "disposition_source", "defects", "task_id", "kind", "blind",
    "rubric", "seller_grade", "seconds", "role",
)  # fmt: skip
ASK: Final = ("kind", "views", "assignee_id", "task_id")
"""Columns that are signed in the clear under their own names."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """By what an item was graded, beyond names that could be given twice: SHA-256 of the bundles' manifests by
    category, of the policy's file, and the version of the software."""

    bundles: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    software: str | None = None


def graded(connection: Connection, row: Row, photos: Sequence[Row], by: Provenance) -> Body:
    """A new inspection, of the row in `inspections` and those in `inspection_photos`."""
    return {**_inspection(connection, row, photos), "provenance": _provenance(by)}


def regraded(connection: Connection, row: Row, photos: Sequence[Row], by: Provenance) -> Body:
    """A new revision, of the row in `inspections` as it is from then on and those in `inspection_photos`; `row` says
    too what the one in `revisions` does (`number`, `cause`, `key_id`, what was sent), and which `asks` it answers."""
    told = _graded(row, photos)
    item = _item({"category": row["item"].get("category")}) if row["cause"] == "category" else {}
    return {
        "revision": row["number"],
        "cause": row["cause"],
        "by": who(connection, row["key_id"]),
        "status": row["status"],
        "request": _personal({name: row[name] for name in ("idempotency_key", "body_digest")}),
        "item": item,
        **told,
        "asks": list(row["asks"]),
        "provenance": _provenance(by),
    }


def asked(connection: Connection, row: Row) -> Body:
    """What a reviewer asked, of its row in `asks`."""
    by = {**who(connection, row["key_id"]), "name": Personal(row["name"])}
    clear = {name: list(row[name]) if name == "views" else row[name] for name in ASK}
    return {"ask": {"id": row["id"], "at": moment(row["at"]), "by": by, **clear, **_personal({"note": row["note"]})}}


def answered(connection: Connection, row: Row) -> Body:
    """What became of it, of its row in `ask_ends`."""
    by = {**who(connection, row["key_id"]), "name": Personal(row["name"])}
    return {"ask": row["ask_id"], "how": row["how"], "by": by, **_personal({"note": row["note"]})}


def reviewed(connection: Connection, row: Row, status: str) -> Body:
    """A decision of a human, of its row in `reviews`; `status` is the inspection's from then on."""
    return {"status": status, "review": _review(connection, row)}


def undone(connection: Connection, row: Row, status: str) -> Body:
    """That a decision was taken back, of its row in `review_undos`."""
    return {"status": status, "review": row["review_id"], "by": who(connection, row["key_id"])}


def as_stored(connection: Connection, inspection_id: str) -> Body:
    """An inspection as its rows are now. Raises `NoResultFound` where there is none."""
    row = connection.execute(select(inspections).where(inspections.c.id == inspection_id)).mappings().one()
    of_photos = select(inspection_photos).where(inspection_photos.c.inspection_id == inspection_id)
    photos = connection.execute(of_photos.order_by(inspection_photos.c.position)).mappings().all()
    undone_at = (review_undos.c.undone_at, review_undos.c.key_id.label("undone_by"))
    joined = reviews.outerjoin(review_undos, review_undos.c.review_id == reviews.c.id)
    of_reviews = select(reviews, *undone_at).select_from(joined).where(reviews.c.inspection_id == inspection_id)
    found = connection.execute(of_reviews.order_by(reviews.c.decided_at, reviews.c.id)).mappings().all()
    return {**_inspection(connection, row, photos), "reviews": [_old_review(connection, one) for one in found]}


def who(connection: Connection, key_id: str) -> Body:
    """Whose key it is and what its holder may do, as far as it is known now."""
    query = select(api_keys.c.name, api_keys.c.role).where(api_keys.c.id == key_id)
    row = connection.execute(query).first()
    return {"key_id": key_id} if row is None else {"key_id": key_id, "role": row.role, "name": Personal(row.name)}


def moment(value: datetime) -> str:
    """RFC 3339, in UTC, as evidence has it."""
    return value.astimezone(UTC).isoformat()


def _inspection(connection: Connection, row: Row, photos: Sequence[Row]) -> Body:
    return {
        "status": row["status"],
        "received": {"at": moment(row["created_at"]), "by": who(connection, row["key_id"])},
        "request": _personal({name: row[name] for name in ("idempotency_key", "body_digest")}),
        "item": _item(row["item"]),
        **_graded(row, photos),
    }


def _graded(row: Row, photos: Sequence[Row]) -> Body:
    return {
        "photos": [_photo(photo) for photo in photos],
        "model_output": row["result"],
        "decision": None if row["decision"] is None else _decision(row["decision"]),
        "sample_share": row["sample_share"],
        **_but_for("identity", row.get("identity"), "verdict"),
        **_but_for("pieces", row.get("pieces"), "state"),
    }


def _but_for(name: str, said: Row | None, clear: str) -> Body:
    """What was `said` of codes or pieces, `clear` of it in the clear: which were expected and found names the thing."""
    if said is None:
        return {}
    rest = {one: value for one, value in said.items() if one != clear}
    return {name: {clear: said[clear], **_personal(rest)}}


def _provenance(by: Provenance) -> Body:
    return {"bundles": dict(by.bundles), "policy": by.policy, "software": by.software}


def _item(item: Row) -> Body:
    """All of it is what a client wrote. Answers are theirs in form, too: they are kept as JSON text, which no reader of
    statements takes for a part of them."""
    return _personal({name: json.dumps(value) if name == "answers" else value for name, value in item.items()})


def _decision(decision: Row) -> Body:
    told = {name: Personal(value) if name == "review" else value for name, value in decision.items()}
    return {**told, "disposition": _disposition(decision["disposition"])}


def _disposition(disposition: Row) -> Body:
    told = ("reasons", "alternatives")
    return {name: Personal(value) if name in told else value for name, value in disposition.items()}


def _photo(row: Row) -> Body:
    measured = {name: row.get(name) for name in MEASURES}
    return {"index": row["position"], **{name: row[name] for name in PHOTO}, "measures": measured}


def _review(connection: Connection, row: Row) -> Body:
    by = {**who(connection, row["key_id"]), "name": Personal(row["reviewer"])}
    clear = {name: row[name] for name in REVIEW} | {"disposition": _disposition(row["disposition"])}
    if "/" in (row["rubric"] or ""):  # a seller's own, with the name in it
        clear["rubric"] = Personal(row["rubric"])
    told = {"note": row["note"], "pieces": row.get("pieces")}
    return {"id": row["id"], "at": moment(row["decided_at"]), "by": by, **clear, **_personal(told)}


def _old_review(connection: Connection, row: Row) -> Body:
    if row["undone_at"] is None:
        return _review(connection, row)
    undone = {"at": moment(row["undone_at"]), "by": who(connection, row["undone_by"])}
    return {**_review(connection, row), "undone": undone}


def _personal(values: Row) -> Body:
    return {name: Personal(value) for name, value in values.items() if value is not None}
