"""Webhooks: made, changed, turned to another secret, removed. Each step leaves a line in the audit trail.

Sellers manage those of their own sellers (`owners`). What they see of the tables is theirs alone, and nothing can be
written within that (`regrade.serving.storage.scope`): a webhook is looked up among what they see, and is then changed
outside of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from regrade.serving.access.audit import record_by
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import NotFoundError, SecretOverlapError
from regrade.serving.base.i18n import Message
from regrade.serving.events.log import before, count_after, newest
from regrade.serving.events.owners import Owner, lost, owners_of, refuse_many, refuse_unfit
from regrade.serving.events.queue import bring_forward, clear_from, wanted_by
from regrade.serving.events.signing import OVERLAP, Secrets
from regrade.serving.outbox.tables import webhook_deliveries, webhooks
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import new_id
from regrade.serving.storage.scope import seeing

Stopped = Literal["paused", "gone", "owner"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One webhook. `generations` are those of the secrets that sign now, the newest first; `stopped` is None where
    events are sent. `pending` and `dead` count deliveries, `behind` events not yet looked at; all three are None unless
    they were asked for. The `last_…` are of the last attempt; until `resume_at` there is none, after `failures`.
    `owner` is the id of the key of the seller whose it is, None for the site's; `owner_name` was asked for or is None.
    """

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
    owner: str | None = None
    owner_name: str | None = None
    pending: int | None = None
    dead: int | None = None
    behind: int | None = None


@dataclass(frozen=True, slots=True)
class By:
    """Who changes a webhook: the holder of a key, or somebody at this machine's command line by the name of `user`."""

    key: ApiKey | None = None
    user: str = ""

    @property
    def sees(self) -> tuple[str, ...] | None:
        """The sellers whose webhooks alone they see; None: all."""
        return None if self.key is None else self.key.sees

    @property
    def signed(self) -> ApiKey | str:
        """Who the audit trail names."""
        return self.user if self.key is None else self.key


class Endpoints:
    """The webhooks of an installation. Methods block on the database; those that change raise `StorageError`, and
    `NotFoundError` for an id that there is not."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database, self._secrets = database, secrets

    def all(self) -> list[Endpoint]:
        """Every webhook that may be seen, oldest first, with its counts."""
        with self._database.read() as connection:
            rows = connection.execute(select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)).all()
            return _shown(connection, rows, _counts(connection))

    def get(self, webhook_id: str) -> Endpoint:
        """One webhook, with its counts."""
        with self._database.read() as connection:
            row = _row(connection, webhook_id, lock=False)
            return _shown(connection, [row], _counts(connection, webhook_id))[0]

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
        file of the `adapter` that is named. What somebody makes who sees some sellers alone is of `seller`, which may
        be left out where they see but one.

        Raises `TooManyWebhooksError`, and `InvalidFieldsError` for what is not for sellers.
        """
        now, webhook_id, owner = datetime.now(UTC), new_id(), None
        told: dict[str, Any] = {"url": url} | ({"adapter": adapter} if adapter else {})
        if by.key is not None and by.sees is not None:
            seller = by.sees[0] if seller is None and len(by.sees) == 1 else seller
            refuse_unfit({"seller": seller, "types": types, "adapter": adapter}, by.sees)
            owner, told = by.key.id, told | {"seller": seller}
        with seeing(None), self._database.write() as connection:
            refuse_many(connection, None if by.sees is None else seller)
            said = {"url": url, "types": _types(types), "seller": seller}
            said |= {"description": description, "adapter": adapter, "owner": owner}
            own = {"created_at": now, "generation": 1, "failures": 0, "position": newest(connection)}
            connection.execute(insert(webhooks).values(id=webhook_id, **own, **said))
            note_step(connection, now, by, webhook_id, "add", told)
        return self.get(webhook_id)

    def change(self, webhook_id: str, by: By, values: dict[str, Any]) -> Endpoint:
        """Set any of `url`, `types`, `seller`, `description` and `enabled`. What waits is sent soon by what is set.

        A seller's webhook that stands still because of its owner is theirs who enable it, if they are bound to the
        seller. Raises `InvalidFieldsError` for what is not for sellers.
        """
        now = datetime.now(UTC)
        columns = {name: value for name, value in values.items() if name != "enabled"}
        if "types" in columns:
            columns["types"] = _types(columns["types"])
        with self._changing(webhook_id, by) as (connection, row):
            if row.owner is not None:
                refuse_unfit(values, [row.seller])
            if "enabled" in values:
                columns["stopped"] = None if values["enabled"] else (row.stopped or "paused")
                if values["enabled"] and by.key is not None and _may_be_taken_over(connection, row, by):
                    columns["owner"] = by.key.id
                    note_step(connection, now, by, webhook_id, "take over", {"from": row.owner})
            if columns.get("stopped", row.stopped) is None:
                columns |= {"failures": 0, "resume_at": None}
                bring_forward(connection, webhook_id, now)
            if columns:
                connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(columns))
            note_step(connection, now, by, webhook_id, "change", {name: values[name] for name in sorted(values)})
        return self.get(webhook_id)

    def rotate(self, webhook_id: str, by: By) -> Endpoint:
        """Turn it to another secret; the one before signs too for `OVERLAP`.

        Raises `SecretOverlapError` meanwhile: a third would end the one that its receiver may still use.
        """
        now = datetime.now(UTC)
        with self._changing(webhook_id, by) as (connection, row):
            overlap = endpoint_of(row, now).overlap_until
            if overlap is not None:
                until = overlap.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
                raise SecretOverlapError(Message("problem.webhook_overlap", {"at": until}))
            turned = {"generation": webhooks.c.generation + 1, "overlap_until": now + OVERLAP}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(turned))
            note_step(connection, now, by, webhook_id, "rotate", {})
        return self.get(webhook_id)

    def remove(self, webhook_id: str, by: By) -> None:
        """Forget it, and all that was on its way."""
        now = datetime.now(UTC)
        with self._changing(webhook_id, by) as (connection, row):
            connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id))
            connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))
            note_step(connection, now, by, webhook_id, "remove", {"url": row.url})

    def replay(self, webhook_id: str, by: By, since: datetime) -> int:
        """Send all again that happened since a moment and that it wants, in order; returns how many events are looked
        through, of a seller's webhook how many are sent. What still waits of them is sent once."""
        now = datetime.now(UTC)
        with self._changing(webhook_id, by) as (connection, row):
            start: int = min(before(connection, since), row.position)
            clear_from(connection, webhook_id, start)
            again = {"position": start, "failures": 0, "resume_at": None}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(again))
            note_step(connection, now, by, webhook_id, "replay", {"since": since.isoformat()})
            return _behind(connection, row, start)

    def noted(self, webhook_id: str, by: By, step: str) -> None:
        """Leave a line of a step that changes nothing of the webhook, such as a test."""
        with self._changing(webhook_id, by) as (connection, _):
            note_step(connection, datetime.now(UTC), by, webhook_id, step, {})

    @contextmanager
    def _changing(self, webhook_id: str, by: By) -> Iterator[tuple[Connection, Row[Any]]]:
        """A transaction that changes a webhook, and its row. Raises `NotFoundError` for one that `by` does not see."""
        with changing(self._database, webhook_id, by) as connection:
            yield connection, _row(connection, webhook_id)


