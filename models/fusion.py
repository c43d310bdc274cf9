"""Fusion: what several photos of one item say, together.

The rubric's rule is that the worst visible state wins; but one noisy photo must not condemn an item. Per photo
and per step k of the ordering (unopened < opened < used < damaged), the odds that the item is *worse than k* are
read off the photo's calibrated probabilities. The item's log-odds are a generalised mean of the photos':

    L_k = (1/r) · log( mean_i exp(r · l_ik) )

(log-sum-exp pooling, Pinheiro & Collobert 2015, on cumulative logits, McCullagh 1980). r → ∞ is the maximum, r → 0
the mean of log-odds; at r = 1 it is the mean of the odds, so that one photo in four at 98% leaves 93%, and one in
four at 60% leaves 27%. A single photo passes through unchanged, so its calibration holds. r is fitted per category.
"""

import numpy as np
from numpy.typing import NDArray

from regrade.models.calibration import DetectorEvidence

Floats = NDArray[np.float64]

SCORE_FLOOR = 0.01
"""A detector that has found nothing has a score of this, not of nothing."""
MAX_LOGIT = 6.0
"""No photo is allowed to be surer than 99.75% of a step: heads are overconfident far from their data."""


def fuse(probabilities: Floats, sharpness: float) -> Floats:
    """Item posterior (k,) from photos' calibrated probabilities (n, k), columns from best to worst.

    `sharpness` is r > 0. Raises ValueError for no photos.
    """
    if probabilities.ndim != 2 or not len(probabilities):
        raise ValueError("fuse needs the probabilities of at least one photo, as (n, k)")
    if len(probabilities) == 1:
        single: Floats = probabilities[0] / probabilities[0].sum()
        return single
    # worse[i, k] = P(photo i shows something worse than class k), for all k but the worst class.
    worse = np.cumsum(probabilities[:, ::-1], axis=1)[:, ::-1][:, 1:]
    item = _sigmoid(_pool(_logit(worse), sharpness))
    # Pooling steps one by one keeps their order, since the pooled mean is monotone in every photo.
    at_least = np.concatenate(([1.0], item, [0.0]))
    posterior: Floats = np.maximum(at_least[:-1] - at_least[1:], 0.0)
    posterior /= posterior.sum()
    return posterior


def add_detector(probabilities: Floats, scores: Floats, evidence: DetectorEvidence) -> Floats:
    """Photos' distributions (n, k) with the detector heard: `scores` (n,) in [0, 1] is its best score for damage on
    each photo. Only the odds of the last class, `damaged`, against the others move; these keep their proportions."""
    shift = evidence.weight * (_logit(np.clip(scores, SCORE_FLOOR, 1.0 - SCORE_FLOOR)) - evidence.offset)
    damaged = _sigmoid(_logit(probabilities[:, -1]) + shift)
    rest = probabilities[:, :-1]
    scale = (1.0 - damaged) / np.clip(rest.sum(axis=1), 1e-12, None)
    out: Floats = np.concatenate([rest * scale[:, None], damaged[:, None]], axis=1)
    return out


def fuse_parts(whole: Floats, parts: Floats, sharpness: float, offset: float = 0.0) -> Floats:
    """A photo's distribution (k,) with its parts heard: `whole` (k,), `parts` (m, k), all calibrated.

    The odds of the last class, `damaged`, are pooled over whole and parts, whose log-odds are first lessened by
    `offset`, like those of an item's photos: damage lies in one place, and one noisy part must not condemn a photo. The
    others keep their proportions of the whole, since a
    part does not show whether a box is open or a tag is on.
    """
    views = np.append(_logit(whole[-1:]), _logit(parts[:, -1]) - offset)
    damaged = float(_sigmoid(_pool(views, sharpness)))
    rest = whole[:-1]
    out: Floats = np.append(rest * ((1.0 - damaged) / max(float(rest.sum()), 1e-12)), damaged)
    return out


def mean_probabilities(probabilities: Floats) -> Floats:
    """Geometric mean of the photos' distributions, normalised; for questions where no photo outranks another,
    such as which category the item belongs to. (n, k) → (k,)."""
    log_mean = np.log(np.clip(probabilities, 1e-9, 1.0)).mean(axis=0)
    weights = np.exp(log_mean - log_mean.max())
    out: Floats = weights / weights.sum()
    return out


def _pool(logits: Floats, sharpness: float) -> Floats:
    scaled = sharpness * logits
    top = scaled.max(axis=0)
    pooled: Floats = (top + np.log(np.exp(scaled - top).mean(axis=0))) / sharpness
    return pooled


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, 1e-9, 1.0 - 1e-9)
    out: Floats = np.clip(np.log(clipped / (1.0 - clipped)), -MAX_LOGIT, MAX_LOGIT)
    return out


def _sigmoid(x: Floats) -> Floats:
    out: Floats = 1.0 / (1.0 + np.exp(-x))
    return out
