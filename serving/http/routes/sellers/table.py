"""A seller's items as rows: which are wanted, a page of them, and all of them as CSV, some at a time."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, get_args

from regrade.models.category.economics import Action
from regrade.models.category.fields import Condition
from regrade.models.pieces.types import Piece, in_short
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message, name_of, text
from regrade.serving.base.sheets import csv_lines, csv_rows
from regrade.serving.http.routes.sellers.out import SellerInspectionOut, seller_out
from regrade.serving.inspections.listing import Filters
from regrade.serving.runtime import Runtime

FIELDS: Final = ("from", "to", "condition", "disposition")
"""What the address of the page may narrow by. Days are those of UTC."""
CONDITIONS: Final[tuple[str, ...]] = get_args(Condition)
ACTIONS: Final[tuple[str, ...]] = get_args(Action)
AT_ONCE: Final = 200
COLUMNS: Final = (
    "came_in", "rma", "sku", "seller", "category", "status", "condition", "grade", "defects", "missing",
    "disposition", "expected_recovery", "currency", "declared_value", "declared_currency", "decided", "inspection",
)  # fmt: skip


def filters_of(query: Mapping[str, str]) -> Filters:
    """The filters in the address of a page; empty ones count for nothing. Raises `InvalidFieldsError`."""
    begin, end = _day(query, "from"), _day(query, "to")
    return Filters(
        since=begin,
        before=None if end is None else end + timedelta(days=1),
        condition=_one_of(query, "condition", CONDITIONS),
        disposition=_one_of(query, "disposition", ACTIONS),
    )


def kept(query: Mapping[str, str]) -> dict[str, str]:
    """What of `query` narrows, to be put into other addresses."""
    return {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}


async def csv_of(runtime: Runtime, filters: Filters, lang: str) -> AsyncIterator[bytes]:
    """All items that fit, newest first, in chunks: a page of them is in memory at a time."""
    for chunk in csv_rows([text(f"desk.seller_csv_{name}", lang) for name in COLUMNS], ()):
        yield chunk
    cursor = None
    while True:
        page = await runtime.call(runtime.inspections.page, filters, AT_ONCE, cursor)
        yield csv_lines(_row(seller_out(one, lang, runtime.rubrics), lang) for one in page.items)
        if (cursor := page.next_cursor) is None:
            return


def _row(one: SellerInspectionOut, lang: str) -> tuple[object, ...]:
    item, grade, disposition = one.item, one.grade, one.disposition
    recovery = None if disposition is None else disposition.expected_recovery
    value = item.declared_value
    status = "desk.erased" if one.erased else f"desk.status_{one.status}"
    return (
        one.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        item.rma,
        item.sku,
        item.seller,
        None if one.category is None else name_of("category", one.category, lang),
        text(status, lang),
        None if grade is None else name_of("condition", grade.condition, lang),
        None if grade is None else grade.name,
        ", ".join(name_of("defect", f"{one.category}/{defect.type}", lang) for defect in one.defects),
        None if one.pieces is None else in_short(Piece(own.name, own.quantity) for own in one.pieces.missing or ()),
        None if disposition is None else name_of("action", disposition.action, lang),
        recovery and recovery.amount,
        recovery and recovery.currency,
        value and value.amount,
        value and value.currency,
        None if one.decision is None else one.decision.at.astimezone(UTC).isoformat(timespec="seconds"),
        one.id,
    )


def _day(query: Mapping[str, str], name: str) -> datetime | None:
    """The beginning of a day."""
    written = query.get(name, "").strip()
    if not written:
        return None
    try:
        found = date.fromisoformat(written)
        # So that the day after it is one, too.
        return datetime(found.year, found.month, found.day, tzinfo=UTC) if found < date.max else None
    except ValueError:
        raise InvalidFieldsError("invalid-query", "query", [FieldFault(name, Message("fault.day"))]) from None


def _one_of(query: Mapping[str, str], name: str, legal: tuple[str, ...]) -> str | None:
    written = query.get(name, "").strip()
    if written and written not in legal:
        fault = FieldFault(name, Message("fault.legal", {"legal": ", ".join(legal)}))
        raise InvalidFieldsError("invalid-query", "query", [fault])
    return written or None
