"""Rows of results: the columns that there are, a page of them, and all of them one after another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, CursorResult, and_, or_, select

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.inspections.cursors import decode_cursor, encode_cursor
from regrade.serving.inspections.visibility import Viewer
from regrade.serving.results.asked import CHANGED, Asked, among, chosen, fitting, lead_of, unled
from regrade.serving.results.moments import written
from regrade.serving.review.quality.decision_rows import AUTOMATIC
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, inspections

LIST: Final = "results"
AT_ONCE: Final = 5000
"""Rows that are read at once for a file: no transaction is open for as long as somebody takes to fetch it."""

Kind = Literal["moment", "text", "person", "share", "money", "count", "yes"]
_TABLE: Final = inspections.c


@dataclass(frozen=True, slots=True)
class Column:
    """A column of results: what kind of value it has, and where that is read."""

    kind: Kind
    read: ColumnElement[Any]


COLUMNS: Final[dict[str, Column]] = {
    "created_at": Column("moment", _TABLE.created_at),
    "rma": Column("text", _TABLE.rma),
    "sku": Column("text", _TABLE.sku),
    "seller": Column("text", _TABLE.seller),
    "station": Column("text", _TABLE.station),
    "category": Column("text", _TABLE.category),
    "condition": Column("text", _TABLE.condition),
    "disposition": Column("text", _TABLE.disposition),
    "status": Column("text", _TABLE.status),
    "decided_by": Column("person", _TABLE.decided_by),
    "recovery": Column("money", _TABLE.recovery),
    "policy_recovery": Column("money", _TABLE.policy_recovery),
    "currency": Column("text", _TABLE.currency),
    "model_condition": Column("text", _TABLE.model_condition),
    "confidence": Column("share", _TABLE.model_confidence),
    "suggested": Column("text", _TABLE.suggested),
    "automatic": Column("yes", AUTOMATIC.label("automatic")),
    "missing": Column("text", _TABLE.missing_pieces),
    "revision": Column("count", _TABLE.revision),
    "updated_at": Column("moment", _TABLE.updated_at),
    "id": Column("text", _TABLE.id),
}
"""By name, in order."""

SHOWN: Final = (
    *("created_at", "rma", "sku", "seller", "station", "category", "condition", "disposition", "status"),
    *("decided_by", "recovery"),
)
"""Columns that are shown where none are chosen."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, each a value a column by name; `next_cursor` is None on the last page."""

    rows: tuple[dict[str, Any], ...]
    next_cursor: str | None


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """The columns `names`, each once. Raises `InvalidFieldsError` for one that there is not."""
    for name in names:
        if name not in COLUMNS:
            fault = FieldFault("columns", Message("fault.legal", {"legal": ", ".join(COLUMNS)}))
            raise InvalidFieldsError("invalid-query", "query", [fault])
    return tuple(dict.fromkeys(names))


def page(database: Database, asked: Asked, viewer: Viewer | None, limit: int, cursor: str | None = None) -> Page:
    """At most `limit` rows with all columns. Raises `InvalidFieldsError` for a damaged cursor."""
    after = None if cursor is None else decode_cursor(LIST, cursor)
    with database.read() as connection:
        # First which, for which indexes are enough, then what stands in their rows.
        lead = lead_of(connection, asked)
        where, columns = fitting(asked, viewer, lead), (_TABLE.id, _TABLE.created_at)
        found = _next(connection, where, columns, after, limit + 1, lead).all()
        ids = [row[0] for row in found[:limit]]
        stand = select(*(one.read for one in COLUMNS.values())).where(_TABLE.id.in_(ids))
        rows = {row.id: row for row in connection.execute(stand)}
        names = names_of(connection, {rows[one].decided_by for one in ids} - {None})
    shown = tuple(_shown(rows[one], names) for one in ids)
    last = encode_cursor(LIST, shown[-1]["created_at"], shown[-1]["id"]) if len(found) > limit else None
    return Page(shown, last)


def every(
    database: Database, asked: Asked, viewer: Viewer | None, names: Sequence[str], ids: Sequence[str] | None = None
) -> Iterator[list[Sequence[Any]]]:
    """All rows, newest first, some thousand at a time: the values of each of the columns `names`, in their order, all
    equally long and never empty; moments as texts (RFC 3339).

    With `ids`, those of these inspections. What comes in meanwhile is not among them; nothing comes twice, and nothing
    that was there is left out, whatever is stored meanwhile.
    """
    with database.read() as connection:
        lead = lead_of(connection, asked) if ids is None else None
    where = fitting(asked, viewer, lead) if ids is None else among(ids, viewer)
    wanted = tuple(dict.fromkeys((*names, "created_at", "id")))  # a place is a moment and an id
    people: dict[str | None, str | None] = {None: None}
    after: tuple[datetime, str] | None = None
    while True:
        with database.read() as connection:
            columns = [COLUMNS[name] for name in wanted]
            read = [written(connection, one.read) if one.kind == "moment" else one.read for one in columns]
            found = _bare(_next(connection, where, read, after, AT_ONCE, lead))
            values = dict(zip(wanted, zip(*found, strict=True), strict=True)) if found else {}
            for name in values:
                if COLUMNS[name].kind == "person":
                    missing = set(values[name]) - people.keys()
                    people |= dict.fromkeys(missing, "") | names_of(connection, missing)
        if found:
            after = datetime.fromisoformat(values["created_at"][-1]), values["id"][-1]
            yield [_told(COLUMNS[name].kind, values[name], people) for name in names]
        if len(found) < AT_ONCE:
            return


def _bare(result: CursorResult[Any]) -> list[Any]:
    """All rows as the driver reads them, with nothing around each: that costs as much as reading them."""
    cursor = result.cursor
    assert cursor is not None
    return list(cursor.fetchall())


def _told(kind: Kind, values: Sequence[Any], people: dict[str | None, str | None]) -> Sequence[Any]:
    if kind == "person":
        return [people[value] for value in values]
    return list(map(bool, values)) if kind == "yes" else values  # SQLite has no truth values


def names_of(connection: Connection, key_ids: set[Any]) -> dict[str | None, str | None]:
    """Whose keys they are."""
    query = select(api_keys.c.id, api_keys.c.name).where(api_keys.c.id.in_(key_ids))
    return {row.id: row.name for row in connection.execute(query)} if key_ids else {}


def people(database: Database) -> list[tuple[str, str]]:
    """Whoever may have decided: id and name of keys that are not engineers', by name."""
    query = select(api_keys.c.id, api_keys.c.name).where(api_keys.c.role != "engineer")
    with database.read() as connection:
        return [(row.id, row.name) for row in connection.execute(query.order_by(api_keys.c.name, api_keys.c.id))]


def _next(
    connection: Connection,
    where: Sequence[ColumnElement[bool]],
    columns: Sequence[ColumnElement[Any]],
    after: tuple[datetime, str] | None,
    limit: int,
    lead: str | None,
) -> CursorResult[Any]:
    query, came = chosen(where, *columns), unled(_TABLE.created_at) if lead == CHANGED else _TABLE.created_at
    if after is not None:
        same = and_(came == after[0], _TABLE.id < after[1])
        # The first condition alone is one that an index is entered by.
        query = query.where(came <= after[0], or_(came < after[0], same))
    return connection.execute(query.order_by(came.desc(), _TABLE.id.desc()).limit(limit))


def _shown(row: Any, names: dict[str | None, str | None]) -> dict[str, Any]:
    values = dict(zip(COLUMNS, row, strict=True))
    return values | {"decided_by": names.get(values["decided_by"])}