@contextmanager
def changing(database: Database, webhook_id: str, by: By) -> Iterator[Connection]:
    """A transaction that changes something about a webhook. Raises `NotFoundError` for one that `by` does not see."""
    with seeing(by.sees), database.read() as connection:
        _row(connection, webhook_id, lock=False)
    with seeing(None), database.write() as connection:
        yield connection


def note_step(connection: Connection, at: datetime, by: By, webhook_id: str, step: str, more: dict[str, Any]) -> None:
    """Leave a line of what was done with a webhook in the audit trail."""
    record_by(connection, at, by.signed, "webhook", {"webhook": webhook_id, "step": step, **more})


def endpoint_of(
    row: Row[Any],
    now: datetime,
    counts: Mapping[tuple[str, str], int] | None = None,
    behind: int | None = None,
    owners: Mapping[str, Owner] | None = None,
) -> Endpoint:
    """The webhook in a row of its table; `owners` (of `owners_of`) tell whether they still see what is sent."""
    overlaps = row.overlap_until is not None and row.overlap_until > now and row.generation > 1
    shown = (
        *("id", "created_at", "url", "seller", "description", "adapter", "owner", "failures"),
        *("resume_at", "last_at", "last_status", "last_error"),
    )
    named = None if row.owner is None or owners is None else owners.get(row.owner)
    return Endpoint(
        **{name: getattr(row, name) for name in shown},
        stopped="owner" if owners is not None and lost(row, owners) else row.stopped,
        owner_name=None if named is None else named.name,
        types=None if row.types is None else tuple(row.types),
        generations=(row.generation, row.generation - 1) if overlaps else (row.generation,),
        overlap_until=row.overlap_until if overlaps else None,
        pending=None if counts is None else counts.get((row.id, "pending"), 0),
        dead=None if counts is None else counts.get((row.id, "dead"), 0),
        behind=behind,
    )


def _shown(connection: Connection, rows: Sequence[Row[Any]], counts: Mapping[tuple[str, str], int]) -> list[Endpoint]:
    now = datetime.now(UTC)
    owners = owners_of(connection, rows, now)
    return [endpoint_of(row, now, counts, _behind(connection, row, row.position), owners) for row in rows]


def _may_be_taken_over(connection: Connection, row: Row[Any], by: By) -> bool:
    """Whether a webhook has lost its owner, and somebody of its seller may have it."""
    return by.sees is not None and lost(row, owners_of(connection, [row], datetime.now(UTC)))


def _behind(connection: Connection, row: Row[Any], after: int) -> int:
    """How many events there are after the number `after`. A seller's webhook counts those alone that it is sent: how
    much happens at the site is not for sellers."""
    if row.owner is None:
        return max(0, newest(connection) - after)
    return count_after(connection, wanted_by(row), after)


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
