"""The gate: a candidate that is worse than the active bundle is refused, with the numbers.

Both are asked about the same photos of the frozen test split, and what is judged is the difference, with one-sided 95%
bounds from a paired bootstrap over groups (non-inferiority: Blackwelder, "Proving the null hypothesis in clinical
trials", Controlled Clinical Trials 3, 1982; bootstrap: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993).

- Scores of the whole (macro-F1; damage AUROC with 10 damaged photos or more) must be shown to be lower by no more than
  the margin: the lower bound of the difference is at least −margin. A split can be too small to show that of any two
  bundles that differ; it is then enough not to score lower at all.
- The recall of a condition, judged by few photos, refuses a candidate only if it has really dropped: by more than the
  margin, with the upper bound below 0, and in three groups of photos more than it has risen. Under 10 photos, that it
  has not is no proof, and is said.
- INT8 must be what FP32 is, photo by photo: here there is nothing random to allow for but the weight of one photo.

In a simulation with 79 photos, half of what makes a photo hard shared by the two bundles, this refuses 97% of the
candidates that are right 10 points less often than the active one, 75% of the equally good and 10% of those right 10
points more often. It holds on to what is proven; a larger test split makes it fairer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import GateRefusedError
from regrade.models.estimates import Resamples, quotient
from regrade.models.types import CONDITIONS
from regrade.training.judge.checks import DEFAULT_MARGINS, EPSILON, NAN, REFUSED, Check, Margins, Verdict
from regrade.training.judge.comparison import PairedPredictions
from regrade.training.judge.predictions import Predictions
from regrade.training.metrics.classification import Score, damage_auroc, macro_f1
from regrade.training.run.run import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PRECISIONS_COMPARED: Final = ("the candidate in INT8", "itself in FP32")
FEW: Final = 10
"""Photos of a condition below which its recall cannot be judged."""
LOST: Final = 3
"""Groups of photos, net, that a condition must have lost: one or two are luck, whatever a bootstrap of them says."""
TAIL: Final = 0.05
"""Chance on either side of the bounds."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate found for one category. `active` is None where no bundle was active."""

    category: str
    candidate: str
    active: str | None
    checks: tuple[Check, ...]

    @property
    def refused(self) -> tuple[Check, ...]:
        """The checks for which the candidate is refused; none: it passes."""
        return tuple(c for c in self.checks if c.verdict in REFUSED)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Names of what too few photos could judge."""
        return tuple(c.name for c in self.checks if c.verdict == "too few to judge")

    def also(self, *checks: Check) -> "GateResult":
        """The same with more checks."""
        return replace(self, checks=(*self.checks, *checks))

    def to_json(self) -> dict[str, Any]:
        """What gate.json holds of a category."""
        return {
            "category": self.category,
            "candidate": self.candidate,
            "active": self.active,
            "passed": not self.refused,
            "too_few_to_judge": list(self.unjudged),
            "checks": [c.to_json() for c in self.checks],
        }


def non_inferior(
    candidate: Predictions,
    active: Predictions | None,
    *,
    versions: tuple[str, str | None] = ("candidate", "active"),
    margins: Margins = DEFAULT_MARGINS,
    resamples: int = 4000,
    seed: int = 0,
) -> GateResult:
    """Judge `candidate` against `active` (None: nothing is active, and everything passes), on the same photos.

    Photos without a majority label are left out; conditions are matched by name. Raises `RunError` where the
    photos are not the same or none is labelled.
    """
    pair = PairedPredictions.of(candidate, candidate if active is None else active)
    drawn = Resamples.of(pair.groups, resamples=resamples, seed=seed)
    checks = [_whole("macro-F1", macro_f1, pair, drawn, margins.macro_f1, np.ones(len(pair.truth), dtype=np.bool_))]
    if pair.labels[-1] == CONDITIONS[-1]:
        damaged = pair.truth == len(pair.labels) - 1
        checks.append(_whole("damage AUROC", damage_auroc, pair, drawn, margins.damage_auroc, damaged))
    checks += [_recall(k, pair, drawn, margins.recall) for k in range(len(pair.labels))]
    if active is None:
        checks = [replace(c, theirs=NAN, low=NAN, high=NAN, verdict="nothing to compare") for c in checks]
    return GateResult(candidate.category, versions[0], None if active is None else versions[1], tuple(checks))


def parity(pairs: Sequence[tuple[Predictions, Predictions]], margin: float = DEFAULT_MARGINS.int8_macro_f1) -> Check:
    """INT8 against FP32, one pair of predictions a category: macro-F1 over all labelled photos together.

    Lower by more than the margin is refused. Higher by more is no loss, but says that INT8 grades otherwise than FP32.

    The margin is widened to what the weightiest photo that changed its grade moves, since no other test is possible
    where one photo weighs more. Raises `RunError` where the photos are not the same or none is labelled.
    """
    both = PairedPredictions.joined([PairedPredictions.of(int8, fp32) for int8, fp32 in pairs])
    ours, theirs = macro_f1(both.ours, both.truth), macro_f1(both.theirs, both.truth)
    moved = [abs(macro_f1(p, both.truth) - theirs) for p in _one_changed(both)]
    allowed = max([margin, *moved])
    figures = (ours, theirs, NAN, NAN, allowed, len(both.truth))
    return Check("macro-F1, INT8 against FP32", *figures, _apart(ours - theirs, allowed), PRECISIONS_COMPARED)


def _apart(difference: float, margin: float) -> Verdict:
    if abs(difference) <= margin + EPSILON:
        return "non-inferior"
    return "higher" if difference > 0 else "worse"


def conclude(run: Run, results: Sequence[GateResult]) -> None:
    """Write gate.json, log every check, and raise `GateRefusedError` with the numbers if any category is refused.

    Each category is judged by itself: those that pass are registered, and the run fails only if none does.
    """
    run.write_json("gate.json", [r.to_json() for r in results])
    for result in results:
        against = "no active bundle to compare with" if result.active is None else f"against {result.active}"
        run.log.info("gate of %s %s, %s", result.category, result.candidate, against)
        for check in result.checks:
            run.log.info("  %s", check)
        if result.unjudged:
            run.log.warning("  too few photos to judge: %s", ", ".join(result.unjudged))
    refused = [r for r in results if r.refused]
    if not refused:
        return
    reasons = "; ".join(f"{r.category}: {', '.join(map(str, r.refused))}" for r in refused)
    message = (
        f"refused, and not registered: {reasons}. All figures are in {run.folder / 'gate.json'}. What was active stays "
        "active."
    )
    if len(refused) == len(results):
        raise GateRefusedError(message)
    run.log.error(message)


def _whole(
    name: str, score: Score, pair: PairedPredictions, drawn: Resamples, margin: float, judged_by: NDArray[np.bool_]
) -> Check:
    ours = score.weighted(pair.ours, pair.truth, drawn.weights)
    theirs = score.weighted(pair.theirs, pair.truth, drawn.weights)
    check = _compared(name, ours, theirs, margin, int(judged_by.sum()))
    if np.isnan(check.low):
        return replace(check, verdict="too few to judge")
    if check.low >= -margin - EPSILON:
        return check
    dropped = check.high < 0 and check.difference < -margin
    if check.photos < FEW:
        enough = len(np.unique(pair.groups[judged_by])) >= LOST
        return replace(check, verdict="worse" if dropped and enough else "too few to judge")
    if check.difference >= 0:
        return replace(check, verdict="not lower")
    return replace(check, verdict="worse" if dropped else "not shown")


def _recall(k: int, pair: PairedPredictions, drawn: Resamples, margin: float) -> Check:
    of_class = pair.truth == k
    found = [(p.argmax(axis=1) == k) & of_class for p in (pair.ours, pair.theirs)]
    below = drawn.weights @ of_class.astype(np.float64)
    ours, theirs = (quotient(drawn.weights @ f.astype(np.float64), below) for f in found)
    check = _compared(f"recall of {pair.labels[k]}", ours, theirs, margin, int(of_class.sum()))
    if check.high < 0 and check.difference < -margin and _net_lost(found[0], found[1], pair.groups) >= LOST:
        return replace(check, verdict="worse")
    if check.photos < FEW:
        return replace(check, verdict="too few to judge")
    return check if check.low >= -margin - EPSILON else replace(check, verdict="within chance")


def _compared(name: str, ours: Floats, theirs: Floats, margin: float, photos: int) -> Check:
    differences = (ours - theirs)[1:]
    defined = differences[~np.isnan(differences)]
    low, high = np.quantile(defined, [TAIL, 1 - TAIL]) if defined.size else (NAN, NAN)
    figures = (float(ours[0]), float(theirs[0]), float(low), float(high))
    return Check(name, *figures, margin, photos, "non-inferior")


def _net_lost(ours: NDArray[np.bool_], theirs: NDArray[np.bool_], groups: NDArray[np.str_]) -> int:
    """Groups in which fewer photos are found than before, less those in which more are."""
    _, member = np.unique(groups, return_inverse=True)
    change = np.bincount(member, weights=ours.astype(np.float64) - theirs)
    return int((change < 0).sum() - (change > 0).sum())


def _one_changed(pair: PairedPredictions) -> Iterator[Floats]:
    """`theirs` with one photo as in `ours`, for each photo whose grade differs."""
    for row in np.flatnonzero(pair.ours.argmax(axis=1) != pair.theirs.argmax(axis=1)):
        changed = pair.theirs.copy()
        changed[row] = pair.ours[row]
        yield changed
