"""The maximum a posteriori head around a prior: multinomial logistic regression with the penalty ‖W − W₀‖².

Minimised is Σ wᵢ · CE(tᵢ, softmax(l₀ᵢ + zᵢA)) + strength/2 · ‖A‖², with l₀ the prior's calibrated logits and z the
features, standardised, in their leading principal components and scaled to a mean length of 1: a strength of 1 lets
one vote move its own photo's logits by about what it was off. It is done by majorisation with Böhning's bound on the
Hessian (Annals of the Institute of Statistical Mathematics 44, 1992), which is diagonal in these components,
accelerated by momentum with restarts (O'Donoghue and Candès 2015): no line search, and the same result on every
machine.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.adaptation.head_file import Linear
from regrade.models.calibration import softmax

Floats = NDArray[np.float64]
RANK: Final = 256
FLOOR: Final = 0.3
"""A feature that hardly varies among these photos is not blown up: its scale is at least this share of the others'."""


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """z = [((x − mean) / scale) @ components, 1]: (D,), (D,), (D, r); the last column moves all alike."""

    mean: Floats
    scale: Floats
    components: Floats

    @classmethod
    def of(cls, features: NDArray[np.float32], rank: int = RANK) -> "Space":
        """That of `features` (n, D), with at most `rank` components; no label is used."""
        mean = features.mean(axis=0, dtype=np.float64)
        deviation = features.std(axis=0, dtype=np.float64)
        scale = np.sqrt(deviation**2 + FLOOR**2 * np.mean(deviation**2)) + 1e-9
        standard = (features - mean) / scale
        n, d = standard.shape
        if n < d:
            values, vectors = np.linalg.eigh(standard @ standard.T)
            kept = np.argsort(-values)[: min(rank, n)]
            kept = kept[values[kept] > 1e-9 * max(float(values.max()), 1e-12)]
            components = standard.T @ (vectors[:, kept] / np.sqrt(values[kept]))
        else:
            values, vectors = np.linalg.eigh(standard.T @ standard)
            components = vectors[:, ::-1][:, :rank]
        length = float(np.sqrt(np.mean((standard @ components) ** 2) * max(components.shape[1], 1)))
        return cls(mean, scale * max(length, 1e-9), components)

    def project(self, features: NDArray[np.floating]) -> Floats:
        """(n, D) → (n, r + 1)."""
        z = ((features - self.mean) / self.scale) @ self.components
        return np.concatenate([z, np.ones((len(z), 1))], axis=1)

    def unfold(self, moved: Floats, prior: Linear, temperature: float) -> Linear:
        """The head on raw features whose logits over `temperature` are the prior's plus z @ `moved` (r + 1, k)."""
        weights = (self.components @ moved[:-1]).T / self.scale
        bias = moved[-1] - weights @ self.mean
        return Linear(prior.weights + temperature * weights, prior.bias + temperature * bias)


def refit(
    z: Floats, base: Floats, targets: Floats, weights: Floats, strength: float, start: Floats | None = None
) -> Floats:
    """A (r + 1, k): `z` (n, r + 1); the prior's calibrated logits `base` (n, k); `targets` (n, k), rows sum to 1;
    `weights` (n,) in [0, 1]; `strength` > 0. `start` is a guess."""
    # ½·Σ wᵢzᵢzᵢᵀ bounds the Hessian. One step size for all directions, by its largest eigenvalue, would crawl; in
    # principal components they share little, so that a diagonal bounds it closely.
    moved = np.zeros((z.shape[1], base.shape[1])) if start is None else start.copy()
    curvature = 0.5 * _bound(z, weights)[:, None] + strength
    ahead, momentum, last = moved.copy(), 1.0, np.inf
    for _ in range(400):
        p = softmax(base + z @ ahead)
        gradient = z.T @ (weights[:, None] * (p - targets)) + strength * ahead
        after = ahead - gradient / curvature
        step = after - moved
        if float(np.sum(gradient * step)) > 0:
            momentum = 1.0
        further = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = after + (momentum - 1) / further * step
        moved, momentum = after, further
        size = float(np.abs(step).max())
        if size < 1e-5 and last < 1e-5:
            break
        last = size
    return moved


def _bound(z: Floats, weights: Floats) -> Floats:
    """A diagonal d (r,) with diag(d) ⪰ Σ wᵢzᵢzᵢᵀ: row sums of its absolute values, by Gershgorin's circles."""
    gram = (z * weights[:, None]).T @ z
    out: Floats = np.abs(gram).sum(axis=1) + 1e-12
    return out
