"""What every part of the review desk works with."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from regrade.serving.access.keys import ApiKey
from regrade.serving.evidence import Signer
from regrade.serving.inspections.visibility import Viewer
from regrade.serving.review.sampling import Lottery
from regrade.serving.rubric.in_force import InForce, Rules
from regrade.serving.storage.database import Database

Clock = Callable[[], datetime]
"""The time now, with its zone."""


@dataclass(frozen=True, slots=True)
class DeskContext:
    """The database; what is in force, and the lottery; how long a lease lasts and a decision can be undone; the clock;
    and by whom the evidence of decisions is signed.

    `refuse_if_full` raises `StorageError` where there is no room for new work.
    """

    database: Database
    rules: Rules
    lottery: Lottery
    lease: timedelta
    undo: timedelta
    now: Clock
    signer: Signer
    refuse_if_full: Callable[[], None] = lambda: None

    def now_in_force(self) -> "DeskContext":
        """The same with what is in force now, whatever is activated meanwhile."""
        found: InForce = self.rules()
        return replace(self, rules=lambda: found)

    def viewer(self, key: ApiKey) -> Viewer:
        """The holder of `key` as somebody who looks at inspections now."""
        now = self.now()
        return Viewer(key, now, now - self.undo)


def digest(token: str) -> str:
    """What is stored of a lease's token: SHA-256 in hex, enough for a secret of 192 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
