"""How a site's items are shared out over the conditions, where it gets other goods than those that a bundle was judged
on, and what a look counts for then."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS: Final = 500
HEAVIEST: Final = 5.0
"""What one look may count for at most. Beyond, too few of a condition were looked at to speak of a site full of it."""


def estimated_shares(probabilities: Floats, prior: Floats, pseudo: float = 20.0) -> Floats:
    """The shares (k,) of the conditions among items whose posteriors are `probabilities` (n, k), given by a model that
    was calibrated on items shared out as `prior` (k,).

    By expectation and maximisation (Saerens, Latinne and Decaestecker 2002), which assumes that items of one condition
    look as they did before. `pseudo` items shared out as `prior` are added, so that a few say little.
    """
    shares = prior.astype(np.float64)
    if not len(probabilities):
        return shares
    ratio_of = np.divide(1.0, prior, out=np.zeros_like(shares), where=prior > 0)
    for _ in range(ROUNDS):
        weighed = probabilities * (shares * ratio_of)
        total = weighed.sum(axis=1, keepdims=True)
        told = np.divide(weighed, total, out=np.tile(shares, (len(weighed), 1)), where=total > 0)
        new: Floats = (told.sum(axis=0) + pseudo * prior) / (len(told) + pseudo)
        if np.abs(new - shares).max() < 1e-7:
            return new
        shares = new
    return shares


def interval_of_shares(
    probabilities: Floats, prior: Floats, *, confidence: float = 0.9, resamples: int = 100, seed: int = 0
) -> tuple[Floats, Floats]:
    """The interval (k,), (k,) of `estimated_shares`, by resampling items."""
    random = np.random.default_rng(seed)
    n = len(probabilities)
    if not n:
        return np.zeros(len(prior)), np.ones(len(prior))
    drawn = [estimated_shares(probabilities[random.integers(0, n, n)], prior) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def weights_of(votes: Floats, prior: Floats, shares: Floats) -> Floats:
    """What each look counts for (n,), so that looks shared out as `prior` speak for items shared out as `shares`: the
    ratio of the two, averaged over the `votes` (n, k) on it; at most 5."""
    ratio = np.divide(shares, prior, out=np.zeros_like(shares), where=prior > 0)
    weights: Floats = np.minimum(votes @ ratio, HEAVIEST)
    return weights


def unseen(prior: Floats, shares: Floats, looks: int, least: int = 10) -> list[int]:
    """The conditions that a site has at least 2% of, and that a table of `looks` looks has fewer than `least` of."""
    return [int(i) for i in np.flatnonzero((shares >= 0.02) & (prior * looks < least))]
