"""A network's INT8 weights are chosen anew, layer by layer, within what every CPU adds exactly."""

import io

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from regrade.models.networks.runtime import Model
from regrade.training.export.backbone import export_fp32, quantize_int8
from regrade.training.export.saturation import worst_sums


class Net(nn.Module):
    """Photos in, two convolutions, a depthwise one and means out, as in the backbone; channel 3 is all but dead."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.own = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.mixed = nn.Conv2d(16, 24, 1)
        assert self.mixed.bias is not None
        with torch.no_grad():
            self.mixed.weight[3] *= 1e-9
            torch.nn.init.constant_(self.mixed.bias, 2.0)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
        x = nn.functional.relu6(self.own(nn.functional.relu6(self.stem(x))))
        x = self.mixed(x)
        return x.mean(dim=(2, 3)), x


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (12, 8, 8, 3), np.uint8)
    return [np.kron(p, np.ones((4, 4, 1), np.uint8)) for p in rough]


@pytest.fixture(scope="module")
def networks(photos: list[np.ndarray]) -> tuple[bytes, bytes]:
    """One network in FP32 and INT8."""
    torch.manual_seed(0)
    fp32 = export_fp32(Net(), 32)
    return fp32, quantize_int8(fp32, photos[:8])


def features(network: bytes, photos: list[np.ndarray]) -> np.ndarray:
    model = Model(network)
    return np.concatenate([model.run({"pixels": p[None]}, ("features",))[0] for p in photos])


def test_features_stay_close_on_photos_that_it_was_not_chosen_on(
    networks: tuple[bytes, bytes], photos: list[np.ndarray]
) -> None:
    exact, rounded = (features(network, photos[8:]) for network in networks)
    assert rounded == pytest.approx(exact, abs=0.03)


def test_no_sum_can_saturate_and_the_file_says_so(networks: tuple[bytes, bytes]) -> None:
    sums = worst_sums(onnx.load(io.BytesIO(networks[1])))
    assert [one.fit for one in sums] == [True] * 3
    assert Model(networks[1]).sums_fit
    assert not Model(networks[0]).sums_fit


def test_a_channel_without_weights_keeps_its_bias(networks: tuple[bytes, bytes], photos: list[np.ndarray]) -> None:
    assert features(networks[1], photos)[:, 3] == pytest.approx(2.0, abs=0.05)


def test_the_same_photos_make_the_same_file(networks: tuple[bytes, bytes], photos: list[np.ndarray]) -> None:
    assert quantize_int8(networks[0], photos[:8]) == networks[1]
