"""Weights are rounded so that outputs stay close, and so that no two neighbours are too large together."""

import numpy as np
import pytest

from regrade.training.export.rounding import Samples, fit
from regrade.training.export.saturation import PAIR_LIMIT, pairs


def seen(kernel: np.ndarray, *, depthwise: bool = False, noise: float = 0.0) -> Samples:
    """Correlated inputs, as neighbours in photos are, with what `kernel` makes of them plus a bias of 3."""
    rng = np.random.default_rng(0)
    channels = len(kernel) if depthwise else kernel.shape[1]
    taps = kernel.shape[2] * kernel.shape[3]
    common = rng.normal(size=(1, 1, 4000))
    inputs = np.maximum(common + 0.4 * rng.normal(size=(channels, taps, 4000)) + 1, 0)
    if depthwise:
        outputs = np.einsum("ct,ctn->cn", kernel.reshape(channels, taps), inputs)
    else:
        outputs = kernel.reshape(len(kernel), -1) @ inputs.reshape(-1, 4000)
    noisy = inputs + noise * rng.normal(size=inputs.shape)
    return Samples(noisy.astype(np.float32), (outputs + 3).astype(np.float32))


def error(kernel: np.ndarray, weights: np.ndarray, scale: np.ndarray, samples: Samples, bias: np.ndarray) -> float:
    exact = weights.reshape(len(kernel), -1) * scale[:, None]
    made = exact @ samples.inputs.reshape(-1, samples.inputs.shape[2]) + bias[:, None]
    return float(((made - samples.outputs) ** 2).mean())


@pytest.fixture
def kernel() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(16, 24, 1, 1)).astype(np.float32)


def test_no_neighbours_are_too_large_together(kernel: np.ndarray) -> None:
    weights = fit(kernel, seen(kernel), False).weights.reshape(16, -1).astype(int)
    left, right = np.array(pairs(24, 1, 1)).T
    same = np.sign(weights[:, left]) == np.sign(weights[:, right])
    assert (np.abs(weights[:, left] + weights[:, right])[same] <= PAIR_LIMIT).all()


def test_outputs_are_closer_than_those_of_the_nearest_weights_with_seven_bits(kernel: np.ndarray) -> None:
    samples = seen(kernel)
    found = fit(kernel, samples, False)
    scale = np.abs(kernel).reshape(16, -1).max(axis=1) / 63
    nearest = np.round(kernel / scale.reshape(-1, 1, 1, 1))
    plain = error(kernel, nearest, scale, samples, np.full(16, 3.0))
    assert error(kernel, found.weights, found.scale, samples, found.bias) < plain / 4


def test_errors_of_the_layers_before_are_made_up_for() -> None:
    kernel = np.ones((1, 8, 1, 1), np.float32)
    samples = seen(kernel, noise=1.0)
    found = fit(kernel, samples, False)
    assert error(kernel, found.weights, found.scale, samples, found.bias) < error(
        kernel, np.ones(8), np.ones(1), samples, np.full(1, 3.0)
    )


def test_the_mean_of_every_output_is_kept(kernel: np.ndarray) -> None:
    samples = seen(kernel)
    found = fit(kernel, samples, False)
    made = (found.weights.reshape(16, -1) * found.scale[:, None]) @ samples.inputs.reshape(24, -1)
    assert made.mean(axis=1) + found.bias == pytest.approx(samples.outputs.mean(axis=1), abs=1e-3)


def test_depthwise_weights_have_all_steps_to_themselves() -> None:
    kernel = np.random.default_rng(2).normal(size=(6, 1, 3, 3)).astype(np.float32)
    found = fit(kernel, seen(kernel, depthwise=True), True)
    assert found.weights.shape == kernel.shape
    assert found.weights * found.scale.reshape(-1, 1, 1, 1) == pytest.approx(kernel, abs=0.15)
    assert found.bias == pytest.approx(3, abs=0.3)


def test_a_dead_channel_is_only_its_bias() -> None:
    kernel = np.zeros((1, 4, 1, 1), np.float32)
    found = fit(kernel, seen(kernel), False)
    assert np.abs(found.weights * found.scale[:, None, None, None]).max() < 1e-4
    assert found.bias == pytest.approx([3], abs=1e-3)
