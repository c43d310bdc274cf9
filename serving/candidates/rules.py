"""What rules do with bundles: an adapted one is put in shadow; a candidate that is shown to be no worse is proposed,
tried at a canary's stations, and takes over; an adapted bundle that breaks a promise gives way to the one before.

Each step is checked again, alone, against what is written on the disk when it is taken, and leaves a line in the audit
trail and in the log. A crash between the two leaves the step, which the log of activations or the trial itself names.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select

from regrade.models.errors import RegradeError
from regrade.models.grader import Grader
from regrade.models.registry import changes as registry
from regrade.models.registry import trials
from regrade.models.registry.trials import Trial, now_text
from regrade.serving.candidates.announced import announce
from regrade.serving.candidates.broken import Watched, watched
from regrade.serving.candidates.comparison import Claim, claims, no_worse
from regrade.serving.candidates.pairs import Pair, pairs
from regrade.serving.candidates.steps import Step, note_rule, stop_trial
from regrade.serving.candidates.untried import Untried
from regrade.serving.grading.graders import Graders
from regrade.serving.review import Desk
from regrade.serving.review.types import DecisionRow
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import audit
from regrade.serving.telemetry.metrics import Metrics

log = logging.getLogger("regrade")

ADAPTED: Final = "candidate.adapted"
NO_WORSE: Final = "candidate.no_worse"
BROKEN: Final = "promise.broken"
LONGEST: Final = timedelta(days=3650)
ALL_SECONDS: Final = 3600.0
"""From one look at the promises of all bundles to the next: it reads all that was decided."""
Promotion = Literal["off", "propose", "canary"]


@dataclass(frozen=True, slots=True)
class Returned:
    """That a rule took a bundle back: of which category, from which version to which (None: there was none to go back
    to), when and why."""

    at: datetime
    category: str
    version: str
    to: str | None
    why: str


class Rules:
    """Looks at what people decided, and acts. `decide` blocks on the database; `undo` is how long a decision can be
    undone, and counts for nothing."""

    def __init__(
        self,
        database: Database,
        graders: Graders,
        desk: Desk,
        metrics: Metrics,
        *,
        promotion: Promotion,
        auto_return: bool,
        undo: timedelta,
    ) -> None:
        self._database, self._graders, self._desk, self._metrics = database, graders, desk, metrics
        self._promotion, self._auto_return, self._undo = promotion, auto_return, undo
        self._untried = Untried(graders.store, database)
        self._all_at = 0.0

    def looks(self, since: datetime) -> list[DecisionRow]:
        """What people decided from `since` on and can no longer undo, oldest first."""
        return self._desk.looks(since=since, until=datetime.now(UTC) - self._undo)

    def judged(self, trial: Trial, looks: Sequence[DecisionRow] | None = None) -> list[Pair]:
        """The items that both bundles of a trial have judged in its phase. In a canary those alone count that the
        candidate graded."""
        made = self.looks(trial.began) if looks is None else looks
        found = pairs(self._database, trial.category, trial.active, trial.version, trial.began, made)
        return [pair for pair in found if pair.by_candidate] if trial.phase == "canary" else found

    def claims(self, category: str, judged: Sequence[Pair]) -> tuple[Claim, ...]:
        """What is shown of a candidate so far, at the policy's δ."""
        policy = self._graders.in_force.policy
        return claims(policy, category, judged, policy.base.promise.delta)

    def watched(self, category: str, version: str) -> tuple[Watched, ...]:
        """The promises about what `version` lets go, beside what blind looks found."""
        since = datetime.now(UTC) - LONGEST
        return watched(self._graders.in_force.policy, self._database, category, version, self.looks(since))

    def returned(self, since: datetime) -> list[Returned]:
        """The bundles that were taken back by rule, newest first."""
        query = select(audit).where(audit.c.action == "return", audit.c.at >= since).order_by(audit.c.at.desc())
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Returned(r.at, r.detail["category"], r.detail["before"], r.detail.get("version"), r.detail["why"])
            for r in rows
        ]

    async def step(self, call: Any) -> None:
        """Look once at every category, and act. `call` runs what blocks on a thread. What fails is tried the next time,
        and keeps no other category from its turn."""
        grader = self._graders.current
        everything = time.monotonic() >= self._all_at
        if everything:
            self._all_at = time.monotonic() + ALL_SECONDS
        for category in grader.categories:
            try:
                await self._return(category, grader, call, everything)
                await self._try(category, call)
            except RegradeError as error:
                log.error("candidates of %s: %s", category, error)

    async def _return(self, category: str, grader: Grader, call: Any, everything: bool) -> None:
        """Say that a promise about what the active bundle lets go is broken, and take it back where that is so."""
        version = grader.versions[category]
        may_return = self._auto_return and "adapted" in grader.bundles[category].metrics
        if not may_return and not everything:
            return
        found = await call(self.watched, category, version)
        await call(announce, self._database, category, version, found)
        why = _why(found)
        if why is None or not may_return:
            return
        back = await call(self._back, category, version)
        told = {"category": category, "before": version, "version": back, "why": why}
        if back is None:
            if not any(one.version == version for one in await call(self.returned, datetime.now(UTC) - LONGEST)):
                log.error(
                    "%s %s breaks a promise (%s), and there is none before it to go back to", category, version, why
                )
                await call(self._done, "return", told, "returned", BROKEN)
            return
        reason = f"{version} breaks a promise: {why}"
        await self._graders.activate(category, back, by=f"by rule {BROKEN}", reason=reason)
        log.error("%s is graded with %s again: %s", category, back, reason)
        await call(self._done, "return", told, "returned", BROKEN)

    def _back(self, category: str, version: str) -> str | None:
        """The version before, unless that was taken back itself."""
        before = registry.previous_version(self._graders.store, category)
        gone = {one.version for one in self.returned(datetime.now(UTC) - LONGEST) if one.category == category}
        return None if before in (None, version) or before in gone else before

    async def _begin(self, category: str, call: Any) -> None:
        """Put the newest adapted bundle in shadow, where nothing is on trial."""
        active = self._graders.current.versions[category]
        version = await call(self._untried.newest, category, active)
        if version is None:
            return
        reason = f"adapted to decisions, and judged better than {active} on them"
        if await self._graders.try_out(category, version, by=f"by rule {ADAPTED}", reason=reason) is not None:
            await call(
                self._done, "shadow", {"category": category, "version": version, "active": active}, "begun", ADAPTED
            )

    async def _try(self, category: str, call: Any) -> None:
        if self._promotion == "off":
            return
        trial = await call(trials.trial_of, self._graders.store, category)
        if trial is None or not trial.running:
            await self._begin(category, call)
            return
        if trial.phase == "canary" and (why := _why(await call(self.watched, category, trial.version))) is not None:
            if await call(stop_trial, self._graders.store, self._database, category, why, BROKEN) is not None:
                self._metrics.trials.labels(category, "stopped").inc()
                await self._graders.reload_trials()
            return
        found = await call(lambda: self.claims(category, self.judged(trial)))
        if not no_worse(found):
            return
        told = {"category": category, "before": trial.active, "version": trial.version, "looks": found[0].looks}
        if trial.phase == "shadow" and trial.proposed is None:
            changed = await call(self._change, trial, replace(trial, proposed=now_text()))
            if changed is None:
                return
            trial = changed
            await call(self._done, "propose", told, "proposed", NO_WORSE)
        if trial.phase == "shadow" and self._promotion == "canary":
            by = f"by rule {NO_WORSE}"
            if await call(self._change, trial, replace(trial, phase="canary", since=now_text(), by=by)) is not None:
                await self._graders.reload_trials()
                await call(self._done, "canary", told, "canary", NO_WORSE)
        elif trial.phase == "canary":
            reason = f"no worse on {found[0].looks} blind looks at canary stations"
            await self._graders.activate(category, trial.version, by=f"by rule {NO_WORSE}", reason=reason)
            await call(self._done, "activate", told | {"reason": reason}, "promoted", NO_WORSE)

    def _change(self, seen: Trial, to: Trial) -> Trial | None:
        """Change the trial where it is as it was seen."""
        return trials.change(self._graders.store, seen.category, lambda now: to if now == seen else None)

    def _done(self, step: Step, detail: dict[str, Any], counted: str, rule: str) -> None:
        note_rule(self._database, rule, step, detail)
        self._metrics.trials.labels(str(detail["category"]), counted).inc()
        log.warning("by rule %s: %s %s", rule, step, " ".join(f"{name}={value}" for name, value in detail.items()))


def _why(found: Sequence[Watched]) -> str | None:
    """The first broken promise, in words."""
    for one in found:
        if one.broken:
            return f"{one.what}: {one.mean:.4g} on {one.looks} blind looks, promised {one.limit:.4g}"
    return None
