"""Which inspections somebody asks for, and which of them they may see. All questions of this wing go by `fitting`.

Whose items are somebody else's is none of its business: the database gives sellers their own alone (`storage.scope`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from regrade.serving.inspections.visibility import Viewer, hidden_from
from regrade.serving.review.quality.decision_rows import AUTOMATIC
from regrade.serving.storage.tables import inspections

By = Literal["automatic", "person"]
BY: Final[tuple[By, ...]] = get_args(By)
EXACT: Final = ("rma", "sku", "seller", "station", "category", "condition", "disposition", "status")
LEADS: Final = ("rma", "sku", "decided_by", "seller", "station", "category", "disposition", "condition", "status")
"""By which column's index rows are found where several are asked for: the fewer have a value, the sooner."""
CHANGED: Final = "updated_at"
MOMENTS: Final = ("since", "until", "updated_since", "updated_until")
FEW: Final = 30_000
"""Inspections that are looked through in some milliseconds, all of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which inspections; None is any, and an empty text those that have none.

    `category` is the one that the item was graded as; `condition` and `disposition` (an action) are those that stand
    now. `since` to before `until` is when it came in, `updated_since` to before `updated_until` when it was last
    changed. `person` is the id of the key that made the newest decision that counts, `by` whether a person made one or
    the item went without (`automatic`).
    """

    since: datetime | None = None
    until: datetime | None = None
    updated_since: datetime | None = None
    updated_until: datetime | None = None
    rma: str | None = None
    sku: str | None = None
    seller: str | None = None
    station: str | None = None
    category: str | None = None
    condition: str | None = None
    disposition: str | None = None
    status: str | None = None
    person: str | None = None
    by: By | None = None


FILTERS: Final = tuple(field.name for field in fields(Asked))


def lead_of(connection: Connection, asked: Asked) -> str | None:
    """By which column's index rows are best found: where `FEW` have what is asked for. From the newest on, or among
    the many of another column, all others would be passed over once no more of them fit."""
    exact, changed = _exact(asked), _between(inspections.c[CHANGED], asked.updated_since, asked.updated_until)
    choices = {CHANGED: changed} if changed else {}
    choices |= {name: [_is(inspections.c[name], exact[name])] for name in LEADS if name in exact}
    if len(choices) > 1 or changed:
        for name, condition in choices.items():
            if connection.execute(chosen(condition, literal(1)).offset(FEW).limit(1)).first() is None:
                return name
    return next((name for name in choices if name != CHANGED), None)


def unled(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """`column`, so that no database goes by its index."""
    return func.coalesce(column, column)


def fitting(asked: Asked, viewer: Viewer | None, lead: str | None = None) -> list[ColumnElement[bool]]:
    """The conditions on a row of `inspections`, all of which must hold; rows are found by the index of the column
    `lead`, None by that of when they came in.

    Items that `viewer` might still look at blind are left out, all the same what they ask for; None sees all.
    """
    table = inspections.c
    found: list[ColumnElement[bool]] = []
    for name, wanted in _exact(asked).items():
        found.append(_is(table[name], wanted) if name == lead else func.coalesce(table[name], "") == wanted)
    if asked.status == "needs_review":  # what was erased waits for nobody
        found.append(table.erased_at.is_(None))
    came = unled(table.created_at) if lead == CHANGED else table.created_at
    altered = table.updated_at if lead == CHANGED else unled(table.updated_at)
    found += _between(came, asked.since, asked.until) + _between(altered, asked.updated_since, asked.updated_until)
    if asked.updated_until is not None:  # nothing changes before it comes in
        found.append(came < asked.updated_until)
    if asked.by == "person":
        found.append(table.decided_by.is_not(None))
    elif asked.by == "automatic":
        found += [table.decided_by.is_(None), AUTOMATIC]
    return found + _not_hidden(viewer)


def among(ids: Sequence[str], viewer: Viewer | None) -> list[ColumnElement[bool]]:
    """Conditions likewise, for the inspections `ids`."""
    return [inspections.c.id.in_(ids), *_not_hidden(viewer)]


def chosen(where: Sequence[ColumnElement[bool]], *columns: ColumnElement[Any]) -> Select[Any]:
    """`columns` of the rows of `inspections` that fit."""
    return select(*columns).select_from(inspections).where(*where)


def _exact(asked: Asked) -> dict[str, str]:
    given = {name: getattr(asked, name) for name in EXACT} | {"decided_by": asked.person}
    return {name: wanted for name, wanted in given.items() if wanted is not None}


def _is(column: ColumnElement[Any], wanted: str) -> ColumnElement[bool]:
    return column == wanted if wanted else column.is_(None)


def _between(moment: ColumnElement[Any], begin: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    return [*([] if begin is None else [moment >= begin]), *([] if end is None else [moment < end])]


def _not_hidden(viewer: Viewer | None) -> list[ColumnElement[bool]]:
    hidden = hidden_from(viewer)
    return [] if hidden is None else [~hidden]
