"""What passes between the review desk and whoever shows it. Small, frozen, free of HTTP and of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from regrade.models.pieces.types import Piece
from regrade.serving.access.audit import AuditEntry
from regrade.serving.review.quality.agreement import Agreement
from regrade.serving.storage.asks import Ask, AskKind
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import Kind, Remarks, ReviewedDefect


@dataclass(frozen=True, slots=True)
class Filters:
    """Which tasks are wanted; None means any. Text filters are exact, and `""` means that the item has none.

    `kind` may also be `blind`: any blind look. `min_value` and `max_value` are inclusive and in the policy's
    currency; with either, items without a declared value do not fit. `older_than` is the least time that an item has
    waited. Blind looks have no `reason`. `without` are the ids of tasks that are not wanted, such as those that a
    reviewer has passed over; `inspection_id` is the one item that is.
    """

    category: str | None = None
    seller: str | None = None
    station: str | None = None
    reason: str | None = None
    kind: Kind | Literal["blind"] | None = None
    min_value: float | None = None
    max_value: float | None = None
    older_than: timedelta | None = None
    without: frozenset[str] = frozenset()
    inspection_id: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One look that a human owes an item. `reason` is the code of the first reason for which the model asked."""

    id: str
    inspection_id: str
    kind: Kind
    created_at: datetime
    category: str | None
    seller: str | None
    station: str | None
    reason: str | None
    value: float | None

    @property
    def blind(self) -> bool:
        """Whether the reviewer may know nothing of the model's, or of other reviewers', opinion."""
        return self.kind != "unsure"


@dataclass(frozen=True, slots=True)
class Claim:
    """An item to review, and the lease under which it may be decided until `expires_at`.

    For a blind look, the model's and other reviewers' opinion has been taken out of `inspection` (its `blind` is
    then set): whoever shows it cannot let any of it slip.
    """

    inspection: Inspection
    task: Task
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict(Remarks):
    """What a reviewer found. `action` None takes the policy's, `defects` None says nothing of the model's, `pieces`
    None nothing of what is there.

    Where `rubric` and `seller_grade` are None, what the rubric of the item's category and seller says now is taken;
    where `seconds` is, the time since the item was claimed, which is the most that counts.
    """

    condition: str
    action: str | None = None
    defects: tuple[ReviewedDefect, ...] | None = None
    pieces: tuple[Piece, ...] | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a reviewer asks instead of deciding, as `storage.asks.Ask` has it; `assignee` is a name."""

    kind: AskKind
    note: str | None = None
    views: tuple[str, ...] = ()
    assignee: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The inspection as whoever asked may know it, what they asked by its id, and until when it can be undone.
    `replayed`: it had been recorded before, and was sent again."""

    inspection: Inspection
    ask_id: str
    undo_until: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """The inspection as the reviewer may now see it: after a blind decision that can still be undone, nothing but
    their own, and no `model_condition`. `replayed`: this decision had been recorded before, and was sent again.
    """

    inspection: Inspection
    review_id: str
    model_condition: str | None
    undo_until: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue. `held_by` names who holds the item now; `ask` is what was asked of it last, None for a
    blind look."""

    task: Task
    rma: str
    sku: str | None
    held_by: str | None
    held_until: datetime | None
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many open tasks there are that the viewer may take: all, those that somebody holds, and by part.

    `by` maps `category`, `seller`, `station`, `reason` and `kind` (`unsure` or `blind`) to counts by value, the
    largest first; `""` counts those without one. `oldest` is when the oldest was created. `others` counts the blind
    looks beside them that wait for another reviewer: this one has decided on the item, or was shown what was found.
    """

    total: int
    held: int
    oldest: datetime | None
    by: Mapping[str, Mapping[str, int]]
    others: int = 0


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some open tasks, oldest first, the counts of all that fit, and the cursor of the next page or None. On the first
    page, `away` are those of which the station must send photos first; 50 at most, the oldest first."""

    rows: tuple[Row, ...]
    counts: Counts
    next_cursor: str | None
    away: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that somebody may know of one item. `owed` are the looks that are open, `held_by` names who is at one now,
    and `free` says whether the reader may take one. Where a blind look is still before them, `inspection` is without
    findings, and `owed` and `trail` are empty.
    """

    inspection: Inspection
    owed: tuple[Kind, ...]
    held_by: tuple[str, ...]
    free: bool
    trail: tuple[AuditEntry, ...]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision that was not undone, with what is needed to judge reviewers and model by it.

    `created_at` is when the inspection came in, `decided_at` when the look was. `share` is the chance with which the
    look was drawn (`sample`, `second`), None where it was due in any case. `sample_share` is the chance that the
    inspection itself had of a blind `sample`, None unless it went without a human: each sampled item stands for
    1 / `sample_share` automatic ones. `model_confidence` and `auto_threshold` are probabilities; `automatic` says
    whether the item went without a human. `versions` maps a category to the bundle that graded it; `alpha` is the
    share of wrong grades that this bundle promised to stay below, None where it promises nothing, or where it is gone
    and the grade is of before its promise was kept with it.
    """

    review_id: str
    inspection_id: str
    category: str | None
    seller: str | None
    station: str | None
    created_at: datetime
    decided_at: datetime
    kind: Kind
    blind: bool
    key_id: str
    reviewer: str
    condition: str
    model_condition: str | None
    model_confidence: float | None
    auto_threshold: float | None
    automatic: bool
    share: float | None
    sample_share: float | None
    versions: Mapping[str, str]
    alpha: float | None
    seconds: float | None
    rubric: str | None
    role: str | None
    """That of who decided; None in decisions of before inspectors decided too."""


@dataclass(frozen=True, slots=True)
class AutoGraded:
    """How many items of a category, seller and ISO week went without a human.

    `week` is such as `2026-W48`. `items` counts them all, `drawable` those that had a chance of a blind sample
    (`sample_share` above 0), `sampled` those that were drawn, `looked_at` those of them that are decided.
    """

    category: str | None
    seller: str | None
    week: str
    items: int
    drawable: int
    sampled: int
    looked_at: int


@dataclass(frozen=True, slots=True)
class Queue:
    """How many items wait for a human at the bench, how many of them somebody holds, and the age of the oldest in
    seconds. Blind looks, for which no item waits, are not in it."""

    depth: int
    leased: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The queue, and how the model and the reviewers agree: overall, and by part (`category`, `key_id`, `station`).

    Only decisions on items that the model was unsure of count for the agreement. `names` says whose each `key_id` is,
    as it was called at the last decision. `kinds` counts the tasks of each kind by state, `open` and `done`.
    """

    queue: Queue
    overall: Agreement
    by: Mapping[str, Mapping[str, Agreement]]
    names: Mapping[str, str]
    kinds: Mapping[str, Mapping[str, int]]
