"""What another bundle makes of items that were graded: a candidate in shadow, worked out beside, for nobody at a bench
or desk to see.

It begins when the item is stored, on one thread that gives way to all others, and no answer waits for it. Where only
heads differ, the candidate reads what was seen already; one with another backbone looks anew, at a share of items that
is drawn by lot. Nothing of it was promised to anybody: what is under way when the power goes is not worked out again.
"""

import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from regrade.models.photo_evidence import PhotoEvidence
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import ItemResult
from regrade.serving.base.errors import StorageError
from regrade.serving.grading.judges import Judges
from regrade.serving.policy.decide import case_of, decide
from regrade.serving.policy.promise.stake import stake_of
from regrade.serving.policy.terms import economics_for
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.tables import inspections, shadow_grades
from regrade.serving.telemetry.metrics import Metrics

log = logging.getLogger("regrade")

WAITING: Final = 256
"""Items that may wait for it. What they hold is what was seen of them: some 100 kB a photo."""
WITH_PHOTOS: Final = 8
"""Of those, that may wait with their photos, for a candidate that looks anew."""
FAILURES: Final = 5
"""In a row, after which the trial is stopped."""
TOGETHER: Final = 64
"""Rows that are written in one transaction, or as many as there are after a second without work."""
IDLE: Final = 1.0
NICE: Final = 19


@dataclass(frozen=True, slots=True)
class Graded:
    """An item that was graded and stored, what was seen of it, and its photos; `odd` ones cost more to open than can
    be told."""

    inspection: Inspection
    evidence: Sequence[PhotoEvidence]
    photos: tuple[bytes, ...]
    limits: IntakeLimits
    odd: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    graded: Graded
    judges: Judges
    category: str
    version: str


Other = Callable[[str, str], Judges | None]
"""Category and the version that graded → what the item is to be judged by as well, None where nothing is."""


