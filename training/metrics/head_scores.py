"""Scores of one head on one set of photos, with the confusion matrix and the reliability curve that pictures need."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.calibration import softmax
from regrade.training.metrics.classification import SCORERS, Estimate, estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Scored:
    """Estimates by name, the confusion matrix (true × predicted counts), and the reliability curve of the top class:
    mean confidence, share right and count in bins of equal count."""

    estimates: dict[str, Estimate]
    confusion: list[list[int]]
    reliability: list[tuple[float, float, int]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            **{name: value.to_json() for name, value in self.estimates.items()},
            "confusion": self.confusion,
            "reliability": [[round(c, 4), round(a, 4), n] for c, a, n in self.reliability],
        }


def softmax_at(logits: Floats, temperature: float) -> Floats:
    """softmax(logits / temperature), (n, k)."""
    return softmax(logits / temperature)


def score(probabilities: Floats, labels: Ints, groups: NDArray[np.str_], seed: int) -> Scored:
    """All scorers of `metrics.SCORERS` on calibrated probabilities (n, k)."""
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), dtype=int)
    np.add.at(confusion, (labels, predicted), 1)
    return Scored(
        {name: estimate(scorer, probabilities, labels, groups, seed=seed) for name, scorer in SCORERS.items()},
        confusion.tolist(),
        _reliability(probabilities, labels),
    )


def _reliability(probabilities: Floats, labels: Ints, bins: int = 8) -> list[tuple[float, float, int]]:
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    parts = np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(labels)))
    return [(float(confidence[p].mean()), float(right[p].mean()), len(p)) for p in parts]
