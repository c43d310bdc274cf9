"""What a process knows of one webhook that it sends for, and what follows there from an attempt."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row

from regrade.serving.events.endpoints import Endpoint
from regrade.serving.events.queue import Result, Schedule, Standing
from regrade.serving.events.sender import Answer

TROUBLED: Final = 5
"""Attempts that failed one after another, after which a receiver is taken to be down whatever it answers."""
HOPELESS: Final = ("expired", "unmapped")
"""What no further attempt would change, and what says nothing of the receiver."""
WRITTEN: Final = 5
"""How often it is tried to say what an event is to send: what follows in its item waits for it."""


@dataclass(slots=True)
class Line:
    """What is under way to a webhook, and how it stands. It is `idle` while the webhook is
    paused, removed or sent for by another, and kept as long as anything is under way: that must not begin twice."""

    endpoint: Endpoint
    flying: set[str]
    failures: int
    resume_at: datetime | None
    waiting: asyncio.Semaphore
    standing: Standing | None = None
    stopped: bool = False
    idle: bool = False

    def noted(self, row: Row[Any], answer: Answer, schedule: Schedule, now: datetime) -> Result:
        """What is to be written down of an attempt at the delivery in `row`; the line stands as that leaves it."""
        next_at = None
        if answer.error == "unwritable":
            later = now + schedule.after(row.attempts + 1)
            next_at = later if row.attempts + 1 < WRITTEN and later < row.give_up_at else None
        elif answer.error not in HOPELESS and (answer.error, answer.status) != (None, None):
            next_at = self._stands(row, answer, schedule, now)
        about = (row.number, row.webhook_id, row.inspection_id, row.event_number)
        return Result(*about, now, answer.status, answer.error, answer.ms, next_at)

    def _stands(self, row: Row[Any], answer: Answer, schedule: Schedule, now: datetime) -> datetime | None:
        """Note how the receiver stands; returns when the delivery is tried again, None where it is not."""
        next_at = None
        if answer.error is None:
            self.failures, self.resume_at = 0, None
        else:
            self.failures += 1
            next_at = self._next(row, answer, schedule, now)
        stopped = "gone" if answer.error == "gone" else None
        self.stopped |= stopped is not None
        shown = (self.failures, self.resume_at, now, answer.status, answer.error, stopped)
        self.standing = Standing(self.endpoint.id, *shown)
        return next_at

    def _next(self, row: Row[Any], answer: Answer, schedule: Schedule, now: datetime) -> datetime | None:
        """When a delivery is tried again; None where it is given up. Tells too until when its receiver is let alone."""
        asked = timedelta(seconds=answer.retry_after or 0.0)
        if answer.silent or self.failures >= TROUBLED:
            self.resume_at = now + max(asked, schedule.silence(self.failures))
        next_at = self.resume_at if answer.silent else now + max(asked, schedule.after(row.attempts + 1))
        if answer.error == "gone":
            return now
        return None if now >= row.give_up_at else next_at
