"""The catalogue in the database: imported, looked up, and used to complete what a station says of an item."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, delete, exists, insert, select

from regrade.models.codes.identity import ExpectedCodes
from regrade.models.pieces.types import ExpectedPiece, gathered
from regrade.serving.catalogue.entries import RmaEntry, SkuEntry
from regrade.serving.grading.item import DeclaredValue, Item
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import catalogue_gtins, catalogue_rmas, catalogue_skus

BATCH: Final = 1_000
"""Entries that one transaction of `keep_in_batches` writes: others wait no longer for their turn."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One kind of item of a return, with what is known of its SKU; `gtins` are those of the line, else of its SKU;
    `serials` hold `serial` too."""

    sku: str
    quantity: int
    serial: str | None
    title: str | None
    category: str | None
    declared_value: DeclaredValue | None
    pieces: tuple[ExpectedPiece, ...]
    gtins: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedReturn:
    """A return as the catalogue has it; `seller` and `order` may not be known."""

    rma: str
    seller: str | None
    order: str | None
    lines: tuple[Expected, ...]
    updated_at: datetime


class Catalogue:
    """SKUs and returns of a site. Blocks on the database; raises `StorageError` where it cannot be written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_skus(self, entries: Sequence[SkuEntry]) -> None:
        """Store SKUs, all of them or none, each in place of what was there of its name and seller."""
        rows = [_sku_row(entry) for entry in entries]
        gtins = [
            {"gtin": gtin, "seller": row["seller"], "sku": row["sku"]}
            for row in rows
            for gtin in dict.fromkeys(row["gtins"])
        ]
        self._keep(catalogue_skus, "sku", rows, gtins)

    def keep_rmas(self, entries: Sequence[RmaEntry]) -> None:
        """Store returns, all of them or none, each in place of what was there of its RMA and seller."""
        self._keep(catalogue_rmas, "rma", [_rma_row(entry) for entry in entries])

    def keep_in_batches(
        self, entries: Sequence[SkuEntry] | Sequence[RmaEntry], kept: Callable[[int], None] = lambda _: None
    ) -> None:
        """Store many entries, some at a time; `kept` is told of how many each time. What is done again changes
        nothing."""
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            self.keep_skus([e for e in batch if isinstance(e, SkuEntry)])
            self.keep_rmas([e for e in batch if isinstance(e, RmaEntry)])
            kept(len(batch))

    def _keep(self, table: Table, name: str, rows: list[dict[str, Any]], gtins: Sequence[dict[str, Any]] = ()) -> None:
        if not rows:
            return
        these = [{"_name": row[name], "_seller": row["seller"]} for row in rows]
        with self._database.write() as connection:
            for one in (table, catalogue_gtins) if table is catalogue_skus else (table,):
                gone = delete(one).where(one.c[name] == bindparam("_name"), one.c.seller == bindparam("_seller"))
                connection.execute(gone, these)
            connection.execute(insert(table), rows)
            if gtins:
                connection.execute(insert(catalogue_gtins), gtins)

    def remove_sku(self, sku: str, seller: str | None) -> bool:
        """Forget a SKU; whether it was there."""
        return self._remove(catalogue_skus, "sku", sku, seller)

    def remove_rma(self, rma: str, seller: str | None) -> bool:
        """Forget a return; whether it was there."""
        return self._remove(catalogue_rmas, "rma", rma, seller)

    def _remove(self, table: Table, name: str, value: str, seller: str | None) -> bool:
        with self._database.write() as connection:
            done = connection.execute(delete(table).where(table.c[name] == value, table.c.seller == (seller or "")))
            if table is catalogue_skus:
                of = catalogue_gtins.c
                connection.execute(delete(catalogue_gtins).where(of.sku == value, of.seller == (seller or "")))
        return bool(done.rowcount)

    def knows_returns(self) -> bool:
        """Whether any return is expected: only then is it news that one is not."""
        with self._database.read() as connection:
            return bool(connection.execute(select(exists().where(catalogue_rmas.c.rma.is_not(None)))).scalar())

    def returns(self, rma: str, seller: str | None = None) -> list[ExpectedReturn]:
        """The returns of this RMA, of one seller or of all, by seller."""
        with self._database.read() as connection:
            return _returns(connection, rma, seller)

    def sku(self, sku: str, seller: str | None = None) -> SkuEntry | None:
        """What is known of a SKU: of this seller's, else of that which holds for all."""
        with self._database.read() as connection:
            row = _sku(connection, sku, seller)
        if row is None:
            return None
        told = {"sku": row.sku, "seller": row.seller or None, "title": row.title, "category": row.category}
        return SkuEntry.model_validate(
            {**told, "declared_value": row.value, "pieces": row.pieces, "gtins": row.gtins or ()}
        )

    def codes_expected(self, item: Mapping[str, Any]) -> ExpectedCodes:
        """The codes that an item should show: of the line of its SKU, or of all lines where it names none; of its SKU
        alone where no return is known that holds it."""
        sku, seller = item.get("sku"), item.get("seller")
        with self._database.read() as connection:
            due = [line for one in _returns(connection, item["rma"], seller) for line in one.lines]
            lines = [line for line in due if sku is None or line.sku == sku]
            if not lines and sku is not None:
                lines = [_expected(connection, {"sku": sku, "quantity": 1}, seller)]
        gtins = dict.fromkeys(gtin for line in lines for gtin in line.gtins)
        # Where one line has none, what is read may be its own.
        whole = all(line.gtins for line in lines)
        serials = dict.fromkeys(one for line in lines for one in line.serials)
        every = all(len(line.serials) >= line.quantity for line in lines)
        apart = dict.fromkeys(code for line in lines for piece in line.pieces for code in piece.codes)
        return ExpectedCodes(tuple(gtins) if whole else (), tuple(serials) if every else (), tuple(apart))

    def pieces_expected(self, item: Mapping[str, Any]) -> tuple[ExpectedPiece, ...]:
        """What belongs to an item by its SKU; nothing where that is not known: of which line it is would be a guess."""
        if not item.get("sku"):
            return ()
        with self._database.read() as connection:
            row = _sku(connection, item["sku"], item.get("seller"))
        return _pieces(row)

    def skus_of_gtins(self, gtins: Sequence[str], seller: str | None) -> dict[str, str]:
        """GTIN-14 → the SKU that has it, for those that are known: of this seller, else of one that holds for all."""
        of = ("",) if seller is None else (seller, "")
        query = select(catalogue_gtins).where(catalogue_gtins.c.gtin.in_(gtins), catalogue_gtins.c.seller.in_(of))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(catalogue_gtins.c.seller, catalogue_gtins.c.sku.desc())).all()
        return {row.gtin: row.sku for row in rows}

    def completed(self, item: Item, categories: Sequence[str], currencies: Sequence[str]) -> Item:
        """`item` with what the station left out, as far as the catalogue leaves no doubt: which seller, SKU, category
        and declared value. What the station says stands; what cannot be graded or valued here is not filled in."""
        if item.seller and item.sku and item.category and item.declared_value:
            return item
        with self._database.read() as connection:
            found = _returns(connection, item.rma, item.seller)
            due = found[0] if len(found) == 1 else None
            seller = item.seller or (due.seller if due is not None else None)
            line = None if due is None else _line(due, item.sku)
            sku = item.sku or (None if line is None else line.sku)
            if line is None and sku is not None:
                line = _expected(connection, {"sku": sku, "quantity": 1}, seller)
        given: dict[str, Any] = {"seller": seller, "sku": sku}
        if item.category is None and line is not None and line.category in categories:
            given["category"] = line.category
        value = None if line is None else line.declared_value
        if item.declared_value is None and value is not None and value.currency in currencies:
            given["declared_value"] = value
        return item.model_copy(update=given)


