"""Figures with 95% intervals from a bootstrap over groups, not over photos.

Photos of one group (near-duplicates, one sender) are not independent; resampling them one by one would make every
interval too narrow. A resample is kept as a weight per photo, how often it is taken, so that a figure of all
resamples is one matrix operation: a figure is a function of weights (r, n) that returns (r,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% interval over `n` photos in `groups` groups; NaN where it is not defined."""

    value: float
    low: float
    high: float
    n: int
    groups: int

    def to_json(self) -> dict[str, float | int | None]:
        """JSON has no NaN; an undefined figure becomes null."""
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


def resampled_tables(table: NDArray[np.int64], *, resamples: int = 2000, seed: int = 0) -> Floats:
    """Confusion tables (resamples, k, k) of as many items as `table` (k, k) counts, each a group of its own.

    Items that are independent of each other are resampled by drawing how often each cell comes up, which is multinomial
    (Efron and Tibshirani 1993, ch. 13): however many there are, no weight an item is needed.
    """
    total = int(table.sum())
    drawn = np.random.default_rng(seed).multinomial(total, table.ravel() / total, size=resamples)
    return drawn.reshape(-1, *table.shape).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """The sample itself and resamples of its groups with replacement.

    `weights` is float64 (1 + resamples, n): row 0 holds ones, the others how often each photo is taken. `groups` is
    the number of groups. Two figures of the same `Resamples` are paired: their difference has an interval too.
    """

    weights: Floats
    groups: int

    @classmethod
    def of(cls, groups: Sequence[str] | NDArray[np.str_], *, resamples: int = 1000, seed: int = 0) -> "Resamples":
        """Resamples of photos whose groups are `groups`, one entry a photo. Raises ValueError for no photos."""
        if not len(groups):
            raise ValueError("no photos to resample")
        names, member = np.unique(np.asarray(groups), return_inverse=True)
        count = len(names)
        # Drawing as many groups as there are with replacement is drawing how often each is taken.
        taken = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
        counts = np.concatenate([np.ones((1, count)), taken.astype(np.float64)])
        return cls(counts[:, member], count)

    def estimate(self, values: Floats) -> Estimate:
        """The percentile interval of a figure, from its `values` (1 + resamples,) on the rows of `weights`.

        Resamples on which the figure is not defined (NaN) are left out.
        """
        return interval(values[0], values[1:], self.weights.shape[1], self.groups)

    def ratio(self, numerator: NDArray[np.generic], denominator: NDArray[np.generic] | None = None) -> Estimate:
        """Sum of `numerator` over sum of `denominator` (all ones when None), both (n,); NaN over an empty sum."""
        below = np.ones(len(numerator)) if denominator is None else denominator.astype(np.float64)
        estimated = self.estimate(quotient(self.weights @ numerator.astype(np.float64), self.weights @ below))
        counted = below > 0
        return Estimate(estimated.value, estimated.low, estimated.high, int(counted.sum()), self.groups)


def quotient(above: Floats, below: Floats) -> Floats:
    """`above` / `below`, NaN where `below` is 0."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def interval(value: float | Floats, resampled: Floats, n: int, groups: int) -> Estimate:
    """`value` with the 95% percentile interval of `resampled` (r,), of which undefined (NaN) ones are left out."""
    tail = (1 - CONFIDENCE) / 2
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not defined.size:
        return Estimate(float(value), float("nan"), float("nan"), n, groups)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high), n, groups)


def cohen_kappa(table: Floats) -> Floats:
    """Cohen's kappa of confusion tables of shape (..., k, k), first labeller by second; shape (...).

    NaN for an empty table and where chance alone gives full agreement (a single label in use). Source: J. Cohen, "A
    coefficient of agreement for nominal scales", Educational and Psychological Measurement 20(1), 1960, pp. 37-46.
    """
    total = table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(table, axis1=-2, axis2=-1) / total
        expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
        kappa: Floats = np.where(expected < 1 - 1e-12, (observed - expected) / (1 - expected), np.nan)
    return kappa


def observed_agreement(table: Floats) -> Floats:
    """Share on the diagonal of confusion tables of shape (..., k, k); shape (...), NaN for an empty table."""
    with np.errstate(invalid="ignore"):
        share: Floats = np.trace(table, axis1=-2, axis2=-1) / table.sum(axis=(-2, -1))
    return share


def tables(first: NDArray[np.intp], second: NDArray[np.intp], classes: int, weights: Floats) -> Floats:
    """Confusion tables (r, k, k), `first` by `second`, both (n,) in [0, classes), of photos `weights` (r, n)."""
    cells = np.zeros((len(first), classes * classes))
    cells[np.arange(len(first)), first * classes + second] = 1.0
    return (weights @ cells).reshape(-1, classes, classes)
