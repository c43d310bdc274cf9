"""What is sent of a delivery, as all of it stands at the moment it is sent.

A delivery may wait long for its turn. What was erased meanwhile must not be sent any more, nor anything to a webhook
that was paused or removed, so nothing that is read before counts.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from regrade.serving.events.endpoints import Endpoint, endpoint_of
from regrade.serving.events.moments import Event, events_of
from regrade.serving.outbox.tables import events, webhook_deliveries, webhooks
from regrade.serving.storage.database import Database


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery that may be sent. `event` is None where it is no longer kept."""

    endpoint: Endpoint
    event: Event | None


def outgoing(database: Database, holder: str, number: int, now: datetime) -> Outgoing | None:
    """What the delivery `number` is to send; None where it is not to be sent by `holder`: its webhook is paused,
    removed or sent for by another, or the delivery was taken back or came to an end. Blocks on the database."""
    waiting = select(webhook_deliveries.c.webhook_id, webhook_deliveries.c.event_number).where(
        webhook_deliveries.c.number == number, webhook_deliveries.c.state == "pending"
    )
    with database.read() as connection:
        delivery = connection.execute(waiting).first()
        if delivery is None:
            return None
        live = (webhooks.c.id == delivery.webhook_id, webhooks.c.stopped.is_(None), webhooks.c.held_by == holder)
        row = connection.execute(select(webhooks).where(*live)).first()
        if row is None:
            return None
        told = connection.execute(select(events).where(events.c.number == delivery.event_number)).all()
        found = events_of(connection, told)
        return Outgoing(endpoint_of(row, now), found[0] if found else None)
