"""Noting an event, in the transaction of what it tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from regrade.serving.outbox.kinds import Kind
from regrade.serving.outbox.tables import event_head, events
from regrade.serving.storage.records import Inspection, new_id


def note(connection: Connection, kind: Kind, inspection: Inspection, at: datetime) -> None:
    """Note what happened to `inspection`, which is as it stands since. `at`: the moment that its record has of it."""
    item = inspection.item
    about = {"revision": inspection.revision, "status": inspection.status, "inspection_id": inspection.id}
    add(connection, kind, at, **about, seller=item.get("seller"), station=item.get("station"))


def note_site(connection: Connection, kind: Kind, at: datetime, data: Mapping[str, Any]) -> None:
    """Note what concerns no inspection, with all that is to be said of it: JSON, and nothing personal."""
    add(connection, kind, at, data=dict(data))


def add(connection: Connection, kind: Kind, at: datetime, **values: Any) -> None:
    """Add an event with these values of `events`. The last thing that a transaction locks: none waits for another."""
    raised = update(event_head).where(event_head.c.id == 1).values(number=event_head.c.number + 1)
    number = connection.execute(raised.returning(event_head.c.number)).scalar_one()
    connection.execute(insert(events).values(number=number, id=new_id(), type=kind, at=at, **values))
