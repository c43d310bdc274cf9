"""Scores that a sceptic accepts: each with a 95% interval from a bootstrap over groups, not over photos.

Photos of one group (near-duplicates, one sender) are not independent; resampling them one by one would make every
interval too narrow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Scorer = Callable[[Floats, Ints], float]
"""(probabilities (n, k), labels (n,)) → a score, NaN where it is not defined."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95% interval over `n` photos in `groups` groups; NaN where it is not defined."""

    value: float
    low: float
    high: float
    n: int
    groups: int

    def to_json(self) -> dict[str, float | int | None]:
        """JSON has no NaN; an undefined score becomes null."""
        return {
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "n": self.n,
            "groups": self.groups,
        }

    def __str__(self) -> str:
        return "–" if np.isnan(self.value) else f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def accuracy(probabilities: Floats, labels: Ints) -> float:
    """Share of photos whose most probable class is the label."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def macro_f1(probabilities: Floats, labels: Ints) -> float:
    """Mean F1 over the classes that occur among the labels or the predictions."""
    # scikit-learn's f1_score takes a millisecond, mostly checking its input; a bootstrap asks some ten thousand times.
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    hits = np.bincount(labels[labels == predicted], minlength=classes)
    seen = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float((2 * hits[seen > 0] / seen[seen > 0]).mean())


def damage_auroc(probabilities: Floats, labels: Ints) -> float:
    """Area under the ROC curve of the last class against the rest; NaN with fewer than two of either."""
    positive = labels == probabilities.shape[1] - 1
    if positive.sum() < 2 or (~positive).sum() < 2:
        return float("nan")
    ranks = rankdata(probabilities[:, -1])[positive]
    count = int(positive.sum())
    return float((ranks.sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 10) -> float:
    """Expected calibration error of the top class over `bins` bins of equal count (Nguyen & O'Connor 2015)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    parts = np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(labels)))
    return float(sum(len(p) / len(labels) * abs(confidence[p].mean() - right[p].mean()) for p in parts if len(p)))


SCORERS: Mapping[str, Scorer] = {
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "damage_auroc": damage_auroc,
    "ece": calibration_error,
}


def estimate(
    scorer: Scorer,
    probabilities: Floats,
    labels: Ints,
    groups: NDArray[np.str_],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """`scorer` with a percentile-bootstrap interval, resampling whole groups."""
    ids, member = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(member == i) for i in range(len(ids))]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        take = np.concatenate([rows[i] for i in rng.integers(0, len(ids), len(ids))])
        values.append(scorer(probabilities[take], labels[take]))
    defined = np.array([v for v in values if not np.isnan(v)])
    low, high = np.percentile(defined, (2.5, 97.5)) if len(defined) else (float("nan"), float("nan"))
    return Estimate(scorer(probabilities, labels), float(low), float(high), len(labels), len(ids))
