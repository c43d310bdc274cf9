"""Temperature, prediction sets and the automatic threshold of an adapted head, without the libraries of training.

A promise rests on blind votes alone: whoever saw the model's word agrees with it more often than they would have.
"""

from dataclasses import replace
from math import lgamma
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.calibration import Calibration, Selective, softmax

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
SHRINKAGE: Final = 30.0
"""Votes that a temperature of 1 counts for beside those that there are."""
LEAST: Final = 50
"""Photos below which nothing is promised."""


def temperature(logits: Floats, shares: Floats, weight: Floats) -> float:
    """By what calibrated `logits` (n, k) are to be divided further: the least cross-entropy with `shares` (n, k),
    photos weighed by `weight` (n,), drawn towards 1 where there are few (a normal prior on its logarithm)."""
    grid = np.exp(np.linspace(-1.5, 1.5, 121))
    voted = shares.sum(axis=1) > 0
    w = weight * voted

    def loss(t: float) -> float:
        p = np.clip(softmax(logits / t), 1e-9, 1.0)
        return float(-(w[:, None] * shares * np.log(p)).sum()) + 0.5 * SHRINKAGE * float(np.log(t)) ** 2

    return float(grid[int(np.argmin([loss(t) for t in grid]))])


def promised(calibration: Calibration, probabilities: Floats, photos: Photos, votes: Votes) -> Calibration:
    """`calibration` with prediction sets and threshold by `probabilities` (n, k) of heads that had not seen the
    photos, and the blind ones of `votes`. One photo a group counts: those of one item do not bear witness twice."""
    blind = votes.blind_alone.shares
    top = np.sort(blind, axis=1)
    rows = np.flatnonzero(top[:, -1] > top[:, -2]) if blind.shape[1] > 1 else np.zeros(0, dtype=np.intp)
    _, first = np.unique(photos.groups[rows], return_index=True)
    rows = rows[np.sort(first)]
    p, truth = probabilities[rows], blind[rows].argmax(axis=1)
    old = calibration.selective
    alpha = calibration.conformal_alpha
    quantile = calibration.conformal_quantile
    if len(rows) >= LEAST:
        quantile = _quantile(p, truth, alpha)
    return replace(
        calibration, conformal_quantile=quantile, selective=threshold(p, truth, alpha=old.alpha, delta=old.delta)
    )


def threshold(probabilities: Floats, labels: Ints, *, alpha: float, delta: float) -> Selective:
    """The lowest confidence whose error is proven to be at most `alpha` with confidence 1 − `delta`: learn-then-test
    (Angelopoulos et al. 2021) with fixed-sequence testing from the strictest on, exact binomial bounds."""
    n = len(labels)
    if n < LEAST:
        note = f"only {n} blind looks at items; at least {LEAST} are needed. Everything goes to review."
        return Selective(alpha, delta, None, n, 0.0, note)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    errors = np.cumsum((probabilities.argmax(axis=1) != labels)[order])
    least = int(np.ceil(np.log(delta) / np.log(1.0 - alpha)))
    best = None
    for count in range(least, n + 1, max(1, n // 100)):
        if _at_most(int(errors[count - 1]), count, alpha) > delta:
            break
        best = count
    if best is None:
        note = (
            f"no confidence threshold keeps the error at {alpha:.0%} with {1 - delta:.0%} confidence on {n} blind "
            "looks. Everything goes to review."
        )
        return Selective(alpha, delta, None, n, 0.0, note)
    lowest = float(confidence[order[best - 1]])
    note = f"{int(errors[best - 1])} wrong of {best} blind looks at or above the threshold"
    return Selective(alpha, delta, lowest, n, float((confidence >= lowest).mean()), note)


def _quantile(probabilities: Floats, labels: Ints, alpha: float) -> float:
    """The split-conformal quantile of 1 − p(label), with the finite-sample correction ⌈(n+1)(1−α)⌉/n."""
    scores = np.sort(1.0 - probabilities[np.arange(len(labels)), labels])
    rank = int(np.ceil((len(scores) + 1) * (1.0 - alpha)))
    return 1.0 if rank > len(scores) else float(scores[rank - 1])


def _at_most(errors: int, n: int, rate: float) -> float:
    """P(Binomial(n, rate) ≤ errors): the exact p-value that the rate of errors is above `rate`."""
    k = np.arange(errors + 1)
    ways = np.array([lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) for i in k])
    return float(np.exp(ways + k * np.log(rate) + (n - k) * np.log1p(-rate)).sum())
