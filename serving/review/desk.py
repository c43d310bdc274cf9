"""The review desk: one object behind which all of it lies. Methods block on the database, on any thread."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from regrade.models.registry.store import BundleStore
from regrade.serving.access import audit
from regrade.serving.access.audit import AuditEntry
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import BlindError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import Signer
from regrade.serving.inspections import visibility as blind
from regrade.serving.inspections.store import find
from regrade.serving.review import asks, bench, decisions, disclosures, lookup, queue, stats, tasks, undo
from regrade.serving.review.context import Clock, DeskContext
from regrade.serving.review.quality import decision_rows as looks
from regrade.serving.review.sampling import Lottery
from regrade.serving.review.types import (
    Asked,
    Asking,
    AutoGraded,
    Claim,
    Counts,
    Decided,
    DecisionRow,
    Dossier,
    Filters,
    Queue,
    QueuePage,
    Stats,
    Verdict,
)
from regrade.serving.rubric.in_force import Rules
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection

ANY = Filters()


class Desk:
    """Gives looks that humans owe to reviewers, one reviewer each, and records what they decide.

    Whatever writes raises `StorageError` where the disk fails; new claims and decisions do so before it is full, where
    `refuse_if_full` does.
    """

    def __init__(
        self,
        database: Database,
        rules: Rules,
        lottery: Lottery,
        *,
        lease: timedelta,
        undo: timedelta,
        signer: Signer,
        bundles: BundleStore | None = None,
        now: Clock | None = None,
        refuse_if_full: Callable[[], None] = lambda: None,
    ) -> None:
        clock = now or (lambda: datetime.now(UTC))
        self._context = DeskContext(database, rules, lottery, lease, undo, clock, signer, refuse_if_full)
        self._disclosures = disclosures.Disclosures(database)
        self._promise = looks.promises(bundles)

    def claim(self, reviewer: ApiKey, filters: Filters = ANY) -> Claim | None:
        """Lease the oldest open task that fits `filters` and that nobody holds; None when there is none.

        A reviewer who holds a fitting item is given that one again, under a new lease: the answer to the first claim
        may have been lost, or the page closed, and nobody else could have the item until the old lease expires. Held
        items that do not fit go back to the queue. Nobody is given a look at an item that they have decided on.
        """
        self._context.refuse_if_full()
        self._disclosures.catch_up()
        return tasks.claim(self._context, reviewer, filters)

    def hold_next(self, reviewer: ApiKey, filters: Filters = ANY) -> Claim | None:
        """Lease the item after the one that the reviewer holds, so that a page can load it meanwhile.

        A reviewer holds two items at most; asked again, this gives the second again, under a new lease. Once the
        first is decided, the second may be decided under its token, and `claim` gives it.
        """
        self._context.refuse_if_full()
        self._disclosures.catch_up()
        return tasks.hold_next(self._context, reviewer, filters)

    def renew(self, task_id: str, token: str, reviewer: ApiKey) -> datetime:
        """Let the lease `token` on a task last as long again from now, and return until when.

        Raises `LeaseError` where it is no longer the one that holds the task, `ErasedError` where the item was erased.
        """
        return tasks.renew(self._context, task_id, token, reviewer)

    def release(self, task_id: str, reviewer: ApiKey, token: str | None = None) -> bool:
        """Give an item back to the queue, undecided. False where the reviewer did not hold it (any more).

        With `token`, only where this is the lease that holds it now.
        """
        return tasks.release(self._context, task_id, reviewer, token) > 0

    def release_all(self, reviewer: ApiKey) -> int:
        """Give back all that the reviewer holds, and say how many items that were."""
        return tasks.release(self._context, None, reviewer)

    def decide(self, inspection_id: str, token: str, reviewer: ApiKey, verdict: Verdict) -> Decided:
        """Record a decision and return the inspection as it then stands, as far as the reviewer may know it.

        The same verdict under the same lease, sent again, changes nothing and is answered with what is stored.
        Raises `NotFoundError`, `ErasedError`, `LeaseError` where `token` does not (or no longer) allow it, and
        `InvalidFieldsError` for an action that the policy does not permit or a defect on no photo.
        """
        return decisions.decide(self._context, inspection_id, token, reviewer, verdict)

    def ask(self, inspection_id: str, token: str, reviewer: ApiKey, asking: Asking) -> Asked:
        """Record what the reviewer asks instead of deciding, and let go of the item.

        `photos`: it leaves the queue until the station has sent some or answered. `cannot_tell`: another reviewer gets
        it, and after two those who run the place. `escalate`: the assignee gets it, or anybody else. Sent again, it
        changes nothing. Raises `NotFoundError`, `ErasedError`, `LeaseError`, `AskError` where photos are asked for at a
        blind look, and `InvalidFieldsError` for views that the category has not and people whom it cannot be given.
        """
        return asks.ask(self._context, inspection_id, token, reviewer, asking)

    def answer(self, inspection_id: str, by: ApiKey, note: str) -> tuple[Inspection, bool]:
        """Record that the station answers with a note instead of photos: the item is in the queue again.

        Also whether that had been recorded before, and was sent again. Raises `NotFoundError`, `ErasedError`, and
        `AskError` where nothing is asked of the station, or photos must be taken again first.
        """
        return asks.answer(self._context, inspection_id, by, note)

    def people(self, task_id: str, reviewer: ApiKey) -> list[str]:
        """The names of those to whom the reviewer may hand a task on."""
        return asks.people(self._context, task_id, reviewer)

    def decide_at_bench(self, inspection_id: str, inspector: ApiKey, verdict: Verdict, *, blind: bool) -> Decided:
        """Record what the inspector who holds the item found. `blind`: the model's word was not shown before, which
        counts where the lot fell on the item.

        The same verdict, sent again, changes nothing and is answered with what is stored. Raises `NotFoundError`,
        `ErasedError`, `DeskAloneError` where the policy leaves it to the desk, `DecidedError` where nobody needs to
        decide, or somebody else does or has, and `InvalidFieldsError` as `decide` does.
        """
        return bench.decide(self._context, inspection_id, inspector, verdict, blind=blind)

    def take_back_at_bench(self, inspection_id: str, inspector: ApiKey) -> Inspection:
        """Undo the inspector's own decision; the item waits again. Errors as of `undo`."""
        return bench.take_back(self._context, inspection_id, inspector)

    def decides_first(self, inspection: Inspection) -> bool:
        """Whether the inspector decides on it before the model's word is shown."""
        return bench.decides_first(self._context, inspection)

    def undo(self, inspection_id: str, reviewer: ApiKey) -> Claim:
        """Take back the reviewer's decision, or what they asked, and give them the item again, under a new lease.

        Sent again, it changes nothing but the lease. Raises `NotFoundError`, `ErasedError`, and `UndoError` where the
        time for it is over, a later look that followed from it is decided, or the decision is somebody else's.
        """
        return undo.undo(self._context, inspection_id, reviewer)

    def queue_page(
        self, viewer: ApiKey, filters: Filters = ANY, limit: int = 50, cursor: str | None = None
    ) -> QueuePage:
        """At most `limit` open tasks that fit and that `viewer` may take, oldest first, held ones included.

        Where nothing is filtered its counts are `counts`, else `totals`. Raises `InvalidFieldsError` for a damaged
        cursor.
        """
        return queue.page(self._context, viewer, filters, limit, cursor)

    def counts(self, viewer: ApiKey) -> Counts:
        """How many open tasks there are that `viewer` may take, by category, seller, station, reason and kind."""
        return queue.counts(self._context, viewer)

    def totals(self, viewer: ApiKey, filters: Filters = ANY) -> Counts:
        """How many open tasks fit that `viewer` may take; `by` is empty, and `others` counted where there are none."""
        return queue.totals(self._context, viewer, filters)

    def queue(self) -> Queue:
        """The items that wait at the bench for a human; blind looks do not count."""
        return queue.waiting(self._context)

    def stats(self) -> Stats:
        """The state of the queue, and the agreement of the model with the reviewers."""
        return stats.stats(self._context)

    def history(self, inspection_id: str) -> list[AuditEntry]:
        """The audit trail of one inspection, oldest first. Not for reviewers who must not know: `refuse_blind`."""
        with self._context.database.read() as connection:
            return audit.of_inspection(connection, inspection_id)

    def read(self, inspection_id: str, viewer: ApiKey) -> Inspection:
        """One inspection as `viewer` may know it; as `visible`. Raises `NotFoundError`."""
        with self._context.database.read() as connection:
            found = [find(connection, inspection_id)]
        return self.visible(found, viewer)[0]

    def lookup(self, text: str, viewer: ApiKey, limit: int = 50) -> list[Inspection]:
        """The inspections whose id, RMA or SKU is `text`, else those whose RMA or SKU begins so; the newest first.

        At most `limit`, as `viewer` may know them. For lists of items: only their status may be shown.
        """
        return lookup.lookup(self._context, text, viewer, limit)

    def dossier(self, inspection_id: str, viewer: ApiKey) -> Dossier:
        """All of one item that `viewer` may know; as `visible`. Raises `NotFoundError`."""
        return lookup.dossier(self._context, self.read(inspection_id, viewer), viewer)

    def visible(self, found: Sequence[Inspection], viewer: ApiKey) -> list[Inspection]:
        """`found` as `viewer` may know them: without the findings where a blind look is before them.

        A reviewer to whom this shows what was found is given no blind look at the item later.
        """
        with self._context.database.read() as connection:
            seen = blind.seen_by(connection, found, self._context.viewer(viewer))
            new = disclosures.unknown(connection, viewer, [one.id for one in seen if not one.blind])
        if new:
            self._disclosures.note(viewer, new, self._context.now())
        return seen

    def refuse_blind(self, inspection: Inspection, viewer: ApiKey) -> None:
        """Raises `BlindError` where `viewer` must not know what was found of `inspection`."""
        if self.visible([inspection], viewer)[0].blind:
            raise BlindError(Message("problem.blind"))

    def viewer(self, key: ApiKey) -> blind.Viewer:
        """The holder of `key` as one to whom lists are shown."""
        return self._context.viewer(key)

    def looks(self, since: datetime | None = None, until: datetime | None = None) -> list[DecisionRow]:
        """The decisions that were not undone, made from `since` to before `until`, oldest first."""
        return looks.looks(self._context, self._promise, since, until)

    def withheld(self, viewer: ApiKey) -> frozenset[str]:
        """The inspections whose decisions `viewer` must not find in figures: those with a blind look that they may
        still be given, and those that they have decided blind themselves and can still decide otherwise. A figure of
        one seller and one day may be of one item alone."""
        return lookup.withheld(self._context, viewer)

    def auto_graded_counts(self, since: datetime | None = None, until: datetime | None = None) -> list[AutoGraded]:
        """How many of the items that came in from `since` to before `until` went without a human.

        By category, seller and ISO week, oldest first. What a blind sample says of the drawable ones is weighted by
        1 / `sample_share` of each `DecisionRow`.
        """
        return looks.auto_graded_counts(self._context, since, until)

    @contextmanager
    def trail(self, since: datetime | None = None) -> Iterator[Iterator[AuditEntry]]:
        """The whole audit trail from `since` on, oldest first, a line at a time."""
        with self._context.database.read() as connection:
            yield audit.since(connection, since)
