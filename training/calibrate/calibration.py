"""Fitting of what `regrade.models.calibration` applies, always on predictions for photos the head did not see."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import beta

from regrade.models.calibration import Selective, softmax
from regrade.models.fusion import fuse
from regrade.training.data.targets import MIN_PHOTOS

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
SHARPNESSES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)


def temperature(logits: Floats, targets: Floats) -> float:
    """The temperature T that minimises the cross-entropy of softmax(logits / T) with `targets`, (n, k) (Guo et al.
    2017)."""

    def loss(log_t: float) -> float:
        p = np.clip(softmax(logits / np.exp(log_t)), 1e-12, 1.0)
        return float(-(targets * np.log(p)).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def conformal_quantile(probabilities: Floats, labels: Ints, alpha: float) -> float:
    """The split-conformal quantile of 1 − p(label), with the finite-sample correction ⌈(n+1)(1−α)⌉/n."""
    scores = np.sort(1.0 - probabilities[np.arange(len(labels)), labels])
    rank = int(np.ceil((len(scores) + 1) * (1.0 - alpha)))
    return 1.0 if rank > len(scores) else float(scores[rank - 1])


def upper_error(errors: int, n: int, delta: float) -> float:
    """Clopper–Pearson upper bound at level 1 − `delta` on an error rate, from `errors` in `n`."""
    return 1.0 if errors >= n else float(beta.ppf(1.0 - delta, errors + 1, n - errors))


def selective_threshold(probabilities: Floats, labels: Ints, *, alpha: float, delta: float) -> Selective:
    """The lowest confidence threshold whose error is proven to be at most `alpha` with confidence 1 − `delta`.

    Learn-then-test (Angelopoulos et al. 2021) with fixed-sequence testing: thresholds are tried from the strictest
    to the laxest and the first that cannot be proven ends the search, so that looking at many costs no level.
    """
    n = len(labels)
    if n < MIN_PHOTOS:
        note = f"only {n} held-out photos; at least {MIN_PHOTOS} are needed. Everything goes to review."
        return Selective(alpha, delta, None, n, 0.0, note)
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    order = np.argsort(-confidence, kind="stable")
    errors = np.cumsum(wrong[order])
    # Even without an error the bound needs this many photos to get below alpha; the sequence starts there.
    first = int(np.ceil(np.log(delta) / np.log(1.0 - alpha)))
    best: int | None = None
    step = max(1, n // 100)
    for count in range(first, n + 1, step):
        if upper_error(int(errors[count - 1]), count, delta) > alpha:
            break
        best = count
    if best is None:
        note = (
            f"no confidence threshold keeps the error at {alpha:.0%} with {1 - delta:.0%} confidence on {n} "
            "held-out photos. Everything goes to review."
        )
        return Selective(alpha, delta, None, n, 0.0, note)
    threshold = float(confidence[order[best - 1]])
    covered = float((confidence >= threshold).mean())
    note = f"{int(errors[best - 1])} wrong of {best} held-out photos at or above the threshold"
    return Selective(alpha, delta, threshold, n, covered, note)


def detector_weight(logits: Floats, scores: Floats, damaged: NDArray[np.bool_], ridge: float = 1.0) -> float:
    """How much a detector's word adds to a classifier's: the weight of `DetectorEvidence`, 0 or more.

    By logistic regression: `logits` (n,) are the classifier's log-odds of damage, which keep weight 1; `scores` (n,)
    those of the detector's best score; `damaged` (n,) the truth. `ridge` pulls the weight to 0 where there are few
    photos to learn it from. A weight of 0 says that the detector adds nothing.
    """

    def loss(values: Floats) -> float:
        z = logits + values[0] * scores - values[1]
        return float(np.logaddexp(0.0, np.where(damaged, -z, z)).sum() + 0.5 * ridge * values[0] ** 2)

    found = minimize(loss, np.array([0.1, 0.0]), bounds=[(0.0, 3.0), (-10.0, 10.0)], method="L-BFGS-B")
    weight = float(found.x[0])
    return weight if weight > 0.02 else 0.0


def simulate_items(
    probabilities: Floats, labels: Ints, rng: np.random.Generator, items: int = 2000, photos: tuple[int, int] = (2, 6)
) -> tuple[list[Ints], Ints]:
    """Make items of several photos, since the data has none: rows of `probabilities` for each, and their conditions.

    An item's condition is drawn from the photos' own frequencies; one photo shows it, each other shows with equal
    chance the same or any better state, as the views of a real item with one bad spot would.
    """
    by_label = [np.flatnonzero(labels == k) for k in range(probabilities.shape[1])]
    conditions = labels[rng.integers(0, len(labels), items)]
    rows: list[Ints] = []
    for condition in conditions:
        shown = [int(condition)]
        better = [k for k in range(condition + 1) if len(by_label[k])]
        for _ in range(int(rng.integers(photos[0], photos[1] + 1)) - 1):
            same = rng.random() < 0.5
            shown.append(int(condition) if same else int(rng.choice(better)))
        rows.append(np.array([rng.choice(by_label[k]) for k in shown]))
    return rows, conditions


def item_loss(probabilities: Floats, rows: list[Ints], conditions: Ints, sharpness: float) -> float:
    """Mean negative log-likelihood of the items' conditions under fusion at this sharpness."""
    p = [fuse(probabilities[r], sharpness)[c] for r, c in zip(rows, conditions, strict=True)]
    return float(-np.log(np.clip(p, 1e-6, 1.0)).mean())


def fusion_sharpness(probabilities: Floats, labels: Ints, seed: int = 0) -> tuple[float, dict[float, float]]:
    """The r of `SHARPNESSES` with the least loss on simulated items, and the loss at each."""
    rows, conditions = simulate_items(probabilities, labels, np.random.default_rng(seed))
    losses = {r: item_loss(probabilities, rows, conditions, r) for r in SHARPNESSES}
    return min(losses, key=lambda r: losses[r]), losses
