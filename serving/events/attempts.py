"""What is sent of deliveries, as all of it stands at that moment, and what came of it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from regrade.serving.base.errors import DatabaseAwayError, DatabaseError, StorageError
from regrade.serving.events.adapted import Adapted, Call
from regrade.serving.events.adapters.shelf import Shelf
from regrade.serving.events.endpoints import Endpoint
from regrade.serving.events.line import Line
from regrade.serving.events.moments import Event
from regrade.serving.events.outgoing import outgoing
from regrade.serving.events.queue import Alias
from regrade.serving.events.sender import Answer, Sender
from regrade.serving.events.signing import Secrets
from regrade.serving.events.targets import Networks
from regrade.serving.storage.database import Database

log = logging.getLogger("regrade")

UNWRITABLE: Final = Answer(None, "unwritable", 0.0)
"""What comes of a delivery of which nobody can say what to send: a fault of ours, or of what is stored."""

AWAY: Final = (DatabaseError, DatabaseAwayError, StorageError, SQLAlchemyError)
"""What is raised where the database cannot be asked now, which says nothing of a delivery."""

Write = Callable[[Event], bytes]
"""Writes an event as it is sent, in JSON."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is sent of an event: to webhooks of the site, and to those of sellers."""

    site: Write
    seller: Write


@dataclass(frozen=True, slots=True)
class Reach:
    """Networks of one's own that webhooks may go to beside public addresses: those of the site, and of sellers."""

    site: Networks
    sellers: Networks = ()


class Attempts:
    """Sends for one process, `holder`, from one event loop; `call` runs on a thread what blocks. `seconds` is the time
    for an attempt, `alias` as of `Queue`. Site and sellers have connections of their own: these take none from it."""

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        reach: Reach,
        call: Call,
        holder: str,
        *,
        shelf: Shelf | None = None,
        alias: Alias | None = None,
        seconds: float | None = None,
    ) -> None:
        self._database, self._secrets, self._call, self._holder = database, secrets, call, holder
        self._alias = alias
        self._adapted = None if shelf is None else Adapted(shelf, call)
        limits: dict[str, Any] = {} if seconds is None else {"seconds": seconds}
        self._site, self._sellers = Sender(reach.site, **limits), Sender(reach.sellers, **limits)
        self.told = Told(lambda event: b"", lambda event: b"")

    async def most(self, endpoint: Endpoint) -> int:
        """How many deliveries one attempt may be about."""
        if endpoint.adapter is None or self._adapted is None:
            return 1
        return await self._adapted.most(endpoint)

    async def sent(self, line: Line, rows: Sequence[Row[Any]]) -> dict[int, Answer]:
        """Send deliveries as they are now, several only by an adapter; none of what is not to be sent any more, or not
        yet. Raises what `AWAY` names."""
        now = datetime.now(UTC)
        if line.idle or line.stopped or (line.resume_at is not None and line.resume_at > now):
            return {}  # found to be down meanwhile
        answers: dict[int, Answer] = {}
        bodies: dict[int, bytes] = {}
        endpoint = line.endpoint
        for row in rows:
            ready = await self._call(self._ready, line.endpoint, row.number, now)
            if ready is None:
                continue
            endpoint, body = ready
            if isinstance(body, Answer):
                answers[row.number] = body
            else:
                bodies[row.number] = body
        if not bodies:
            return answers
        if endpoint.adapter is not None:
            return answers | await self._by_adapter(endpoint, bodies)
        due = (row for row in rows if row.number in bodies)
        return answers | {row.number: await self.signed(endpoint, row.event_id, bodies[row.number]) for row in due}

    async def signed(self, endpoint: Endpoint, event_id: str, body: bytes) -> Answer:
        """Send `body` to a webhook, signed."""
        headers = self._secrets.sign(endpoint.id, endpoint.generations, event_id, datetime.now(UTC), body)
        sender = self._site if endpoint.owner is None else self._sellers
        return await sender.send(endpoint.url, headers, body)

    async def close(self) -> None:
        """Close all connections."""
        await self._site.close()
        await self._sellers.close()

    async def _by_adapter(self, endpoint: Endpoint, bodies: Mapping[int, bytes]) -> dict[int, Answer]:
        assert self._adapted is not None
        try:
            return await self._adapted.send(self._site, endpoint, bodies)
        except AWAY:
            raise
        except Exception:
            log.exception("the adapter %s cannot say what to send", endpoint.adapter)
            return dict.fromkeys(bodies, UNWRITABLE)

    def _ready(self, known: Endpoint, number: int, now: datetime) -> tuple[Endpoint, bytes | Answer] | None:
        """What is sent of a delivery, or what came of it without, and to which webhook: `known`, as it stands now. None
        where it is not to be sent. What cannot be read or written now could not be at once again, so it is an answer,
        and no error."""
        try:
            found = outgoing(self._database, self._holder, number, now, self._alias)
            if found is None:
                return None
            if found.event is None:  # it was kept for shorter than it waited
                return found.endpoint, Answer(None, "expired", 0.0)
            write = self.told.site if found.endpoint.owner is None else self.told.seller
            return found.endpoint, write(found.event)
        except AWAY:
            raise
        except Exception:
            log.exception("nobody can say what delivery %d of the webhook %s is to send", number, known.id)
            return known, UNWRITABLE
