"""What is missing of items that came back, by SKU."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections


@dataclass(frozen=True, slots=True)
class MissingPieces:
    """Of a SKU whose items have pieces: how many came in (`items`), were `counted`, and were `incomplete`; and what was
    missing together most often, `times`, empty where nothing was."""

    sku: str
    items: int
    counted: int
    incomplete: int
    most: str
    times: int


def missing_pieces(
    database: Database, since: datetime, *, category: str | None = None, seller: str | None = None
) -> list[MissingPieces]:
    """The SKUs of which items with pieces came in from `since` on, those with most incomplete items first. Erased items
    count for nothing."""
    wanted: list[ColumnElement[bool]] = [inspections.c.pieces.is_not(None), inspections.c.created_at >= since]
    if category is not None:
        wanted.append(inspections.c.category == category)
    if seller is not None:
        wanted.append(inspections.c.seller == seller)
    sku, missing = inspections.c.sku, inspections.c.missing_pieces
    query = select(sku, missing, func.count().label("items")).where(*wanted, inspections.c.erased_at.is_(None))
    found: defaultdict[str, dict[str | None, int]] = defaultdict(dict)
    with database.read() as connection:
        for row in connection.execute(query.group_by(sku, missing)):
            found[row.sku or ""][row.missing_pieces] = row.items
    told = [_told(name, by_missing) for name, by_missing in found.items()]
    return sorted(told, key=lambda one: (-one.incomplete, -one.items, one.sku))


def _told(sku: str, by_missing: dict[str | None, int]) -> MissingPieces:
    items = sum(by_missing.values())
    lacking = {what: times for what, times in by_missing.items() if what}
    most, times = max(lacking.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
    return MissingPieces(sku, items, items - by_missing.get(None, 0), sum(lacking.values()), most, times)
