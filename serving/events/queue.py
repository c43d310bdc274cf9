"""What is on its way to webhooks: in which order, when it is tried again, and until when."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, exists, insert, literal, or_, select, update

from regrade.serving.events.log import Wanted, fitting, newest
from regrade.serving.events.owners import kinds_of, sendable
from regrade.serving.outbox.tables import events, webhook_deliveries, webhooks
from regrade.serving.storage.database import Database

GIVE_UP: Final = timedelta(days=3)
"""How long an event is tried to be delivered."""
FAN_OUT: Final = 2000
"""Events that are looked at for a webhook in one transaction."""
HOLD: Final = timedelta(seconds=45)
"""How long a process sends for a webhook without saying again that it does."""
_PENDING: Final = webhook_deliveries.c.state == "pending"

Alias = Callable[[str], str]
"""What stands in place of a seller's name once all of their items were erased, which they are still told of."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds after which a delivery is tried again that the receiver refused (`delays`, the last for all further
    times), and the longest after which a receiver is that does not answer: 2, 4, 8 … s. Each is drawn from a fifth
    below to a fifth above."""

    delays: tuple[float, ...] = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0)
    longest_silence: float = 600.0
    give_up: timedelta = GIVE_UP

    def after(self, attempts: int) -> timedelta:
        """The time until the next attempt at a delivery after `attempts`, at least one."""
        return _drawn(self.delays[min(attempts, len(self.delays)) - 1])

    def silence(self, failures: int) -> timedelta:
        """The time until the next attempt at a receiver that did not answer `failures` times, at least once."""
        return _drawn(min(self.longest_silence, 2.0 ** min(failures, 20)))


def _drawn(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one attempt. `error` is a code, None where it arrived. `next_at` is when it is tried again, None
    where it is not."""

    number: int
    webhook_id: str
    inspection_id: str | None
    event_number: int
    at: datetime
    status: int | None
    error: str | None
    ms: float
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a webhook stands after some attempts; `stopped` is set where its receiver is gone."""

    webhook_id: str
    failures: int
    resume_at: datetime | None
    at: datetime
    status: int | None
    error: str | None
    stopped: str | None


class Queue:
    """Deliveries of an installation. Methods block on the database; each is one transaction."""

    def __init__(self, database: Database, schedule: Schedule, alias: Alias | None = None) -> None:
        self._database, self._schedule, self._alias = database, schedule, alias

    def release_all(self) -> None:
        """Forget who sends for which webhook: for a start where no other process can be sending."""
        with self._database.write() as connection:
            connection.execute(update(webhooks).values(held_by=None, held_until=None))

    def let_go(self, holder: str) -> None:
        """Let other processes send for the webhooks of `holder`."""
        with self._database.write() as connection:
            mine = update(webhooks).where(webhooks.c.held_by == holder)
            connection.execute(mine.values(held_by=None, held_until=None))

    def standing(self) -> tuple[list[Row[Any]], int]:
        """All webhooks that are sent something, and the number of the newest event."""
        with self._database.read() as connection:
            query = select(webhooks).where(webhooks.c.stopped.is_(None)).order_by(webhooks.c.id)
            rows = sendable(connection, connection.execute(query).all(), datetime.now(UTC))
            return rows, newest(connection)

    def turn(self, holder: str, now: datetime, results: Sequence[Result], standings: Sequence[Standing]) -> bool:
        """Write down what came of attempts, take up the webhooks that nobody else sends for, and put what happened
        since on its way. Returns whether there is more of that."""
        more = False
        with self._database.write() as connection:
            _settle(connection, results)
            for one in standings:
                _stand(connection, one)
            free = or_(webhooks.c.held_by == holder, webhooks.c.held_until.is_(None), webhooks.c.held_until < now)
            take = update(webhooks).where(webhooks.c.stopped.is_(None), free)
            connection.execute(take.values(held_by=holder, held_until=now + HOLD))
            head = newest(connection)
            mine = select(webhooks).where(webhooks.c.held_by == holder, webhooks.c.stopped.is_(None))
            behind = [r for r in sendable(connection, connection.execute(mine).all(), now) if r.position < head]
            passed = self._pass_over(connection, behind, head)
            for row in behind:
                if row.id not in passed:
                    more |= self._fan_out(connection, row, head, now)
        return more

    def due(self, webhook_id: str, now: datetime, limit: int, but: Collection[str]) -> Sequence[Row[Any]]:
        """At most `limit` deliveries that are to be tried now: of each inspection the earliest that is pending.
        Those in the lanes of `but` are under way (see `lane_of`)."""
        this, earlier = webhook_deliveries.c, webhook_deliveries.alias()
        waits = exists().where(
            earlier.c.webhook_id == this.webhook_id,
            earlier.c.inspection_id == this.inspection_id,
            earlier.c.state == "pending",
            earlier.c.event_number < this.event_number,
        )
        query = select(webhook_deliveries).where(this.webhook_id == webhook_id, _PENDING, this.next_at <= now, ~waits)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(this.next_at, this.event_number).limit(limit + len(but))).all()
        return [row for row in rows if lane_of(row) not in but][:limit]

    def give_up(self, now: datetime) -> int:
        """Give up what has waited too long for a receiver; returns how much."""
        with self._database.read() as connection:
            on = connection.execute(select(webhooks).where(webhooks.c.stopped.is_(None))).all()
            ids = [row.id for row in sendable(connection, on, now)]
            late = (_PENDING, webhook_deliveries.c.give_up_at < now, webhook_deliveries.c.webhook_id.in_(ids))
            if connection.execute(select(webhook_deliveries.c.number).where(*late).limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            return connection.execute(update(webhook_deliveries).where(*late).values(state="dead")).rowcount

    def _pass_over(self, connection: Connection, rows: Sequence[Row[Any]], head: int) -> set[str]:
        """Bring those webhooks up to `head` for whose seller nothing happened since, all at once: there may be many,
        and decisions wait meanwhile. Returns their ids."""
        near = [row for row in rows if row.seller is not None and row.position >= head - FAN_OUT]
        if not near:
            return set()
        since = events.c.number > min(row.position for row in near)
        told = connection.execute(select(events.c.seller).where(since, events.c.number <= head).distinct())
        sellers = set(told.scalars())
        passed = {row.id for row in near if sellers.isdisjoint(wanted_by(row, self._alias).sellers or ())}
        if passed:
            connection.execute(update(webhooks).where(webhooks.c.id.in_(passed)).values(position=head))
        return passed

    def _fan_out(self, connection: Connection, row: Row[Any], head: int, now: datetime) -> bool:
        """Put the next events on their way to one webhook; returns whether there are more."""
        last: int = min(head, row.position + FAN_OUT)
        wanted = wanted_by(row, self._alias)
        columns = {
            **{"webhook_id": literal(row.id), "event_number": events.c.number, "event_id": events.c.id},
            **{"type": events.c.type, "inspection_id": events.c.inspection_id, "state": literal("pending")},
            **{"created_at": _moment(now), "attempts": literal(0), "next_at": _moment(now)},
            "give_up_at": _moment(now + self._schedule.give_up),
        }
        within = (events.c.number > row.position, events.c.number <= last)
        found = select(*columns.values()).where(*within, *fitting(wanted)).order_by(events.c.number)
        connection.execute(insert(webhook_deliveries).from_select(list(columns), found))
        connection.execute(update(webhooks).where(webhooks.c.id == row.id).values(position=last))
        return last < head


def wanted_by(row: Row[Any], alias: Alias | None = None) -> Wanted:
    """The events that the webhook in `row` is sent."""
    seller: str | None = row.seller
    names = () if seller is None or alias is None else (alias(seller),)
    return Wanted(kinds_of(row), None if seller is None else (seller, *names))


def lane_of(delivery: Row[Any] | Result) -> str:
    """What deliveries to a webhook must not overtake one another in: their inspection, or a lane of their own."""
    return delivery.inspection_id or str(delivery.number)


def _moment(at: datetime) -> Any:
    return literal(at, webhook_deliveries.c.next_at.type)


def _settle(connection: Connection, results: Sequence[Result]) -> None:
    this = webhook_deliveries.c
    for one in results:
        state = "delivered" if one.error is None else "pending" if one.next_at is not None else "dead"
        values = {"state": state, "attempts": this.attempts + 1, "last_at": one.at, "status": one.status}
        values |= {"error": one.error, "ms": one.ms}
        if one.next_at is not None:
            values["next_at"] = one.next_at
        # Not what was replayed, paused or removed meanwhile.
        mine = update(webhook_deliveries).where(this.number == one.number, _PENDING)
        connection.execute(mine.values(values))
        if one.next_at is not None and one.inspection_id is not None:
            # Those that wait for it need not be looked at before.
            later = (this.webhook_id == one.webhook_id, this.inspection_id == one.inspection_id, _PENDING)
            behind = update(webhook_deliveries).where(*later, this.event_number > one.event_number)
            connection.execute(behind.where(this.next_at < one.next_at).values(next_at=one.next_at))


def _stand(connection: Connection, one: Standing) -> None:
    values: dict[str, Any] = {
        **{"failures": one.failures, "resume_at": one.resume_at},
        **{"last_at": one.at, "last_status": one.status, "last_error": one.error},
    }
    if one.stopped is not None:
        values["stopped"] = one.stopped
    connection.execute(update(webhooks).where(webhooks.c.id == one.webhook_id).values(values))


def bring_forward(connection: Connection, webhook_id: str, now: datetime) -> None:
    """Have all that waits for a webhook tried at once, for as long as what is new."""
    mine = update(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id, _PENDING)
    connection.execute(mine.values(next_at=now, give_up_at=now + GIVE_UP))


def clear_from(connection: Connection, webhook_id: str, after: int) -> None:
    """Take back what waits for a webhook of events later than number `after`."""
    this = webhook_deliveries.c
    waiting = (this.webhook_id == webhook_id, _PENDING, this.event_number > after)
    connection.execute(delete(webhook_deliveries).where(*waiting))
