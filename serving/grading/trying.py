"""Candidates on trial, loaded: which judges beside the active bundle, and at which stations it grades."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from regrade.models.errors import BundleError, PolicyError
from regrade.models.registry import trials
from regrade.models.registry.store import BundleStore
from regrade.models.registry.trials import Trial, now_text
from regrade.serving.base.errors import RubricError
from regrade.serving.grading.judges import Judges

log = logging.getLogger("regrade")

Load = Callable[[Mapping[str, str]], Judges]
"""Loads judges with these versions, by category, in place of the active ones; what is loaded already is shared."""
CANARY = "canary stations"
BY_RULE = "by rule"


@dataclass(frozen=True, slots=True)
class Trying:
    """The `trials` that there are, `candidates` to judge by in shadow, by category, and the `canary` that grades at
    some stations, None where nothing is that far."""

    trials: Mapping[str, Trial] = field(default_factory=dict)
    candidates: Mapping[str, Judges] = field(default_factory=dict)
    canary: Judges | None = None

    def other(self, active: Judges, category: str, version: str) -> Judges | None:
        """By what an item that `version` graded is to be judged as well: by the candidate where the active one graded,
        and the other way round."""
        trial, candidate = self.trials.get(category), self.candidates.get(category)
        if trial is None or candidate is None:
            return None
        return candidate if version == trial.active else active if version == trial.version else None

    def without(self, category: str) -> "Trying":
        """The same with what is left when the trial of `category` is over; a canary is then off till the next load."""
        trial = self.trials.get(category)
        kept = {name: one for name, one in self.candidates.items() if name != category}
        in_canary = trial is not None and trial.phase == "canary"
        told = {name: one for name, one in self.trials.items() if name != category}
        return Trying(told, kept, None if in_canary else self.canary)


def load_trials(store: BundleStore, active: Judges, load: Load) -> Trying:
    """Load every candidate on trial. One that cannot be loaded is stopped, and no reason not to grade."""
    told, candidates = {}, {}
    for category, found in trials.trials(store).items():
        trial = _fitting(store, active, found)
        if trial is None:
            continue
        told[category] = trial
        if trial.running:
            try:
                candidates[category] = load({category: trial.version})
            except (BundleError, PolicyError, RubricError) as error:
                log.warning("%s %s is not tried: %s", category, trial.version, error)
                stopped = trials.stop(store, category, by=BY_RULE, reason=f"it cannot be loaded: {error}")
                told[category] = stopped or trial
    stations = {c: t.version for c, t in told.items() if t.phase == "canary" and c in candidates}
    canary = None
    if len(stations) == 1:
        (category,) = stations
        canary = candidates[category]
    elif stations:
        canary = load(stations)
    return Trying(told, candidates, canary)


def _fitting(store: BundleStore, active: Judges, trial: Trial) -> Trial | None:
    """The trial as it goes on with what is active now: over where that is the candidate, begun anew where another
    version has become active."""
    version = active.grader.versions.get(trial.category)
    if version == trial.version:
        trials.end(store, trial.category)
        log.info("%s %s is active: its trial is over", trial.category, trial.version)
        return None
    if not trial.running or version == trial.active:
        return trial
    if version is None:
        return trials.stop(store, trial.category, by=BY_RULE, reason="no bundle of the category is active")

    def anew(before: Trial) -> Trial | None:
        reason = f"{version} became active in place of {before.active}"
        again = replace(before, active=version, phase="shadow", since=now_text(), by=BY_RULE, reason=reason)
        return replace(again, proposed=None)

    log.info("the trial of %s %s begins anew, against %s", trial.category, trial.version, version)
    return trials.change(store, trial.category, anew)


def station_in_canary(
    station: str | None, named: frozenset[str], share: float, lot: Callable[[str, float], bool]
) -> bool:
    """Whether items of `station` are graded by a canary: one that is `named`, or where none is, on which the `lot` of a
    `share` falls. Items without a station never are."""
    if station is None:
        return False
    return station in named if named else lot(hashlib.sha256(station.encode()).hexdigest(), share)
