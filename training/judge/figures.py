"""All figures of one set of graded photos: a category, or what one source gave of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Estimate, Resamples
from regrade.training.calibrate.calibration import upper_error
from regrade.training.judge.ceiling import LabelCeiling, ceiling
from regrade.training.judge.predictions import Predictions
from regrade.training.metrics.classification import SCORERS, calibration_noise, risk_at

COVERAGES = tuple(round(0.05 * i, 2) for i in range(2, 21))
"""Shares of the photos, most confident first, at which a risk–coverage curve is drawn."""


@dataclass(frozen=True, slots=True)
class Automatic:
    """What happens at the bundle's threshold: `graded` photos are sure enough to be graded alone, `wrong` of them
    wrongly. `error_bound` is the Clopper–Pearson upper bound of their error at the bundle's confidence 1 − `delta`.
    """

    threshold: float | None
    alpha: float
    delta: float
    graded: int
    wrong: int
    coverage: Estimate
    error: Estimate
    error_bound: float


@dataclass(frozen=True, slots=True)
class Sets:
    """Conformal prediction sets: how often they hold the label (promised: 1 − `alpha`), how many conditions they name
    on average, and on how many photos they name 1, 2, … conditions."""

    alpha: float
    coverage: Estimate
    size: Estimate
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class Bin:
    """Photos of about the same confidence: its mean, and the share that was graded right."""

    confidence: float
    right: Estimate


@dataclass(frozen=True, slots=True)
class SubsetFigures:
    """The figures of `n` labelled photos.

    `counts` has the photos of each condition, `groups` the independent groups that they are of; `estimates` has every
    score of `metrics.SCORERS`. `noise` is the calibration error that so few photos show even of a perfectly
    calibrated model. `confusion` counts true × graded. `risk` is the share wrong among the most confident share of
    photos, at each of `COVERAGES`. `unlabelled` photos were graded and left out; `retaken` ones serving would have
    asked to be taken again, counted by what is wrong.
    """

    n: int
    counts: dict[str, int]
    groups: dict[str, int]
    estimates: dict[str, Estimate]
    noise: float
    automatic: Automatic
    sets: Sets
    confusion: list[list[int]]
    reliability: list[Bin]
    risk: list[tuple[float, Estimate]]
    ceiling: LabelCeiling | None
    unlabelled: int
    retaken: dict[str, int]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a bundle promises: error at most `alpha` with confidence 1 − `delta`; sets that miss at most `set_alpha`."""

    alpha: float
    delta: float
    set_alpha: float


def figures(predictions: Predictions, promise: Promise, *, resamples: int, seed: int) -> SubsetFigures:
    """Score the photos of `predictions` that have a label. Raises ValueError where none has."""
    found = predictions.labelled
    if not len(found):
        raise ValueError(f"no labelled photo of {predictions.category} to score")
    drawn = Resamples.of(found.groups, resamples=resamples, seed=seed)
    p, truth = found.probabilities, found.truth
    risks = risk_at(np.array(COVERAGES), p, truth, drawn.weights)
    return SubsetFigures(
        n=len(found),
        counts={label: int((truth == i).sum()) for i, label in enumerate(found.labels)},
        groups={label: len(np.unique(found.groups[truth == i])) for i, label in enumerate(found.labels)},
        estimates={name: drawn.estimate(s.weighted(p, truth, drawn.weights)) for name, s in SCORERS.items()},
        noise=calibration_noise(p, seed=seed),
        automatic=_automatic(found, promise, drawn),
        sets=_sets(found, promise, drawn),
        confusion=confusion(p, truth),
        reliability=_reliability(p, truth, drawn),
        risk=[(c, drawn.estimate(risks[:, i])) for i, c in enumerate(COVERAGES)],
        ceiling=ceiling(predictions, resamples=resamples, seed=seed),
        unlabelled=len(predictions) - len(found),
        retaken=_retaken(found),
    )


def confusion(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> list[list[int]]:
    """Counts of photos, true × graded, (k, k)."""
    counts = np.zeros((probabilities.shape[1],) * 2, dtype=int)
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    out: list[list[int]] = counts.tolist()
    return out


def _automatic(found: Predictions, promise: Promise, drawn: Resamples) -> Automatic:
    threshold = found.auto_threshold
    alone = found.probabilities.max(axis=1) >= (np.inf if threshold is None else threshold)
    wrong = alone & (found.probabilities.argmax(axis=1) != found.truth)
    graded, errors = int(alone.sum()), int(wrong.sum())
    return Automatic(
        threshold=threshold,
        alpha=promise.alpha,
        delta=promise.delta,
        graded=graded,
        wrong=errors,
        coverage=drawn.ratio(alone),
        error=drawn.ratio(wrong, alone),
        error_bound=upper_error(errors, graded, promise.delta),
    )


def _sets(found: Predictions, promise: Promise, drawn: Resamples) -> Sets:
    named = found.sets.sum(axis=1)
    return Sets(
        alpha=promise.set_alpha,
        coverage=drawn.ratio(found.sets[np.arange(len(found)), found.truth]),
        size=drawn.ratio(named),
        sizes=np.bincount(named, minlength=len(found.labels) + 1)[1:].tolist(),
    )


def _reliability(
    probabilities: NDArray[np.float64], truth: NDArray[np.intp], drawn: Resamples, bins: int = 8
) -> list[Bin]:
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    out = []
    for part in np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(truth))):
        inside = np.isin(np.arange(len(truth)), part)
        out.append(Bin(float(confidence[part].mean()), drawn.ratio(right & inside, inside)))
    return out


def _retaken(found: Predictions) -> dict[str, int]:
    issues = [issue for of_photo in found.issues for issue in of_photo]
    return {issue: issues.count(issue) for issue in sorted(set(issues))}
