"""What a process knows of one webhook that it sends for."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from regrade.serving.events.endpoints import Endpoint
from regrade.serving.events.queue import Standing


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
