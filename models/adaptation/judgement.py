"""The new head beside another on photos that neither has been fitted to, paired and with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Estimate, Resamples, quotient
from regrade.models.estimates import tables as confusion

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of the `new` head, the `old` one and their `difference` (new − old), by name: `macro_f1` and `accuracy`
    against the majority of votes, `log_loss` against their shares (nats), `money` lost for not knowing the
    condition."""

    new: Mapping[str, Estimate]
    old: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]

    @property
    def worse(self) -> bool:
        """Whether the new head is worse beyond doubt, in log-loss or money, or in macro-F1."""
        lower = [self.difference[name].low > 0 for name in ("log_loss", "money") if name in self.difference]
        return any(lower) or self.difference["macro_f1"].high < 0

    def to_json(self) -> dict[str, Any]:
        """For metrics."""
        parts = (("new", self.new), ("active", self.old), ("difference", self.difference))
        return {part: {name: one.to_json() for name, one in found.items()} for part, found in parts}


def judge(new: Floats, old: Floats, shares: Floats, groups: NDArray[np.str_], money: Floats | None = None) -> Judgement:
    """Probabilities `new` and `old` (n, k) for photos of which `shares` (n, k) are the votes' for each condition.

    `money` (k, a) is what each action brings in by condition; the action that is taken is the best by the
    probabilities. Raises ValueError for no photos.
    """
    resamples = Resamples.of(groups)
    found = [_figures(p, shares, resamples, money) for p in (new, old)]
    estimates = [{name: resamples.estimate(values) for name, values in one.items()} for one in found]
    difference = {name: resamples.estimate(found[0][name] - found[1][name]) for name in found[0]}
    return Judgement(estimates[0], estimates[1], difference)


def _figures(p: Floats, shares: Floats, resamples: Resamples, money: Floats | None) -> dict[str, Floats]:
    top = np.sort(shares, axis=1)
    clear = top[:, -1] > top[:, -2]
    truth, said = shares.argmax(axis=1), p.argmax(axis=1)
    weights = resamples.weights * clear
    loss = -(shares * np.log(np.clip(p, 1e-6, 1.0))).sum(axis=1)
    found = {
        "macro_f1": macro_f1(confusion(truth, said, p.shape[1], weights)),
        "accuracy": quotient(weights @ (truth == said).astype(np.float64), weights.sum(axis=1)),
        "log_loss": quotient(resamples.weights @ loss, resamples.weights.sum(axis=1)),
    }
    if money is not None:
        taken = (p @ money).argmax(axis=1)
        lost = (shares * (money.max(axis=1)[None, :] - money[:, taken].T)).sum(axis=1)
        found["money"] = quotient(resamples.weights @ lost, resamples.weights.sum(axis=1))
    return found


def macro_f1(table: Floats) -> Floats:
    """The mean F1 of conditions that occur, of confusion tables (r, k, k), truth by answer; NaN for an empty one."""
    hit = np.diagonal(table, axis1=1, axis2=2)
    truth, said = table.sum(axis=2), table.sum(axis=1)
    f1 = quotient(2 * hit, truth + said)
    occurs = truth > 0
    return quotient(np.where(occurs, np.nan_to_num(f1), 0.0).sum(axis=1), occurs.sum(axis=1).astype(np.float64))
