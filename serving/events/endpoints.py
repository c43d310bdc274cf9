"""Webhooks: made, changed, turned to another secret, removed. Each step leaves a line in the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from regrade.serving.access.audit import record, record_command
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import NotFoundError, SecretOverlapError, TooManyWebhooksError
from regrade.serving.base.i18n import Message
from regrade.serving.events.log import before, newest
from regrade.serving.events.queue import bring_forward, clear_from
from regrade.serving.events.signing import OVERLAP, Secrets
from regrade.serving.outbox.tables import webhook_deliveries, webhooks
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import new_id

MOST: Final = 50
"""Webhooks of one installation: each may hold a few connections."""

Stopped = Literal["paused", "gone"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One webhook. `generations` are those of the secrets that sign now, the newest first; `stopped` is None where
    events are sent. `pending` and `dead` count deliveries, `behind` events not yet looked at; all three are None unless
    they were asked for. The `last_…` are of the last attempt; until `resume_at` there is none, after `failures`."""

    id: str
    created_at: datetime
    url: str
    types: tuple[str, ...] | None
    seller: str | None
    description: str
    adapter: str | None
    stopped: Stopped | None
    generations: tuple[int, ...]
    overlap_until: datetime | None
    failures: int
    resume_at: datetime | None
    last_at: datetime | None
    last_status: int | None
    last_error: str | None
    pending: int | None = None
    dead: int | None = None
    behind: int | None = None


@dataclass(frozen=True, slots=True)
class By:
    """Who changes a webhook: the holder of a key, or somebody at this machine's command line by the name of `user`."""

    key: ApiKey | None = None
    user: str = ""


