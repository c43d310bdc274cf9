"""The detector as ONNX, FP32 and INT8."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regrade.models.networks.runtime import Model
from regrade.training.export.detector import export_detector

SIDE = 32

# One worker exports for all of them.
pytestmark = pytest.mark.xdist_group("detector-export")


class Small(nn.Module):
    """Blocks named as those of a detector: three at the start, one of the middle, and a head that gives boxes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        widths = [(3, 8), (8, 8), (8, 8), (8, 16)]
        self.model = nn.ModuleList([*(nn.Conv2d(a, b, 3, 2, 1) for a, b in widths), nn.Conv2d(16, 6, 1)])

    def forward(self, x: Tensor) -> Tensor:
        for conv in list(self.model)[:4]:
            y = conv(x)
            x = y * y.sigmoid()
        rows: Tensor = self.model[4](x)
        return rows.flatten(2).permute(0, 2, 1)


@pytest.fixture(scope="module")
def photos() -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def fp32() -> bytes:
    return export_detector(Small().eval(), SIDE)


def rows_of(data: bytes, pixels: NDArray[np.uint8], folder: Path) -> NDArray[np.float32]:
    path = folder / "detector.onnx"
    path.write_bytes(data)
    (rows,) = Model(path).run({"pixels": pixels[np.newaxis]}, ("boxes",))
    return np.asarray(rows, dtype=np.float32)


def test_the_graph_gives_what_the_module_gives(fp32: bytes, photos: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    with torch.no_grad():
        floats = torch.from_numpy(photos[0]).permute(2, 0, 1)[None].float() / 255
        expected = Small().eval()(floats).numpy()
    assert np.allclose(rows_of(fp32, photos[0], tmp_path), expected, atol=1e-4)


def test_the_file_holds_no_path_of_the_machine(fp32: bytes) -> None:
    assert str(Path(__file__).parents[3]).encode() not in fp32
