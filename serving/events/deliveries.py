"""What became of deliveries to a webhook, newest first, and sending one again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row, select, update

from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.events.endpoints import By, changing, note_step
from regrade.serving.events.queue import GIVE_UP
from regrade.serving.outbox.tables import webhook_deliveries, webhooks
from regrade.serving.storage.database import Database

State = Literal["pending", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way, or come to an end. `status` (HTTP) and `error` (a code) are of the last of `attempts`;
    `next_at` is None unless it is pending. `ms` is how long the last took."""

    number: int
    event_id: str
    type: str
    inspection_id: str | None
    state: State
    created_at: datetime
    attempts: int
    next_at: datetime | None
    last_at: datetime | None
    status: int | None
    error: str | None
    ms: float | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, newest first, and the cursor of the next page, None on the last."""

    items: tuple[Delivery, ...]
    next_cursor: int | None


class Deliveries:
    """The log of all webhooks. Methods block on the database; they raise `NotFoundError` for what there is not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, webhook_id: str, limit: int, cursor: int | None = None, state: State | None = None) -> DeliveryPage:
        """At most `limit` deliveries to a webhook, before the number `cursor`."""
        this = webhook_deliveries.c
        query = select(webhook_deliveries).where(this.webhook_id == webhook_id)
        if cursor is not None:
            query = query.where(this.number < cursor)
        if state is not None:
            query = query.where(this.state == state)
        with self._database.read() as connection:
            known = connection.execute(select(webhooks.c.id).where(webhooks.c.id == webhook_id.replace("\0", "")))
            if known.first() is None:
                raise NotFoundError(Message("problem.no_webhook", {"webhook": webhook_id}))
            rows = connection.execute(query.order_by(this.number.desc()).limit(limit + 1)).all()
        found = tuple(_delivery(row) for row in rows[:limit])
        return DeliveryPage(found, found[-1].number if len(rows) > limit else None)

    def send_again(self, webhook_id: str, number: int, by: By) -> Delivery:
        """Have one delivery tried again at once, whatever became of it; also after later ones of its inspection."""
        now = datetime.now(UTC)
        this = webhook_deliveries.c
        mine = (this.webhook_id == webhook_id.replace("\0", ""), this.number == number)
        again = {"state": "pending", "next_at": now, "give_up_at": now + GIVE_UP}
        with changing(self._database, webhook_id, by) as connection:
            connection.execute(update(webhook_deliveries).where(*mine).values(again))
            row = connection.execute(select(webhook_deliveries).where(*mine)).first()
            if row is None:
                raise NotFoundError(Message("problem.no_delivery", {"webhook": webhook_id, "delivery": number}))
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(resume_at=None))
            note_step(connection, now, by, webhook_id, "retry", {"delivery": number})
        return _delivery(row)


def _delivery(row: Row[Any]) -> Delivery:
    same = ("number", "event_id", "type", "inspection_id", "state", "created_at", "attempts", "last_at", "status")
    values = {name: getattr(row, name) for name in (*same, "error", "ms")}
    return Delivery(**values, next_at=row.next_at if row.state == "pending" else None)
