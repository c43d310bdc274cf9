"""Scores that a sceptic accepts: each with a 95% interval from a bootstrap over groups, not over photos.

A `Score` works on weighted photos, so that all resamples of a bootstrap are scored at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Estimate, Resamples, quotient

__all__ = ["SCORERS", "Estimate", "Score", "damage_recall", "difference", "estimate", "risk_at"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_LEAST_POSITIVES = 2
"""With fewer photos of either side, a ranking has nothing to be judged by."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score of probabilities (n, k) against labels (n,), NaN where it is not defined.

    `weighted` maps probabilities, labels and weights (r, n) to (r,): the score of each of r samples in which every
    photo stands as often as its weight, a whole number, says.
    """

    weighted: Callable[[Floats, Ints, Floats], Floats]

    def __call__(self, probabilities: Floats, labels: Ints) -> float:
        """The score of the photos as they are."""
        return float(self.weighted(probabilities, labels, np.ones((1, len(labels))))[0])


def estimate(
    score: Score,
    probabilities: Floats,
    labels: Ints,
    groups: NDArray[np.str_],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """`score` with a percentile-bootstrap interval, resampling whole groups."""
    drawn = Resamples.of(groups, resamples=resamples, seed=seed)
    return drawn.estimate(score.weighted(probabilities, labels, drawn.weights))


def difference(score: Score, ours: Floats, theirs: Floats, labels: Ints, drawn: Resamples) -> Estimate:
    """`score` of `ours` less that of `theirs`, both (n, k) for the same photos, by a paired bootstrap."""
    return drawn.estimate(score.weighted(ours, labels, drawn.weights) - score.weighted(theirs, labels, drawn.weights))


def _accuracy(probabilities: Floats, labels: Ints, weights: Floats) -> Floats:
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return quotient(weights @ right, weights.sum(axis=1))


def _macro_f1(probabilities: Floats, labels: Ints, weights: Floats) -> Floats:
    classes = np.arange(probabilities.shape[1])
    is_label = labels[:, None] == classes
    is_predicted = probabilities.argmax(axis=1)[:, None] == classes
    hits = weights @ (is_label & is_predicted).astype(np.float64)
    seen = weights @ (is_label.astype(np.float64) + is_predicted)
    f1 = np.divide(2 * hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return quotient(f1.sum(axis=1), (seen > 0).sum(axis=1).astype(np.float64))


def _by_score(probabilities: Floats, labels: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Weights of the last class and of the rest, (r, t) each, summed by distinct score, highest score first."""
    scores = -probabilities[:, -1]
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    positive = (labels == probabilities.shape[1] - 1)[order]
    ordered = weights[:, order]
    return (
        np.add.reduceat(ordered * positive, starts, axis=1),
        np.add.reduceat(ordered * ~positive, starts, axis=1),
    )


def _undefined(values: Floats, positive: Floats, negative: Floats) -> Floats:
    few = np.minimum(positive.sum(axis=1), negative.sum(axis=1)) < _LEAST_POSITIVES
    return np.where(few, np.nan, values)


def _damage_auroc(probabilities: Floats, labels: Ints, weights: Floats) -> Floats:
    positive, negative = _by_score(probabilities, labels, weights)
    at_least = np.cumsum(negative, axis=1)
    beaten = negative.sum(axis=1, keepdims=True) - at_least + negative / 2
    area = quotient((positive * beaten).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))
    return _undefined(area, positive, negative)


def damage_recall(false_alarms: float) -> Score:
    """Share of damaged photos (last class) found at the laxest cut that at most `false_alarms` of the others reach.

    NaN with fewer than two of either.
    """

    def weighted(probabilities: Floats, labels: Ints, weights: Floats) -> Floats:
        positive, negative = _by_score(probabilities, labels, weights)
        allowed = false_alarms * negative.sum(axis=1, keepdims=True) + 1e-9
        found = np.where(np.cumsum(negative, axis=1) <= allowed, np.cumsum(positive, axis=1), 0.0).max(axis=1)
        return _undefined(quotient(found, positive.sum(axis=1)), positive, negative)

    return Score(weighted)


def _brier(probabilities: Floats, labels: Ints, weights: Floats) -> Floats:
    squares = ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1)
    return quotient(weights @ squares, weights.sum(axis=1))


def _calibration_error(probabilities: Floats, labels: Ints, weights: Floats, bins: int) -> Floats:
    confidence = probabilities.max(axis=1)
    order = np.argsort(confidence, kind="stable")
    over = (confidence - (probabilities.argmax(axis=1) == labels))[order]
    ordered = weights[:, order]
    position = np.pad(np.cumsum(ordered, axis=1), ((0, 0), (1, 0)))
    total = np.pad(np.cumsum(ordered * over, axis=1), ((0, 0), (1, 0)))
    out = np.empty(len(weights))
    for i, (places, sums) in enumerate(zip(position, total, strict=True)):
        # Bins hold equally many photos, the first ones one more where that does not come out even; a photo that
        # stands in the sample several times may lie in two bins.
        count = int(places[-1])
        used = min(bins, count)
        edges = np.arange(used + 1) * (count // used) + np.minimum(np.arange(used + 1), count % used)
        out[i] = np.abs(np.diff(np.interp(edges, places, sums))).sum() / count
    return out


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 10) -> float:
    """Expected calibration error of the top class over `bins` bins of equal count (Nguyen & O'Connor 2015)."""
    return float(_calibration_error(probabilities, labels, np.ones((1, len(labels))), bins)[0])


def calibration_noise(probabilities: Floats, draws: int = 200, seed: int = 0, bins: int = 10) -> float:
    """The calibration error that these confidences would show on average if they were exactly true.

    With few photos, bins differ from their confidence by luck alone; an error near this one proves nothing.
    """
    confidence = probabilities.max(axis=1)
    two = np.column_stack([confidence, np.zeros_like(confidence)])
    wrong = np.random.default_rng(seed).random((draws, len(confidence))) >= confidence
    return float(np.mean([calibration_error(two, w.astype(np.intp), bins) for w in wrong]))


def risk_at(coverages: Floats, probabilities: Floats, labels: Ints, weights: Floats) -> Floats:
    """Share wrong among the most confident part of the photos: `coverages` (c,) in (0, 1] → (r, c)."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = (probabilities.argmax(axis=1) != labels)[order]
    ordered = weights[:, order]
    position = np.pad(np.cumsum(ordered, axis=1), ((0, 0), (1, 0)))
    errors = np.pad(np.cumsum(ordered * wrong, axis=1), ((0, 0), (1, 0)))
    reached = coverages * position[:, -1:]
    found = [np.interp(at, places, sums) / at for at, places, sums in zip(reached, position, errors, strict=True)]
    return np.stack(found)


accuracy = Score(_accuracy)
"""Share of photos whose most probable class is the label."""
macro_f1 = Score(_macro_f1)
"""Mean F1 over the classes that occur among the labels or the predictions."""
damage_auroc = Score(_damage_auroc)
"""Area under the ROC curve of the last class against the rest; NaN with fewer than two of either."""
brier = Score(_brier)
"""Mean squared distance of the probabilities from the label, 0 to 2 (Brier 1950)."""

SCORERS: Mapping[str, Score] = {
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "damage_auroc": damage_auroc,
    "damage_recall_at_1": damage_recall(0.01),
    "damage_recall_at_5": damage_recall(0.05),
    "ece": Score(lambda p, labels, weights: _calibration_error(p, labels, weights, 10)),
    "brier": brier,
}
