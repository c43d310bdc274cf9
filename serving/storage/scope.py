"""Whose rows may be read: everybody's, or those of some sellers alone.

A request of somebody who belongs to sellers reads through this, whatever the route, store or query: before a statement
goes to the database, each table in it is given the meaning of "its rows of these sellers". It is done by the name, with
common table expressions in front, so that a query cannot forget it, joins and subqueries and text included:

    WITH inspections AS (SELECT * FROM main.inspections WHERE seller IN (?)), …   SELECT … FROM inspections …

A table that is not in `RULES` is empty for sellers, and nothing can be written: what nobody has thought about is
nobody's. The scope is a context variable, so that it goes with a request from task to task; `carry` takes it along to
another thread.
"""

import contextvars
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, event

from regrade.models.errors import RegradeError
from regrade.serving.storage.tables import metadata

P = ParamSpec("P")
T = TypeVar("T")

_OF_ITEM: Final = "EXISTS (SELECT 1 FROM inspections AS own WHERE own.id = them.inspection_id)"
_OF_REVIEW: Final = "EXISTS (SELECT 1 FROM reviews AS own WHERE own.id = them.review_id)"
_OF_ASK: Final = "EXISTS (SELECT 1 FROM asks AS own WHERE own.id = them.ask_id)"
_OF_WEBHOOK: Final = "EXISTS (SELECT 1 FROM webhooks AS own WHERE own.id = them.webhook_id)"
_SELLERS: Final = "them.seller IN ({sellers})"

RULES: Final = {
    "inspections": _SELLERS,
    "inspection_photos": _OF_ITEM,
    "revisions": _OF_ITEM,
    "revision_photos": _OF_ITEM,
    "reviews": _OF_ITEM,
    "review_undos": _OF_REVIEW,
    "asks": _OF_ITEM,
    "ask_ends": _OF_ASK,
    "tasks": _OF_ITEM,
    "erasures": _OF_ITEM,
    "evidence_steps": _OF_ITEM,
    "evidence_disclosures": _OF_ITEM,
    "events": _OF_ITEM,
    "catalogue_skus": _SELLERS,
    "catalogue_rmas": _SELLERS,
    "webhooks": f"{_SELLERS} AND them.owner IS NOT NULL",  # not the site's own for that seller
    "webhook_deliveries": _OF_WEBHOOK,
    # One number, which leaves the service in no answer: events up to it have been committed.
    "event_head": "1 = 1",
}
"""Which rows of a table (`them`) sellers may read. Each may refer to those above it, which are narrowed already."""

_NOBODYS: Final = "1 = 0"
_READS: Final = re.compile(r"\s*SELECT\b", re.IGNORECASE)
_READS_WITH: Final = re.compile(r"\s*WITH\s+(?!RECURSIVE\b)", re.IGNORECASE)
_HARMLESS: Final = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|SHOW|PRAGMA)\b", re.IGNORECASE)

_sellers: contextvars.ContextVar[tuple[str, ...] | None] = contextvars.ContextVar("regrade_sellers", default=None)


class OutOfScopeError(RegradeError):
    """A statement that somebody who sees some sellers' rows alone must not be able to give: a fault of ours."""


def see_only(sellers: Sequence[str] | None) -> None:
    """From now on, whatever is read in this context is of these sellers; None: of everybody."""
    _sellers.set(None if sellers is None else tuple(sellers))


@contextmanager
def seeing(sellers: Sequence[str] | None) -> Iterator[None]:
    """`see_only` until this is left."""
    token = _sellers.set(None if sellers is None else tuple(sellers))
    try:
        yield
    finally:
        _sellers.reset(token)


def carry(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """A call of `function` that sees what is seen here, on whichever thread it is made."""
    return partial(contextvars.copy_context().run, partial(function, *args, **kwargs))


def refuse_writing() -> None:
    """Raise `OutOfScopeError` where rows of some sellers alone are seen."""
    if _sellers.get() is not None:
        raise OutOfScopeError("sellers only read, and something was about to be written for one")


def narrow(engine: Engine) -> None:
    """Have all statements of `engine` read what may be seen."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def scoped(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> tuple[str, Any]:
        sellers = _sellers.get()
        if sellers is None or _HARMLESS.match(statement):
            return statement, parameters
        return _narrowed(statement, parameters, sellers, connection.dialect.paramstyle, connection.dialect.name)


def _narrowed(statement: str, parameters: Any, sellers: tuple[str, ...], style: str, dialect: str) -> tuple[str, Any]:
    if (begun := _READS_WITH.match(statement)) is not None:
        rest = f", {statement[begun.end() :]}"
    elif _READS.match(statement):
        rest = f" {statement}"
    else:
        raise OutOfScopeError(f"sellers only read: {statement[:60]}")
    # SQLite would take a table that is named within its own expression for the expression itself.
    schema = "main." if dialect == "sqlite" else ""
    if style in ("qmark", "numeric"):
        given = (*(sellers * _places()), *parameters)
        return f"WITH {_tables(schema, ', '.join('?' * len(sellers)))}{rest}", given
    named = {f"regrade_seller_{place}": seller for place, seller in enumerate(sellers)}
    marks = ", ".join(f"%({name})s" for name in named)
    return f"WITH {_tables(schema, marks)}{rest}", {**(parameters or {}), **named}


@cache
def _tables(schema: str, marks: str) -> str:
    """Each table by its name, as what may be seen of it."""
    seen = {name: rule.format(sellers=marks) if marks else _NOBODYS for name, rule in RULES.items()}
    rest = (name for name in metadata.tables if name not in RULES)
    seen |= dict.fromkeys(rest, _NOBODYS)
    return ", ".join(
        f"{name} AS NOT MATERIALIZED (SELECT * FROM {schema}{name} AS them WHERE {where})"
        for name, where in seen.items()
    )


@cache
def _places() -> int:
    """How often the sellers stand in it."""
    return sum(rule.count("{sellers}") for rule in RULES.values())
