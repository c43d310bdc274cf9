"""What is sent of a delivery, as all of it stands at the moment it is sent.

A delivery may wait long for its turn. What was erased meanwhile must not be sent any more, nor anything to a webhook
that was paused or removed, or whose owner may not see it any more, so nothing that is read before counts. What goes to
a seller is read as that seller would read it: whatever may be on its way, another's item is not there.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from regrade.serving.events.endpoints import Endpoint, endpoint_of
from regrade.serving.events.log import fitting
from regrade.serving.events.moments import Event, events_of
from regrade.serving.events.owners import sendable
from regrade.serving.events.queue import Alias, wanted_by
from regrade.serving.outbox.tables import events, webhook_deliveries, webhooks
from regrade.serving.storage.database import Database
from regrade.serving.storage.scope import seeing


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery that may be sent. `event` is None where it is no longer kept."""

    endpoint: Endpoint
    event: Event | None


def outgoing(
    database: Database, holder: str, number: int, now: datetime, alias: Alias | None = None
) -> Outgoing | None:
    """What the delivery `number` is to send; None where it is not to be sent by `holder`: its webhook is paused,
    removed, without its owner or sent for by another, or the delivery was taken back or came to an end. Blocks on the
    database."""
    waiting = select(webhook_deliveries.c.webhook_id, webhook_deliveries.c.event_number).where(
        webhook_deliveries.c.number == number, webhook_deliveries.c.state == "pending"
    )
    with database.read() as connection:
        delivery = connection.execute(waiting).first()
        if delivery is None:
            return None
        live = (webhooks.c.id == delivery.webhook_id, webhooks.c.stopped.is_(None), webhooks.c.held_by == holder)
        row = connection.execute(select(webhooks).where(*live)).first()
        if row is None or not sendable(connection, [row], now):
            return None
        endpoint, wanted = endpoint_of(row, now), wanted_by(row, alias)
        own = endpoint.owner is not None
        with seeing(wanted.sellers or () if own else None):
            this = (events.c.number == delivery.event_number, *(fitting(wanted) if own else ()))
            found = events_of(connection, connection.execute(select(events).where(*this)).all())
        return Outgoing(endpoint, found[0] if found else None)
