"""The audit trail: who did what, when, to what. Lines are only ever added; the database refuses anything else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select

from regrade.serving.access.keys import ApiKey
from regrade.serving.storage.records import new_id
from regrade.serving.storage.tables import audit

Action = Literal[
    "login", "logout", "claim", "release", "expire", "decide", "undo", "view", "export", "erase", "salvage", "adapt",
    "activate", "shadow", "canary", "propose", "return",
    "regrade", "ask", "answer", "webhook", "add", "rename", "change", "pair", "revoke", "invite", "enrol",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail: who did what, when, to what."""

    id: str
    at: datetime
    key_id: str | None
    name: str | None
    action: str
    inspection_id: str | None
    task_id: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(
    connection: Connection,
    at: datetime,
    key: ApiKey,
    action: Action,
    *,
    inspection_id: str | None = None,
    task_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add a line, in the transaction of what it tells of: either both are stored or neither."""
    values = {"id": new_id(), "at": at, "key_id": key.id, "name": key.name, "action": action}
    about = {"inspection_id": inspection_id, "task_id": task_id, "detail": dict(detail or {})}
    connection.execute(insert(audit).values(**values, **about))


def record_command(
    connection: Connection, at: datetime, user: str, action: Action, detail: Mapping[str, Any] | None = None
) -> None:
    """Add a line for a command on this machine, which needs no key: `user` is the account that gave it."""
    values = {"id": new_id(), "at": at, "name": f"{user[:90]} (cli)", "action": action}
    connection.execute(insert(audit).values(**values, detail=dict(detail or {})))


def record_by(
    connection: Connection, at: datetime, by: ApiKey | str, action: Action, detail: Mapping[str, Any] | None = None
) -> None:
    """Add a line for the holder of a key, or for the account that gave a command on this machine."""
    if isinstance(by, ApiKey):
        record(connection, at, by, action, detail=detail)
    else:
        record_command(connection, at, by, action, detail)


def name_of(by: ApiKey | str) -> str:
    """What such a line is signed with."""
    return by.name if isinstance(by, ApiKey) else f"{by[:90]} (cli)"


def record_rule(
    connection: Connection, at: datetime, rule: str, action: Action, detail: Mapping[str, Any] | None = None
) -> None:
    """Add a line for what the service does by itself: `rule` says by which rule."""
    values = {"id": new_id(), "at": at, "name": f"by rule {rule}"[:100], "action": action}
    connection.execute(insert(audit).values(**values, detail=dict(detail or {})))


def record_erasure(connection: Connection, at: datetime, name: str, key_id: str | None, inspection_id: str) -> None:
    """Add a line for an erasure; `name` is whose it was."""
    values = {"id": new_id(), "at": at, "key_id": key_id, "name": name[:100], "action": "erase"}
    connection.execute(insert(audit).values(**values, inspection_id=inspection_id, detail={}))


def first_claim(connection: Connection, key: ApiKey, inspection_id: str, task_id: str) -> datetime | None:
    """When the holder of `key` first claimed a task of an inspection."""
    # The task is compared among the few lines of the inspection, which have an index.
    mine = (audit.c.inspection_id == inspection_id, audit.c.task_id == task_id, audit.c.key_id == key.id)
    query = select(audit.c.at).where(*mine, audit.c.action == "claim").order_by(audit.c.at).limit(1)
    return connection.execute(query).scalar()


def of_inspection(connection: Connection, inspection_id: str) -> list[AuditEntry]:
    """The lines that concern one inspection, oldest first."""
    query = select(audit).where(audit.c.inspection_id == inspection_id).order_by(audit.c.at, audit.c.id)
    return [_entry(row) for row in connection.execute(query)]


def since(connection: Connection, moment: datetime | None, inspection_id: str | None = None) -> Iterator[AuditEntry]:
    """All lines from `moment` on (all there are where None), oldest first; of one inspection where one is named."""
    query = select(audit).order_by(audit.c.at, audit.c.id)
    if inspection_id is not None:
        query = query.where(audit.c.inspection_id == inspection_id)
    if moment is not None:
        query = query.where(audit.c.at >= moment)
    yield from map(_entry, connection.execution_options(yield_per=1000).execute(query))


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        row.id, row.at, row.key_id, row.name, row.action, row.inspection_id, row.task_id, dict(row.detail or {})
    )