def _line(due: ExpectedReturn, sku: str | None) -> Expected | None:
    """The line that an item is of: that of its SKU, or the only one there is."""
    if sku is not None:
        return next((line for line in due.lines if line.sku == sku), None)
    return due.lines[0] if len(due.lines) == 1 else None


def _returns(connection: Connection, rma: str, seller: str | None) -> list[ExpectedReturn]:
    query = select(catalogue_rmas).where(catalogue_rmas.c.rma == rma).order_by(catalogue_rmas.c.seller)
    rows = connection.execute(query).all()
    mine = [row for row in rows if seller is None or row.seller in (seller, "")]
    # A seller's own stands before one that names no seller.
    mine = [row for row in mine if row.seller == seller] or mine if seller is not None else mine
    return [
        ExpectedReturn(
            row.rma,
            row.seller or None,
            row.order,
            tuple(_expected(connection, line, row.seller or seller) for line in row.lines),
            row.updated_at,
        )
        for row in mine
    ]


def _expected(connection: Connection, line: dict[str, Any], seller: str | None) -> Expected:
    row = _sku(connection, line["sku"], seller)
    value = line.get("declared_value") or (None if row is None else row.value)
    return Expected(
        line["sku"],
        line["quantity"],
        line.get("serial"),
        None if row is None else row.title,
        None if row is None else row.category,
        None if value is None else DeclaredValue.model_validate(value),
        _pieces(row),
        tuple(line.get("gtins") or (None if row is None else row.gtins) or ()),
        tuple(dict.fromkeys([*([line["serial"]] if line.get("serial") else []), *line.get("serials", ())])),
    )


def _pieces(row: Row[Any] | None) -> tuple[ExpectedPiece, ...]:
    told = [] if row is None else row.pieces
    return gathered(ExpectedPiece(one["name"], one["quantity"], tuple(one.get("codes", ()))) for one in told)


def _sku(connection: Connection, sku: str, seller: str | None) -> Row[Any] | None:
    of = ("",) if seller is None else (seller, "")
    query = select(catalogue_skus).where(catalogue_skus.c.sku == sku, catalogue_skus.c.seller.in_(of))
    return connection.execute(query.order_by(catalogue_skus.c.seller.desc()).limit(1)).first()


def _sku_row(entry: SkuEntry) -> dict[str, Any]:
    told = entry.model_dump(mode="json")
    return {
        "sku": entry.sku,
        "seller": entry.seller or "",
        "title": entry.title,
        "category": entry.category,
        "value": told["declared_value"],
        "pieces": told["pieces"],
        "gtins": told["gtins"],
        "updated_at": datetime.now(UTC),
    }


def _rma_row(entry: RmaEntry) -> dict[str, Any]:
    lines = [line.model_dump(mode="json", exclude_none=True) for line in entry.lines]
    own = {"rma": entry.rma, "seller": entry.seller or "", "order": entry.order}
    return {**own, "lines": lines, "updated_at": datetime.now(UTC)}
