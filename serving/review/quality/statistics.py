"""Intervals and tests for counted things, pure. An installation has no SciPy: what they need of it is here."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import cohen_kappa, interval, resampled_tables
from regrade.models.types import CONDITIONS

Z95: Final = 1.959963984540054
"""The 97.5% quantile of the standard normal distribution."""
RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """The ends of a two-sided 95% interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AgreementInterval:
    """Of `items` pairs, `raw` is the share of equal conditions and `kappa` Cohen's; each with its interval.

    None is what is not defined: everything for no pairs; kappa where chance alone would make both always agree; its
    interval where the pairs do not vary in agreement, so that resampling them says nothing.
    """

    items: int
    raw: float | None
    raw_interval: Interval | None
    kappa: float | None
    kappa_interval: Interval | None


def confusion(pairs: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """How often each condition was given first (rows) and second (columns); int64 of shape (4, 4), by `CONDITIONS`."""
    place = {condition: index for index, condition in enumerate(CONDITIONS)}
    table = np.zeros((len(place), len(place)), dtype=np.int64)
    for first, second in pairs:
        table[place[first], place[second]] += 1
    return table


def agreement_interval(
    pairs: Sequence[tuple[str, str]], *, seed: int = 0, resamples: int = RESAMPLES
) -> AgreementInterval:
    """Raw agreement with Wilson's interval, and Cohen's kappa (Cohen 1960) with a bootstrap percentile interval.

    `pairs` holds one pair of conditions an inspection; inspections are what is resampled, `resamples` times. The same
    pairs and `seed` give the same interval.
    """
    table = confusion(pairs)
    total = int(table.sum())
    if total == 0:
        return AgreementInterval(0, None, None, None, None)
    equal = int(np.trace(table))
    kappa = float(cohen_kappa(table.astype(np.float64)))
    bounds = None
    if not math.isnan(kappa) and 0 < equal < total:
        drawn = cohen_kappa(resampled_tables(table, resamples=resamples, seed=seed))
        found = interval(kappa, drawn, total, total)
        bounds = None if math.isnan(found.low) else Interval(found.low, found.high)
    return AgreementInterval(total, equal / total, wilson(equal, total), None if math.isnan(kappa) else kappa, bounds)


def wilson(hits: int, total: int) -> Interval:
    """Wilson's score interval (Wilson 1927) for a share of `hits` in `total` > 0."""
    share, z2 = hits / total, Z95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return Interval(0.0 if hits == 0 else max(0.0, centre - half), 1.0 if hits == total else min(1.0, centre + half))


def clopper_pearson(hits: float, total: float) -> Interval:
    """The exact interval of Clopper and Pearson (1934) for a share of `hits` in `total` > 0.

    Neither need be whole: an effective sample size is not (Korn and Graubard 1998).
    """
    low = 0.0 if hits <= 0 else _beta_quantile(0.025, hits, total - hits + 1)
    high = 1.0 if hits >= total else _beta_quantile(0.975, hits + 1, total - hits)
    return Interval(low, high)


def effective_size(weights: Iterable[float]) -> float:
    """How many equally weighted looks would tell as much: (Σw)² / Σw² (Kish 1965). `weights` are positive."""
    each = list(weights)
    return float(sum(each) ** 2 / sum(weight**2 for weight in each))


def _beta_quantile(level: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < level else (low, middle)
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The distribution function of Beta(a, b) at `x`: the continued fraction of DLMF 8.17.22, by Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    tiny = 1e-300
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away(1 + step * d, tiny)
            c = _away(1 + step / c, tiny)
            fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * fraction


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The chance that a chi-square variable with `freedom` ≥ 1 degrees exceeds `statistic` ≥ 0.

    The finite sums of Abramowitz and Stegun 26.4.4 (odd) and 26.4.5 (even).
    """
    half = statistic / 2
    if freedom % 2 == 0:
        return math.exp(-half) * sum(half**i / math.factorial(i) for i in range(freedom // 2))
    term, total = math.sqrt(2 * statistic / math.pi), 0.0
    for i in range((freedom - 1) // 2):
        total += term
        term *= statistic / (2 * i + 3)
    return math.erfc(math.sqrt(half)) + math.exp(-half) * total


def homogeneity(first: Sequence[int], second: Sequence[int]) -> tuple[float, int, float]:
    """Pearson's chi-square test that two rows of counts come from one mix: the statistic, its degrees of freedom, p.

    Columns that are empty in both rows do not count; with fewer than two left, or an empty row, p is 1.
    """
    table = np.array([first, second], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    freedom = table.shape[1] - 1
    if freedom < 1 or (table.sum(axis=1) == 0).any():
        return 0.0, 0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, freedom, chi_square_tail(statistic, freedom)