class Shadowing:
    """Works off what is noted, on a thread of its own until `close`.

    `drawn` draws inspections by id for a candidate that looks anew; `stopped` is told, on that thread, which category's
    candidate has failed too often, and why.
    """

    def __init__(
        self,
        database: Database,
        other: Other,
        metrics: Metrics,
        drawn: Callable[[str], bool],
        stopped: Callable[[str, str], None],
    ) -> None:
        self._database, self._other, self._metrics = database, other, metrics
        self._drawn, self._stopped = drawn, stopped
        self._change = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._over = self._busy = False
        self._failed: Counter[tuple[str, str]] = Counter()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def note(self, graded: Graded) -> None:
        """Take an item that was stored. Costs microseconds, never waits, and never raises."""
        try:
            self._take(graded)
        except Exception:
            log.exception("an item was not taken for the shadow")

    def settle(self, seconds: float = 30.0) -> bool:
        """Wait until all that was noted is worked out and written; False where it was not within `seconds`."""
        with self._change:
            return self._change.wait_for(lambda: not self._jobs and not self._busy, seconds)

    def close(self) -> None:
        """Work off what waits, write it, and end the thread."""
        with self._change:
            self._over = True
            self._change.notify_all()
        self._thread.join()

    def _take(self, graded: Graded) -> None:
        result = graded.inspection.result
        if result.category is None or result.grade is None:
            return
        category = result.category.name
        judges = self._other(category, result.models.get(category, ""))
        if judges is None:
            # Whatever has failed is not tried any more; who tries it again begins anew.
            for key in [key for key in list(self._failed) if key[0] == category]:
                self._failed.pop(key, None)
            return
        version = judges.grader.versions[category]
        if self._failed[category, version] >= FAILURES:
            return
        if judges.grader.can_judge(graded.evidence, category):
            graded, most = replace(graded, photos=()), WAITING
        elif graded.odd or not self._drawn(graded.inspection.id):
            return
        else:
            graded, most = replace(graded, evidence=()), WITH_PHOTOS
        with self._change:
            if len(self._jobs) >= most or self._over:
                self._metrics.shadow_items.labels(category, version, "dropped").inc()
                return
            self._jobs.append(_Job(graded, judges, category, version))
            self._change.notify_all()

    def _run(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        rows: list[dict[str, Any]] = []
        while True:
            with self._change:
                self._change.wait_for(lambda: self._jobs or self._over, IDLE if rows else None)
                job = self._jobs.popleft() if self._jobs else None
                self._busy = job is not None or bool(rows)
                over = self._over
            if job is not None:
                rows += self._worked_out(job)
            if rows and (job is None or len(rows) >= TOGETHER):
                self._write(rows)
                rows = []
            with self._change:
                self._busy = bool(rows)
                self._change.notify_all()
            if job is None and over:
                return

    def _worked_out(self, job: _Job) -> list[dict[str, Any]]:
        key = (job.category, job.version)
        started = time.perf_counter()
        try:
            row = _row(job)
        except Exception as error:  # whatever it is, the item itself was graded
            self._count(job, "failed")
            self._failed[key] += 1
            log.warning("%s %s failed in shadow: %s: %s", *key, type(error).__name__, error)
            if self._failed[key] == FAILURES:
                self._stop(job.category, f"it failed {FAILURES} times in a row: {type(error).__name__}: {error}")
            return []
        self._failed.pop(key, None)
        self._metrics.shadow_seconds.observe(time.perf_counter() - started)
        return [] if row is None else [row]

    def _stop(self, category: str, reason: str) -> None:
        try:
            self._stopped(category, reason)
        except Exception:
            log.exception(
                "the trial of %s could not be stopped; nothing of it is worked out until the next start", category
            )

    def _write(self, rows: list[dict[str, Any]]) -> None:
        # Graded anew while it waited, an item counts once, as it was judged last.
        rows = list({row["inspection_id"]: row for row in rows}.values())
        ids = [row["inspection_id"] for row in rows]
        try:
            with self._database.write() as connection:
                gone = inspections.c.id.in_(ids) & inspections.c.erased_at.is_not(None)
                erased = set(connection.execute(select(inspections.c.id).where(gone)).scalars())
                # Graded anew, an item is judged anew.
                connection.execute(delete(shadow_grades).where(shadow_grades.c.inspection_id.in_(ids)))
                kept = [row | {"loss": None} if row["inspection_id"] in erased else row for row in rows]
                connection.execute(insert(shadow_grades), kept)
        except (StorageError, SQLAlchemyError) as error:
            # No fault of the candidate's: the disk is full, or the database busy with something long.
            log.warning("what %d items came to in shadow was not written: %s", len(rows), error)
            outcome = "dropped"
        else:
            outcome = "graded"
        for row in rows:
            self._metrics.shadow_items.labels(row["category"], row["version"], outcome).inc()

    def _count(self, job: _Job, outcome: str) -> None:
        self._metrics.shadow_items.labels(job.category, job.version, outcome).inc()


def _row(job: _Job) -> dict[str, Any] | None:
    """The row for `shadow_grades`; None where the candidate would have had photos taken again."""
    inspection, policy = job.graded.inspection, job.judges.in_force.policy
    result, missed = _judged(job)
    if result.grade is None:
        return None
    item = inspection.item
    about: dict[str, Any] = {
        "declared_value": inspection.declared_value,
        "seller": item.get("seller"),
        "sku": item.get("sku"),
        "identity": None if inspection.identity is None else inspection.identity.verdict,
        "pieces": inspection.pieces,
    }
    decision = decide(policy, result, **about)
    terms = policy.terms(item.get("seller"))
    case = case_of(policy, result, **about)
    economics, _ = economics_for(terms, case)
    disposition = decision.disposition
    ranked = (disposition.action, *(option.action for option in disposition.alternatives))
    stake = stake_of(terms, economics, case, ranked)
    return {
        "inspection_id": inspection.id,
        "version": job.version,
        "category": job.category,
        "at": datetime.now(UTC),
        "condition": result.grade.condition,
        "probabilities": dict(result.grade.probabilities),
        "defects": sorted({defect.type for defect in result.defects}),
        "action": disposition.action,
        "alone": not decision.needs_review,
        "loss": stake.worth,
        "closer_missed": missed,
    }


def _judged(job: _Job) -> tuple[ItemResult, bool]:
    graded, grader = job.graded, job.judges.grader
    result = graded.inspection.result
    if graded.evidence:
        return grader.second_opinion(graded.evidence, result)
    limits = replace(graded.limits, working_side=grader.working_side)
    photos = [open_photo(data, index, limits) for index, data in enumerate(graded.photos)]
    seen = [grader.look(photo, job.category) for photo in photos]
    return replace(grader.conclude(seen, job.category), category=result.category), False
