"""Whose webhooks are: the site's, or of somebody who is bound to sellers; and what the latter may make of them.

A seller's webhook is of one seller for good, and of the key (a program's or a person's) of whoever made it. Everybody
who is bound to the seller sees and changes it. It is sent events only as long as that key may itself see the seller's
items: not once it is revoked, its person disabled or past the end of their access, or bound to other sellers. Then it
stands still, `owner`, until somebody else of the seller sets it going again, and it is theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from regrade.serving.access.keys import has_ended
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, TooManyWebhooksError
from regrade.serving.base.i18n import Message
from regrade.serving.outbox.kinds import SELLER_KINDS
from regrade.serving.outbox.tables import webhooks
from regrade.serving.storage.scope import seeing
from regrade.serving.storage.tables import api_keys, people

MOST: Final = 50
MOST_OF_A_SELLER: Final = 5
MOST_OF_SELLERS: Final = 100
"""Webhooks that the site may have, one seller, and all sellers together: each may hold a few connections."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a webhook is, by name, and the sellers that they see now."""

    name: str
    sees: tuple[str, ...]


def owners_of(connection: Connection, rows: Iterable[Row[Any]], now: datetime) -> Mapping[str, Owner]:
    """Those whose the webhooks in `rows` are, by the ids of their keys."""
    ids = {row.owner for row in rows if row.owner is not None}
    if not ids:
        return {}
    named = (api_keys.c.id, api_keys.c.name, api_keys.c.role, api_keys.c.revoked_at, api_keys.c.sellers)
    query = select(*named, people.c.expires_at).outerjoin(people, people.c.key_id == api_keys.c.id)
    with seeing(None):  # sellers see no keys, and of these they are told the name
        found = connection.execute(query.where(api_keys.c.id.in_(ids))).all()
    return {row.id: Owner(row.name, _sees(row, now)) for row in found}


def _sees(row: Any, now: datetime) -> tuple[str, ...]:
    return () if has_ended(row, now) or row.role != "seller" else tuple(row.sellers or ())


def lost(row: Row[Any], owners: Mapping[str, Owner]) -> bool:
    """Whether the webhook in `row` is of somebody who may not see any more what is sent there."""
    if row.owner is None:
        return False
    return row.owner not in owners or row.seller not in owners[row.owner].sees


def sendable(connection: Connection, rows: Sequence[Row[Any]], now: datetime) -> list[Row[Any]]:
    """Those of the webhooks in `rows` that are not `lost`."""
    owners = owners_of(connection, rows, now)
    return [row for row in rows if not lost(row, owners)]


def kinds_of(row: Row[Any]) -> tuple[str, ...] | None:
    """The types of events that the webhook in `row` is sent; None for all."""
    types = None if row.types is None else tuple(row.types)
    if row.owner is None:
        return types
    return tuple(kind for kind in SELLER_KINDS if types is None or kind in types)


def refuse_unfit(given: Mapping[str, Any], sellers: Sequence[str]) -> None:
    """Raise `InvalidFieldsError` for what a seller's webhook cannot be given: a `seller` that is none of `sellers`, a
    type of events that sellers are not told of, an adapter. What is left out of `given` is fine."""
    faults = []
    if "seller" in given and given["seller"] not in sellers:
        faults.append(FieldFault("seller", Message("fault.legal", {"legal": ", ".join(sellers)})))
    if set(given.get("types") or ()) - set(SELLER_KINDS):
        faults.append(FieldFault("types", Message("fault.legal", {"legal": ", ".join(SELLER_KINDS)})))
    if given.get("adapter") is not None:
        faults.append(FieldFault("adapter", Message("fault.webhook_adapter")))
    if faults:
        raise InvalidFieldsError("invalid-request", "request", faults)


def refuse_many(connection: Connection, seller: str | None) -> None:
    """Raise `TooManyWebhooksError` where there may be no more: of `seller`, or of the site's own (None)."""
    query, owner = select(func.count()).select_from(webhooks), webhooks.c.owner
    sites, sellers = query.where(owner.is_(None)), query.where(owner.is_not(None))
    if seller is None:
        _refuse_beyond(connection, sites, MOST, "problem.webhooks_many")
        return
    _refuse_beyond(connection, sellers.where(webhooks.c.seller == seller), MOST_OF_A_SELLER, "problem.webhooks_many")
    _refuse_beyond(connection, sellers, MOST_OF_SELLERS, "problem.webhooks_full")


def _refuse_beyond(connection: Connection, query: Select[Any], most: int, key: str) -> None:
    if connection.execute(query).scalar_one() >= most:
        raise TooManyWebhooksError(Message(key, {"most": most}))
