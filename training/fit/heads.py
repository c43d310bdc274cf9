"""Linear heads on pooled features: soft-label multinomial logistic regression.

Two labellers who disagree are a fact about the photo, not noise to be voted away: the head is fitted on the share of
votes for each class (soft cross-entropy), so a borderline photo pulls to both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PENALTIES = (30_000.0, 10_000.0, 3_000.0, 1_000.0, 300.0, 100.0, 30.0)
"""Candidate L2 penalties, from strong to weak; the objective is the sum of the photos' cross-entropies + penalty/2 ·
‖W‖², so that a penalty means the same whether there are few photos or many: it is scikit-learn's 1/C."""
USUAL_PENALTY = 1_000.0
"""Within noise of the best on every category of the bench, from 30 photos on (docs/decisions/0011-heads.md)."""
MAJORITY_SHARE = 0.5
"""How much of a target is the majority, the rest being the votes: votes alone never let a rare condition win."""
RANK = 512


@dataclass(frozen=True, slots=True)
class LinearHead:
    """logits = features @ weights.T + bias; weights (k, D) and bias (k,) act on raw, unscaled features."""

    weights: Floats
    bias: Floats

    def logits(self, features: NDArray[np.floating]) -> Floats:
        """(n, D) → (n, k)."""
        out: Floats = np.asarray(features, dtype=np.float64) @ self.weights.T + self.bias
        return out


@dataclass(frozen=True, slots=True)
class Basis:
    """Standardised features in their leading principal components: z = ((x − mean) / scale) @ components.

    Under an L2 penalty the directions in which photos hardly differ carry next to nothing; leaving them out makes
    every fit several times cheaper. No label is used, so one basis serves all folds.
    """

    mean: Floats
    scale: Floats
    components: Floats

    @classmethod
    def of(cls, features: NDArray[np.floating], rank: int = RANK) -> "Basis":
        """The basis of `features` (n, D), with at most `rank` components."""
        mean = features.mean(axis=0, dtype=np.float64)
        scale = features.std(axis=0, dtype=np.float64) + 1e-6
        standard = ((features - mean) / scale).astype(np.float32)
        if len(standard) >= standard.shape[1]:
            _, vectors = np.linalg.eigh((standard.T @ standard).astype(np.float64))
            return cls(mean, scale, vectors[:, ::-1][:, :rank])
        # With fewer photos than features, their products have the same components in a smaller matrix.
        values, shares = np.linalg.eigh((standard @ standard.T).astype(np.float64))
        kept = np.flatnonzero(values > values[-1] * 1e-6)[::-1][:rank]
        return cls(mean, scale, standard.T @ shares[:, kept] / np.sqrt(values[kept]))

    def project(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n, D) → (n, rank)."""
        out: NDArray[np.float32] = (((features - self.mean) / self.scale) @ self.components).astype(np.float32)
        return out

    def unfold(self, head: LinearHead) -> LinearHead:
        """The head on raw features that does what `head` does on projected ones."""
        weights = (head.weights @ self.components.T) / self.scale
        return LinearHead(weights, head.bias - weights @ self.mean)


def fit(
    projected: NDArray[np.float32], targets: Floats, weights: Floats, penalty: float, photos: int | None = None
) -> LinearHead:
    """Fit one softmax head by L-BFGS on features in a `Basis`; deterministic.

    `projected` (n, r); `targets` (n, k), rows sum to 1; `weights` (n,) of any scale. The penalty stands against as many
    cross-entropies as there are `photos`: pictures made of them are no more evidence. Default: n.
    """
    x, y = torch.from_numpy(projected), torch.from_numpy(targets).float()
    w = torch.from_numpy(weights / weights.sum()).float()
    per_photo = penalty / (len(targets) if photos is None else photos)
    matrix = torch.zeros(targets.shape[1], x.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS(
        [matrix, bias], max_iter=100, tolerance_grad=1e-5, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def objective() -> torch.Tensor:
        solver.zero_grad()
        log_p = torch.log_softmax(x @ matrix.T + bias, dim=1)
        loss = -(w * (y * log_p).sum(dim=1)).sum() + 0.5 * per_photo * (matrix**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(objective)  # type: ignore[no-untyped-call]
    return LinearHead(matrix.detach().double().numpy(), bias.detach().double().numpy())


def class_weights(labels: NDArray[np.intp], classes: int, power: float) -> Floats:
    """Weight of each sample, ∝ (frequency of its class)^(−power), mean 1. Power 0 ignores imbalance, 1 removes it."""
    counts = np.bincount(labels, minlength=classes).clip(1).astype(np.float64)
    weights: Floats = (counts**-power)[labels]
    weights /= weights.mean()
    return weights


@dataclass(frozen=True, slots=True)
class Extra:
    """Pictures to fit on besides the photos as served, never scored: `features` (m, D), `targets` (m, k), the `groups`
    (m,) of the photos they were made of, and `weights` (m,), in units of one real photo."""

    features: NDArray[np.float32]
    targets: Floats
    groups: NDArray[np.str_]
    weights: Floats


class Sample:
    """What a head is fitted on.

    `views` holds the features of each view of the photos, (n, D) each, the first being the one that is scored;
    `targets` (n, k) soft labels; `labels` (n,) their majority; `groups` (n,) ids; `balance` the power of
    `class_weights`. `extra` joins a fit with the photos of the same groups, so a held-out photo's edits stay out.
    """

    def __init__(
        self,
        views: Sequence[NDArray[np.float32]],
        targets: Floats,
        labels: NDArray[np.intp],
        groups: NDArray[np.str_],
        balance: float,
        extra: Extra | None = None,
    ) -> None:
        self.views, self.targets, self.labels, self.groups, self.balance = views, targets, labels, groups, balance
        self.extra = extra

    @cached_property
    def basis(self) -> Basis:
        """The basis of all views together."""
        edited = [] if self.extra is None else [self.extra.features]
        return Basis.of(np.concatenate([*self.views, *edited]))

    @cached_property
    def _projected(self) -> list[NDArray[np.float32]]:
        return [self.basis.project(view) for view in self.views]

    @cached_property
    def _projected_extra(self) -> NDArray[np.float32]:
        assert self.extra is not None
        return self.basis.project(self.extra.features)

    def fit(self, rows: NDArray[np.intp], penalty: float) -> LinearHead:
        """A head on raw features, fitted on all views of `rows`."""
        features = [view[rows] for view in self._projected]
        targets = [self.targets[rows]] * len(self.views)
        weights = [class_weights(self.labels[rows], self.targets.shape[1], self.balance)] * len(self.views)
        if self.extra is not None:
            known = np.isin(self.extra.groups, self.groups[rows])
            features.append(self._projected_extra[known])
            targets.append(self.extra.targets[known])
            weights.append(self.extra.weights[known] * len(self.views))
        head = fit(np.concatenate(features), np.concatenate(targets), np.concatenate(weights), penalty, len(rows))
        return self.basis.unfold(head)
