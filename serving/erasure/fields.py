"""What goes of an inspection that is erased, and what is written in its place."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, delete, func, select, update

from regrade.models.codes.identity import only_verdict
from regrade.models.pieces.stored import only_state
from regrade.serving.base.dispositions import Decision, Disposition, Reason
from regrade.serving.erasure.pseudonyms import Pseudonyms
from regrade.serving.evidence import withhold
from regrade.serving.inspections.regrade import NOBODY
from regrade.serving.storage.records import DECISION
from regrade.serving.storage.reviews import DISPOSITION
from regrade.serving.storage.tables import (
    ask_ends,
    asks,
    catalogue_rmas,
    inspections,
    reviews,
    revisions,
    shadow_grades,
    tasks,
)

INDEXED: Final[tuple[Column[Any], ...]] = (
    *(inspections.c.rma, inspections.c.sku, inspections.c.idempotency_key, revisions.c.idempotency_key),
    catalogue_rmas.c.rma,
)
SELLERS: Final[tuple[Column[Any], ...]] = (inspections.c.seller, tasks.c.seller)
"""Columns whose old values indexes may hold copies of."""


_OF_THE_MODEL: Final = frozenset(
    {"action_unproven", "category_unsure", "category_mismatch", "confidence_short", "harm_likely", "harm_unproven"}
    | {"desk_asked", "no_guarantee", "no_promise", "other_economics", "relist_unsure"}
)
"""Reasons for a review that say nothing of money and have no words of a policy's author, who may name a seller."""


def clear(connection: Connection, row: Row[Any], at: datetime, pseudonyms: Pseudonyms) -> list[str]:
    """Take out of the inspection in `row`, of its reviews, tasks and evidence what is not to stay; returns the names of
    what was taken out of the evidence."""
    key = row.idempotency_key
    values: dict[str, Any] = {
        "erased_at": at,
        "updated_at": at,
        "rma": "",
        "sku": None,
        "item": {},
        "body_digest": "",
        "idempotency_key": None if key is None else pseudonyms.of_request(key),
        "decision": None if row.decision is None else _decision(row.decision),
        "identity": only_verdict(row.identity),
        "pieces": only_state(row.pieces),
        "missing_pieces": None,
        # Of two actions' amounts the declared value can be told, as of the alternatives.
        "policy_recovery": inspections.c.recovery,
    }
    # This first: only of what is marked as erased does the database let words be taken out.
    connection.execute(update(inspections).where(inspections.c.id == row.id).values(values))
    # What was expected of this return names its order; other items of it still need it.
    others = select(inspections.c.id).where(
        inspections.c.rma == row.rma,
        func.coalesce(inspections.c.seller, "") == (row.seller or ""),
        inspections.c.erased_at.is_(None),
        inspections.c.id != row.id,
    )
    whose = catalogue_rmas.c.seller.in_((row.seller or "", ""))
    expected = delete(catalogue_rmas).where(catalogue_rmas.c.rma == row.rma, whose, ~others.exists())
    connection.execute(expected)
    for review in connection.execute(select(reviews.c.id, reviews.c.disposition).where(_of(reviews, row))).all():
        kept = {"note": None, "pieces": None, "disposition": _disposition(review.disposition)}
        connection.execute(update(reviews).where(reviews.c.id == review.id).values(kept))
    _clear_history(connection, row, pseudonyms)
    connection.execute(update(tasks).where(_of(tasks, row)).values(value=None))
    # From what an action was expected to lose the declared value can be told; what a candidate saw stays, as the grade.
    connection.execute(update(shadow_grades).where(_of(shadow_grades, row)).values(loss=None))
    # Not `void`: it was drawn, or asked for, and figures go on counting it as such.
    unseen = update(tasks).where(_of(tasks, row), tasks.c.state.in_(("open", "away")))
    connection.execute(unseen.values(state="erased", **NOBODY))
    # Who sent, decided and took back stays in the evidence.
    return withhold(connection, row.id, but=("by.name",))


def _clear_history(connection: Connection, row: Row[Any], pseudonyms: Pseudonyms) -> None:
    """Take the same out of what the inspection was before, and what was asked about it."""
    for was in connection.execute(select(revisions).where(_of(revisions, row))).all():
        kept = {
            "idempotency_key": None if was.idempotency_key is None else pseudonyms.of_request(was.idempotency_key),
            "body_digest": "",
            "declared": None,
            "decision": None if was.decision is None else _decision(was.decision),
            "identity": only_verdict(was.identity),
            "pieces": only_state(was.pieces),
        }
        this = update(revisions).where(_of(revisions, row), revisions.c.number == was.number)
        connection.execute(this.values(kept))
    asked = select(asks.c.id).where(_of(asks, row))
    connection.execute(update(ask_ends).where(ask_ends.c.ask_id.in_(asked)).values(note=None))
    connection.execute(update(asks).where(_of(asks, row)).values(note=None))


def _decision(stored: Mapping[str, Any]) -> Any:
    decision = DECISION.validate_python(stored)
    review = tuple(one if one.code in _OF_THE_MODEL else Reason(one.code) for one in decision.review)
    return DECISION.dump_python(Decision(_wordless(decision.disposition), review, decision.who), mode="json")


def _disposition(stored: Mapping[str, Any]) -> Any:
    return DISPOSITION.dump_python(_wordless(DISPOSITION.validate_python(stored)), mode="json")


def _wordless(disposition: Disposition) -> Disposition:
    """Without reasons and alternatives: from their amounts the declared value can be told."""
    return replace(disposition, reasons=(), alternatives=())


def _of(table: Any, row: Row[Any]) -> Any:
    return table.c.inspection_id == row.id
