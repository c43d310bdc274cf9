"""Rounding of one convolution's weights to INT8 so that its outputs, not its weights, stay close.

Weights are rounded one term after the other, and what the rounding of one has changed in the outputs is made up for by
those that follow (GPTQ, Frantar et al. 2023, https://arxiv.org/abs/2210.17323). What they are rounded from is not the
network's own kernel but the one that comes closest to the exact outputs on the inputs as they are after the rounded
layers before (ridge regression), so that errors do not add up from layer to layer. Where two neighbours are added in 16
bits, the second is held to what the first has left of the room (`saturation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.training.export.saturation import PAIR_LIMIT, pairs

Floats = NDArray[np.float64]

LARGEST: Final = 127
RIDGE: Final = 0.01
"""Pull to the network's own weights, as a share of the inputs' mean power: a few photos do not tell everything."""
SCALES: Final = (1.0, 0.85, 1.3, 1.6, 2.0)
"""Steps that are tried, as multiples of that at which the largest weight is 127. Larger ones leave room in 16 bits."""
_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Rounded:
    """`weights`, int8 (outputs, inputs, rows, columns), times `scale`, float64 (outputs,), with `bias` (outputs,)."""

    weights: NDArray[np.int8]
    scale: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Samples:
    """A convolution's inputs as they are after rounded layers, float32 (channels, taps, n), and the outputs that it
    should have, float32 (outputs, n), at n places of some photos."""

    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]


def fit(kernel: NDArray[np.float32], samples: Samples, depthwise: bool) -> Rounded:
    """`kernel`, (outputs, inputs, rows, columns), rounded; `depthwise` where each channel is convolved for itself."""
    power, crossed, means = (_depthwise if depthwise else _dense)(samples)
    flat = kernel.reshape(len(kernel), -1).astype(np.float64)
    places = samples.outputs.shape[1]
    pull = RIDGE * np.maximum(np.trace(power, axis1=-2, axis2=-1) / power.shape[-1], 1e-9 * places)
    power = power + pull[:, None, None] * np.eye(power.shape[-1])
    wanted = np.linalg.solve(power, (crossed + pull[:, None, None] * _grouped(flat, power)).transpose(0, 2, 1))
    target = wanted.transpose(0, 2, 1).reshape(flat.shape)
    steps, scale = _round(target, power, _partners(kernel.shape, depthwise))
    bias = samples.outputs.mean(axis=1, dtype=np.float64) - _means(steps * scale[:, None], means)
    return Rounded(steps.reshape(kernel.shape).astype(np.int8), scale, bias)


def _grouped(flat: Floats, power: Floats) -> Floats:
    """Kernels (outputs, terms) as (groups, outputs of a group, terms)."""
    return flat.reshape(len(power), -1, flat.shape[1])


def _means(weights: Floats, means: Floats) -> Floats:
    """The mean of each output that comes of the inputs' `means`, (groups, terms)."""
    out: Floats = np.einsum("got,gt->go", weights.reshape(len(means), -1, weights.shape[1]), means).ravel()
    return out


def _dense(samples: Samples) -> tuple[Floats, Floats, Floats]:
    """Of all inputs as one group: their covariance (1, terms, terms) and that with the outputs (1, outputs, terms),
    both times n, and their means (1, terms)."""
    flat = samples.inputs.reshape(1, -1, samples.inputs.shape[2])
    return _moments(flat, samples.outputs[None])


def _depthwise(samples: Samples) -> tuple[Floats, Floats, Floats]:
    """The same with each channel as a group of its own."""
    return _moments(samples.inputs, samples.outputs[:, None])


def _moments(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
    means = x.mean(axis=2, dtype=np.float64)
    x = (x - means[:, :, None]).astype(np.float32)
    y = (y - y.mean(axis=2, dtype=np.float64)[:, :, None]).astype(np.float32)
    over = x.transpose(0, 2, 1)
    return np.matmul(x, over).astype(np.float64), np.matmul(y, over).astype(np.float64), means


def _partners(shape: Sequence[int], depthwise: bool) -> list[list[int]]:
    """For each term of a kernel, those that it is added to in 16 bits."""
    found: list[list[int]] = [[] for _ in range(int(np.prod(shape[1:])))]
    for a, b in () if depthwise else pairs(*shape[1:]):
        found[a].append(b)
        found[b].append(a)
    return found


def _round(target: Floats, power: Floats, partners: list[list[int]]) -> tuple[Floats, Floats]:
    """Whole steps (outputs, terms) and the scale of each output, of those in `SCALES` the one with the least error."""
    widest = np.maximum(np.abs(target).max(axis=1), 1e-12) / LARGEST
    best = (np.zeros_like(target), widest, np.full(len(target), np.inf))
    for factor in SCALES if any(partners) else SCALES[:2]:
        scale = widest * factor
        steps = _compensated(target, power, scale, partners)
        off = _grouped(steps * scale[:, None] - target, power)
        error = ((off @ power) * off).sum(axis=2).ravel()
        better = error < best[2]
        best = (
            np.where(better[:, None], steps, best[0]),
            np.where(better, scale, best[1]),
            np.where(better, error, best[2]),
        )
    return best[0], best[1]


def _compensated(target: Floats, power: Floats, scale: Floats, partners: list[list[int]]) -> Floats:
    """Whole steps (outputs, terms), terms with the most power first, each making up for those before."""
    order = np.argsort(-power.mean(axis=0).diagonal(), kind="stable")
    ahead = np.linalg.cholesky(np.linalg.inv(power[:, order][:, :, order])).transpose(0, 2, 1)
    left = _grouped(target[:, order], power).copy()
    steps = np.zeros_like(target)
    width = scale.reshape(len(power), -1)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        errors = np.zeros((*left.shape[:2], end - start))
        for k in range(start, end):
            low, high = _room(steps, partners[order[k]])
            whole = np.clip(np.round(left[:, :, k] / width), low.reshape(width.shape), high.reshape(width.shape))
            steps[:, order[k]] = whole.ravel()
            error = (left[:, :, k] - whole * width) / ahead[:, k, k, None]
            left[:, :, k + 1 : end] -= error[:, :, None] * ahead[:, None, k, k + 1 : end]
            errors[:, :, k - start] = error
        left[:, :, end:] -= errors @ ahead[:, start:end, end:]
    return steps


def _room(steps: Floats, partners: Sequence[int]) -> tuple[Floats, Floats]:
    """The least and the most that a term of each output may be beside its `partners`, which are 0 until rounded."""
    beside = steps[:, list(partners)]
    high = np.minimum(LARGEST, PAIR_LIMIT - np.maximum(beside, 0).max(axis=1, initial=0.0))
    low = np.maximum(-LARGEST, -PAIR_LIMIT - np.minimum(beside, 0).min(axis=1, initial=0.0))
    return low, high
