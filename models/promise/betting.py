"""Whether a mean is below, or above, a limit: answered at any time, however often it was asked before.

Who bets at every look against "the mean is not below the limit" keeps on average no more than what was put in where
that is so: the capital is an e-process, and by Ville's inequality it ever reaches 1 / δ with a chance of at most δ
(Shafer, "Testing by betting", JRSS A 184(2), 2021; Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", JRSS B 86(1), 2024). So whoever looks after each item, and stops when it is there, errs no more
often than that: no number of looks need be fixed before. As in `risk_control` the capital is spread over fixed stakes
in place of one that adapts; the last number of such a path is 1 / `risk_control.p_value`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.promise.risk_control import SPREAD, STAKES

Floats = NDArray[np.float64]

SMALL_STAKES: Final = np.array([0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.003])
"""For a loss that is seldom and many times its limit: a stake of all would be lost on the first looks without one."""
FARTHEST: Final = 1_000_000
"""Looks beyond which nobody waits."""


def below(excess: Floats, most: float) -> Floats:
    """The log capital (n,) after each look of a bet that the mean of `excess` is below 0.

    `excess` are draws (n,) in their order, each at most `most` (> 0), in excess of the limit. If their mean given all
    before is 0 or more, it ever reaches log 1/δ with a chance of at most δ.
    """
    return _mixed(_below(excess, most), np.log(SPREAD))


def above(values: Floats, limit: float, weights: Floats | None = None) -> Floats:
    """The log capital (n,) after each look of a bet that the weighted mean of `values` is above `limit` (> 0).

    `values` are draws (n,) of 0 or more, without a bound. `weights` (n,) in [0, 1] are what each counts for, known
    before it is looked at; a thinned sample so speaks for what it was drawn from.
    """
    return _mixed(_above(values, limit, weights), np.full(len(SMALL_STAKES), -np.log(len(SMALL_STAKES))))


def more_below(excess: Floats, most: float, delta: float) -> int | None:
    """How many looks more, all like those there are, `below` needs to reach log 1/`delta`; 0 where it has, ever; None
    where it does not get there, or where there are none to judge by."""
    steps = _below(excess, most)
    if not len(steps):
        return None
    start, target = np.log(SPREAD), float(np.log(1 / delta))
    if _mixed(steps, start).max() >= target:
        return 0
    now, growth = steps.sum(axis=0) + start, steps.mean(axis=0)

    def capital(looks: int) -> float:
        return float(np.logaddexp.reduce(now + looks * growth))

    if capital(FARTHEST) < target:
        return None
    low, high = 0, FARTHEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if capital(middle) >= target else (middle, high)
    return high


def _below(excess: Floats, most: float) -> Floats:
    if not most > 0:
        raise ValueError(f"the most that a look may exceed the limit by must be above 0, not {most}")
    return np.log1p(-np.outer(np.minimum(excess, most) / most, STAKES))


def _above(values: Floats, limit: float, weights: Floats | None) -> Floats:
    if not limit > 0:
        raise ValueError(f"a limit that a mean is to be above must be above 0, not {limit}")
    if (values < 0).any():
        raise ValueError("values must be 0 or more")
    gain = values / limit - 1.0
    return np.log1p(np.outer(gain if weights is None else weights * gain, SMALL_STAKES))


def _mixed(steps: Floats, start: Floats) -> Floats:
    path: Floats = np.logaddexp.reduce(np.cumsum(steps, axis=0) + start, axis=1)
    return path
