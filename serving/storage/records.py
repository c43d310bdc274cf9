"""What is stored of an inspection, and how it turns into JSON columns and back."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from regrade.models.codes.identity import Identity
from regrade.models.pieces.types import Count, Pieces
from regrade.models.types import ItemResult
from regrade.serving.base.dispositions import Decision, Money
from regrade.serving.base.errors import ErasedError
from regrade.serving.storage.adjudication import standing, votes_of
from regrade.serving.storage.asks import Ask
from regrade.serving.storage.reviews import Kind, Review

Status = Literal["graded", "needs_review", "reviewed", "retake"]

Cause = Literal["photos", "category", "pieces"]
"""Why an inspection was graded anew: photos were added or replaced, it is of another category, or somebody has counted
its pieces."""

RESULT: TypeAdapter[ItemResult] = TypeAdapter(ItemResult)
DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """One photo of an inspection. `width` and `height` are those of the upright photo, `size` is in bytes."""

    index: int
    sha256: str
    media_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FirstLook:
    """Whether a human owes a new inspection a look (`kind` is None where not), and what the queue says of it.

    `share` is the chance that an item which the model was sure of had of being drawn for a blind look; None where
    the model asked. `reason` is the code of its first reason to ask, `value` is in the policy's currency.
    """

    kind: Kind | None
    share: float | None
    reason: str | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Erased:
    """That an inspection was erased: when, by whom, and why where that was said."""

    at: datetime
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """One time at which an inspection was graded, in short; `condition` is the model's, `cause` None for the first."""

    number: int
    at: datetime
    cause: Cause | None
    status: Status
    condition: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """An inspection as it is stored. `result` and `decision` are the machine's, of the revision `revision`;
    `reviews` are the humans' decisions, oldest first, the undone ones included, and `asks` what they asked instead.
    `revisions` are all that there are, the first first, where there is more than one.

    `identity` is None where no codes were looked for, `pieces` where none are expected; `pieces` are as they were when
    it was graded, and what stands of them is `pieces_now`.

    Of one that was `erased` there are no photos and no words of people; its `item` has no RMA.

    `blind` says that what the model and others found has been taken out, for a reviewer who must not know it.
    """

    id: str
    created_at: datetime
    status: Status
    key_id: str
    idempotency_key: str | None
    body_digest: str
    item: Mapping[str, Any]
    result: ItemResult
    decision: Decision | None
    photos: tuple[StoredPhoto, ...]
    reviews: tuple[Review, ...] = ()
    blind: bool = False
    erased: Erased | None = None
    revision: int = 1
    revisions: tuple[Revision, ...] = ()
    asks: tuple[Ask, ...] = ()
    identity: Identity | None = None
    pieces: Pieces | None = None

    def refuse_erased(self) -> None:
        """Raise `ErasedError` where it was erased."""
        if self.erased is not None:
            raise ErasedError(self.id, self.erased.at)

    @property
    def declared_value(self) -> Money | None:
        """What the item was declared to be worth when it is new; None where nothing was."""
        declared = self.item.get("declared_value")
        return None if declared is None else Money(declared["amount"], declared["currency"])

    @property
    def model_condition(self) -> str | None:
        """The condition that the model graded the item as; None where it graded nothing."""
        return self.result.grade.condition if self.result.grade else None

    @property
    def review(self) -> Review | None:
        """The human decision that stands, if there is one."""
        return standing(self.model_condition, self.reviews)

    @property
    def decided_by(self) -> Review | None:
        """The newest human decision that counts, whether or not it changed anything."""
        return next(reversed(votes_of(self.reviews).values()), None)

    @property
    def pieces_now(self) -> Pieces | None:
        """Its pieces by the newest count: that of a decision that was not undone, else that of its revision."""
        if self.pieces is None:
            return None
        said = (review for review in reversed(self.reviews) if review.undone_at is None and review.pieces is not None)
        if (newest := next(said, None)) is None or newest.pieces is None:
            return self.pieces
        by = (newest.reviewer, newest.key_id, newest.role or "reviewer", newest.decided_at)
        return self.pieces.counted(Count(newest.pieces, *by))

    @property
    def who(self) -> Literal["nobody", "bench", "desk"]:
        """Who may decide now: as the policy said when it was graded; what a reviewer asked about is the desk's."""
        if self.decision is None or self.status != "needs_review":
            return "nobody"
        return "desk" if self.ask is not None else self.decision.who

    @property
    def ask(self) -> Ask | None:
        """What is asked of the station or of another reviewer now; nothing once somebody has decided."""
        open_ = [ask for ask in self.asks if ask.ended is None]
        later = (review.decided_at for review in self.reviews if review.undone_at is None)
        return None if not open_ or any(at > open_[-1].at for at in later) else open_[-1]


def new_id() -> str:
    """A UUID of version 7 (RFC 9562, 5.7): in the order of time, so that indexes stay compact.

    The 12 bits after the milliseconds hold their fraction (6.2, method 3): ids that one process makes one after another
    are in that order too, to a quarter of a microsecond.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = milliseconds << 80 | rest * 4096 // 1_000_000 << 64 | int.from_bytes(os.urandom(8))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
