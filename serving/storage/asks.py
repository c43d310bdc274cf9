"""What a reviewer asks instead of deciding, and what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Row, exists, select

from regrade.serving.storage.tables import api_keys, ask_ends, asks, tasks

AskKind = Literal["photos", "cannot_tell", "escalate"]
ASK_KINDS: Final[tuple[AskKind, ...]] = get_args(AskKind)
How = Literal["photos", "answered", "undone"]

LEAD: Final = "admin"
"""What stands in `tasks.route` where only those may have a task who run the place."""


@dataclass(frozen=True, slots=True)
class AskEnd:
    """That what was asked is over: new photos came, the station `answered` in a note, or it was `undone`."""

    at: datetime
    key_id: str
    by: str
    how: How
    note: str | None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a reviewer asked: `photos` of the station (of the `views` of its category, such as `soles`), or that
    somebody else looks. `assignee` is the name of who is to, where one was named."""

    id: str
    inspection_id: str
    task_id: str
    at: datetime
    key_id: str
    by: str
    kind: AskKind
    note: str | None
    views: tuple[str, ...]
    assignee_id: str | None
    assignee: str | None
    lease_hash: str
    ended: AskEnd | None


def asks_of(connection: Connection, ids: Iterable[str]) -> dict[str, list[Ask]]:
    """What was asked of the inspections `ids`, by inspection, oldest first; nothing for most."""
    ended = asks.outerjoin(ask_ends, ask_ends.c.ask_id == asks.c.id)
    joined = ended.outerjoin(api_keys, api_keys.c.id == asks.c.assignee_id)
    ends = (ask_ends.c[name].label(f"end_{name}") for name in ("at", "key_id", "name", "how", "note"))
    query = select(asks, *ends, api_keys.c.name.label("assignee")).select_from(joined)
    found: dict[str, list[Ask]] = {}
    for row in connection.execute(query.where(asks.c.inspection_id.in_(list(ids))).order_by(asks.c.at, asks.c.id)):
        found.setdefault(row.inspection_id, []).append(_ask(row))
    return found


def passed_on_by(key_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the holder of a key (or of one in a row of `api_keys`) has given the inspection of a row of `tasks` to
    somebody else, and that holds."""
    over = exists().where(ask_ends.c.ask_id == asks.c.id).correlate(asks)
    mine = (asks.c.inspection_id == tasks.c.inspection_id, asks.c.key_id == key_id)
    return exists().where(*mine, asks.c.kind != "photos", ~over).correlate(tasks, api_keys)


def _ask(row: Row[Any]) -> Ask:
    end = None if row.end_at is None else AskEnd(row.end_at, row.end_key_id, row.end_name, row.end_how, row.end_note)
    return Ask(
        row.id,
        row.inspection_id,
        row.task_id,
        row.at,
        row.key_id,
        row.name,
        row.kind,
        row.note,
        tuple(row.views),
        row.assignee_id,
        row.assignee,
        row.lease_hash,
        end,
    )
