"""The detector as ONNX, FP32 and INT8."""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regrade.datasets.manifest import Record, read_manifest
from regrade.models.networks.detector import Detection, Detector
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.training.export.detector import detector_inputs, export_detector, kept_in_float, quantize_detector
from regrade.training.fit.detector import classes_of, find_weights, module_of
from regrade.training.metrics.average_precision import iou

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


def test_int8_is_close_to_fp32(fp32: bytes, photos: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    int8 = quantize_detector(fp32, photos[:5])
    exact, rounded = (rows_of(data, photos[5], tmp_path) for data in (fp32, int8))
    assert not np.array_equal(exact, rounded)
    assert np.abs(exact - rounded).max() < 0.05 * np.ptp(exact)


def test_the_first_blocks_and_the_head_stay_in_floats(fp32: bytes, photos: list[NDArray[np.uint8]]) -> None:
    int8 = onnx.load(io.BytesIO(quantize_detector(fp32, photos)))
    made_by = {output: node.op_type for node in int8.graph.node for output in node.output}
    convs = [node for node in int8.graph.node if node.op_type == "Conv"]
    assert [made_by.get(node.input[1]) == "DequantizeLinear" for node in convs] == [False, False, False, True, False]


def test_kept_nodes_are_those_around_the_middle(fp32: bytes) -> None:
    model = onnx.load(io.BytesIO(fp32))
    kept = kept_in_float(model)
    assert [node.name in kept for node in model.graph.node if node.op_type == "Conv"] == [True, True, True, False, True]


def test_without_photos_nothing_is_calibrated(fp32: bytes) -> None:
    with pytest.raises(ValueError, match="no photo to calibrate on"):
        quantize_detector(fp32, [])


@pytest.fixture
def bench_records() -> list[Record]:
    from regrade.datasets.manifest import find_bench

    bench = find_bench()
    if bench is None or find_weights() is None:
        pytest.skip("needs the bench photos and the detector's weights")
    return [r for r in read_manifest(bench) if r.category == "electronics" and r.items and r.split == "train"]


@pytest.mark.photos
def test_int8_finds_on_real_photos_what_fp32_finds(bench_records: list[Record], tmp_path: Path) -> None:
    weights = find_weights()
    assert weights is not None
    exact = export_detector(module_of(weights), 320)
    rounded = quantize_detector(exact, detector_inputs(bench_records[:8], 320))
    assert len(rounded) < 0.5 * len(exact)
    same = []
    for record in bench_records[8 :: len(bench_records) // 16]:
        one, two = (_found(data, record, classes_of(weights), tmp_path) for data in (exact, rounded))
        for sure in (d for d in one if d.score > 0.5):
            near = [d.score for d in two if d.type == sure.type and iou(d.box, sure.box) > 0.5]
            same.append(max(near, default=0.0) > sure.score - 0.15)
    assert len(same) >= 8
    assert np.mean(same) >= 0.9


def _found(data: bytes, record: Record, classes: tuple[str, ...], folder: Path) -> tuple[Detection, ...]:
    path = folder / "detector.onnx"
    path.write_bytes(data)
    photo = open_photo(record.file.read_bytes())
    return Detector(Model(path), 320, classes).detect(photo.rgb, record.width, record.height)
