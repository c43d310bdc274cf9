"""Whether a mean is proven to stay below a limit, and how far a threshold may be opened while it is.

The test is by betting (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B
86(1), 2024): who bets a share of a capital on every look that the mean is below the limit, keeps on average no more
than what was put in where it is not. So 1 / capital is a p-value for "the mean is not below the limit", exact for any
distribution within the bounds, and small for losses that are mostly zero, where Hoeffding's is useless. Instead of one
stake that adapts, the capital is spread over fixed stakes: the order of looks then makes no difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STAKES: Final = np.array([0.97, 0.85, 0.7, 0.5, 0.35, 0.25, 0.17, 0.12, 0.08, 0.05, 0.03, 0.02, 0.01])
"""Shares of the capital that are staked, of the most that can be lost on one look."""
SPREAD: Final = np.array([0.40, 0.06, 0.07, 0.07, 0.07, 0.06, 0.06, 0.05, 0.05, 0.04, 0.03, 0.02, 0.02])
"""How the capital is spread over them. The highest stake is what proves a share of next to none with few looks."""
TO_SPARE: Final = 0.25
"""The share of δ that the first step would come to without a loss. At all of it, the least loss would end it."""


def p_value(excess: Floats, most: float, times: float = 1.0) -> float:
    """A p-value for "the mean of `excess` is 0 or more", from independent draws (n,), each at most `most` (> 0).

    In excess of a limit, so that whoever tests a conditional mean, E[loss | automatic] ≤ limit, passes
    (loss − limit) × automatic. Without a look that is below 0 it is 1. `times` imagines as many more draws, all alike.
    """
    if not most > 0:
        return 0.0 if len(excess) else 1.0
    if not len(excess):
        return 1.0
    steps = times * np.log1p(-np.outer(STAKES, np.minimum(excess, most) / most)).sum(axis=1)
    top = float(steps.max())
    capital = np.log(float((SPREAD * np.exp(steps - top)).sum())) + top
    return float(min(1.0, np.exp(-capital)))


def upper_bound(values: Floats, weights: Floats, most: float, delta: float) -> float:
    """The least limit that the weighted mean of `values` (n,), in [0, `most`], is proven to stay below with confidence
    1 − `delta`; `most` where nothing is. `weights` (n,) are 0 for looks that do not count."""
    if not (weights > 0).any() or most <= 0:
        return most
    low, high = float(weights @ values / weights.sum()), most
    heaviest = float(weights.max())
    for _ in range(40):
        middle = (low + high) / 2
        if p_value(weights * (values - middle), heaviest * (most - middle)) <= delta:
            high = middle
        else:
            low = middle
    return high


@dataclass(frozen=True, slots=True)
class Risk:
    """A loss of every look, float64 (n,) in [0, `most`], whose mean over what is let through is to be below `limit`."""

    loss: Floats
    most: float
    limit: float
    expected: Floats | None = None
    """What the model expected each to lose (n,), from what it saw alone; None where it expects nothing."""

    def p_value(self, through: Bools, weights: Floats, groups: NDArray[np.intp], times: float = 1.0) -> float:
        """That of "the limit is not kept by what goes `through`" (n,); looks of one group bear witness together."""
        if not self.loss[through].any() and self.most == 0.0:
            return 0.0
        if self.most <= self.limit:
            return 0.0
        excess = weights * np.where(through, self.loss - self.limit, 0.0)
        heaviest = float(weights.max()) if len(weights) else 1.0
        return p_value(by_group(excess, groups), heaviest * (self.most - self.limit), times)


def by_group(values: Floats, groups: NDArray[np.intp]) -> Floats:
    """The mean of `values` (n,) within each group, in the order of their numbers."""
    if not len(values):
        return values
    count = np.bincount(groups)
    means: Floats = np.bincount(groups, weights=values)[count > 0] / count[count > 0]
    return means


def opened(
    score: Floats,
    candidates: Bools,
    risks: Sequence[Risk],
    weights: Floats,
    groups: NDArray[np.intp],
    delta: float,
    steps: int = 60,
    times: float = 1.0,
) -> float | None:
    """How far a threshold may be opened: the highest t for which, of the looks among `candidates` whose `score` is at
    most t, every one of `risks` is proven to keep its limit, all together with confidence 1 − `delta`. None where not
    even the strictest is.

    Learn-then-test (Angelopoulos et al. 2021) with fixed-sequence testing from the strictest threshold on: looking at
    many costs no level. Of several risks the largest p-value counts (Berger 1982, intersection-union), so that neither
    do several limits. It starts where the looks would do for proof with some to spare, if each lost what the model
    expected of it or, where they never would, if none lost anything: that depends on which looks there are, and not on
    how they came out. `times` imagines as many more looks, all like these.
    """
    inside = np.sort(score[candidates])
    if not len(inside):
        return None
    steps_at = np.unique(inside[np.unique(np.linspace(1, len(inside), min(2 * steps, len(inside))).astype(int)) - 1])
    found = None
    for t in steps_at[_start(steps_at, score, candidates, risks, weights, groups, TO_SPARE * delta, times) :].tolist():
        if _p(risks, candidates & (score <= t), weights, groups, times) > delta:
            break
        found = t
    return found


def _start(
    steps_at: Floats,
    score: Floats,
    candidates: Bools,
    risks: Sequence[Risk],
    weights: Floats,
    groups: NDArray[np.intp],
    level: float,
    times: float,
) -> int:
    """The first of `steps_at` at which the looks would do for proof; their number where none is."""
    nothing = np.zeros(len(score))
    expected = [replace(r, loss=nothing if r.expected is None else np.minimum(r.expected, r.most)) for r in risks]
    for imagined in (expected, [replace(r, loss=nothing) for r in risks]):
        for step, t in enumerate(steps_at.tolist()):
            if _p(imagined, candidates & (score <= t), weights, groups, times) <= level:
                return step
    return len(steps_at)


def _p(risks: Sequence[Risk], through: Bools, weights: Floats, groups: NDArray[np.intp], times: float) -> float:
    return max((risk.p_value(through, weights, groups, times) for risk in risks), default=0.0)