class Endpoints:
    """The webhooks of an installation. Methods block on the database; those that change raise `StorageError`, and
    `NotFoundError` for an id that there is not."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database, self._secrets = database, secrets

    def all(self) -> list[Endpoint]:
        """Every webhook, oldest first, with its counts."""
        now = datetime.now(UTC)
        with self._database.read() as connection:
            rows = connection.execute(select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)).all()
            counts, head = _counts(connection), newest(connection)
            return [endpoint_of(row, now, counts, head) for row in rows]

    def get(self, webhook_id: str) -> Endpoint:
        """One webhook, with its counts."""
        with self._database.read() as connection:
            row = _row(connection, webhook_id, lock=False)
            return endpoint_of(row, datetime.now(UTC), _counts(connection, webhook_id), newest(connection))

    def secret(self, endpoint: Endpoint) -> str:
        """The newest secret of a webhook."""
        return self._secrets.of(endpoint.id, endpoint.generations[0])

    def add(
        self,
        url: str,
        by: By,
        *,
        types: Sequence[str] | None = None,
        seller: str | None = None,
        description: str = "",
        adapter: str | None = None,
    ) -> Endpoint:
        """Make one to which all is sent that happens from now on. `url` was looked at (`targets.parse`), and so was the
        file of the `adapter` that is named.

        Raises `TooManyWebhooksError`.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            if connection.execute(select(func.count()).select_from(webhooks)).scalar_one() >= MOST:
                raise TooManyWebhooksError(Message("problem.webhooks_many", {"most": MOST}))
            said = {"url": url, "types": _types(types), "seller": seller}
            said |= {"description": description, "adapter": adapter}
            own = {"created_at": now, "generation": 1, "failures": 0, "position": newest(connection)}
            webhook_id = new_id()
            connection.execute(insert(webhooks).values(id=webhook_id, **own, **said))
            _audit(connection, now, by, webhook_id, "add", {"url": url} | ({"adapter": adapter} if adapter else {}))
        return self.get(webhook_id)

    def change(self, webhook_id: str, by: By, values: dict[str, Any]) -> Endpoint:
        """Set any of `url`, `types`, `seller`, `description` and `enabled`. What waits is sent soon by what is set."""
        now = datetime.now(UTC)
        columns = {name: value for name, value in values.items() if name != "enabled"}
        if "types" in columns:
            columns["types"] = _types(columns["types"])
        with self._database.write() as connection:
            before_it = _row(connection, webhook_id)
            if "enabled" in values:
                columns["stopped"] = None if values["enabled"] else (before_it.stopped or "paused")
            if columns.get("stopped", before_it.stopped) is None:
                columns |= {"failures": 0, "resume_at": None}
                bring_forward(connection, webhook_id, now)
            if columns:
                connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(columns))
            _audit(connection, now, by, webhook_id, "change", {name: values[name] for name in sorted(values)})
        return self.get(webhook_id)

    def rotate(self, webhook_id: str, by: By) -> Endpoint:
        """Turn it to another secret; the one before signs too for `OVERLAP`.

        Raises `SecretOverlapError` meanwhile: a third would end the one that its receiver may still use.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            overlap = endpoint_of(_row(connection, webhook_id), now).overlap_until
            if overlap is not None:
                until = overlap.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
                raise SecretOverlapError(Message("problem.webhook_overlap", {"at": until}))
            turned = {"generation": webhooks.c.generation + 1, "overlap_until": now + OVERLAP}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(turned))
            _audit(connection, now, by, webhook_id, "rotate", {})
        return self.get(webhook_id)

    def remove(self, webhook_id: str, by: By) -> None:
        """Forget it, and all that was on its way."""
        now = datetime.now(UTC)
        with self._database.write() as connection:
            row = _row(connection, webhook_id)
            connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id))
            connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))
            _audit(connection, now, by, webhook_id, "remove", {"url": row.url})

    def replay(self, webhook_id: str, by: By, since: datetime) -> int:
        """Send all again that happened since a moment and that it wants, in order; returns how many events are looked
        through. What still waits of them is sent once."""
        now = datetime.now(UTC)
        with self._database.write() as connection:
            row = _row(connection, webhook_id)
            start: int = min(before(connection, since), row.position)
            clear_from(connection, webhook_id, start)
            again = {"position": start, "failures": 0, "resume_at": None}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(again))
            _audit(connection, now, by, webhook_id, "replay", {"since": since.isoformat()})
            return newest(connection) - start


def endpoint_of(
    row: Row[Any], now: datetime, counts: dict[tuple[str, str], int] | None = None, head: int = 0
) -> Endpoint:
    """The webhook in a row of its table."""
    overlaps = row.overlap_until is not None and row.overlap_until > now and row.generation > 1
    shown = (
        *("id", "created_at", "url", "seller", "description", "adapter", "stopped", "failures"),
        *("resume_at", "last_at", "last_status", "last_error"),
    )
    return Endpoint(
        **{name: getattr(row, name) for name in shown},
        types=None if row.types is None else tuple(row.types),
        generations=(row.generation, row.generation - 1) if overlaps else (row.generation,),
        overlap_until=row.overlap_until if overlaps else None,
        pending=None if counts is None else counts.get((row.id, "pending"), 0),
        dead=None if counts is None else counts.get((row.id, "dead"), 0),
        behind=None if counts is None else max(0, head - row.position),
    )


def _types(types: Sequence[str] | None) -> list[str] | None:
    return None if types is None else sorted(set(types))


def _counts(connection: Connection, webhook_id: str | None = None) -> dict[tuple[str, str], int]:
    deliveries = webhook_deliveries.c
    which = select(webhooks.c.id) if webhook_id is None else [webhook_id]
    wanted = (deliveries.webhook_id.in_(which), deliveries.state.in_(("pending", "dead")))
    query = select(deliveries.webhook_id, deliveries.state, func.count()).where(*wanted)
    rows = connection.execute(query.group_by(deliveries.webhook_id, deliveries.state))
    return {(webhook, state): count for webhook, state, count in rows}


def _row(connection: Connection, webhook_id: str, *, lock: bool = True) -> Row[Any]:
    wanted = "" if "\0" in webhook_id else webhook_id
    query = select(webhooks).where(webhooks.c.id == wanted)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFoundError(Message("problem.no_webhook", {"webhook": webhook_id}))
    return row


def _audit(connection: Connection, at: datetime, by: By, webhook_id: str, step: str, more: dict[str, Any]) -> None:
    detail = {"webhook": webhook_id, "step": step, **more}
    if by.key is not None:
        record(connection, at, by.key, "webhook", detail=detail)
    else:
        record_command(connection, at, by.user, "webhook", detail)
