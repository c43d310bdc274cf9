"""From a photo to boxes in its own pixels, through a network that always gives the same rows."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from regrade.models.networks.detector import SCORE_FLOOR, Detector, letterbox
from regrade.models.networks.runtime import Model

SIDE = 64
Rows = list[tuple[float, float, float, float, float, float]]


def detector_giving(rows: Rows, folder: Path) -> Detector:
    """A detector of tears and phones whose network answers every photo with `rows`: x1, y1, x2, y2, score, class."""
    boxes = numpy_helper.from_array(np.array([rows], dtype=np.float32), "rows")
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, (1, SIDE, SIDE, 3))
    out = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, (1, len(rows), 6))
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats"], ["most"], keepdims=0),
        helper.make_node("Sub", ["most", "most"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["boxes"]),
    ]
    graph = helper.make_graph(nodes, "detector", [pixels], [out], [boxes])
    path = folder / "detector.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))
    return Detector(Model(path), SIDE, ("tear", "phone"))


def photo(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 200, dtype=np.uint8)


def test_a_wide_photo_gets_grey_above_and_below() -> None:
    square, scale, left, top = letterbox(photo(32, 64), SIDE)
    assert square.shape == (SIDE, SIDE, 3)
    assert (scale, left, top) == (1.0, 0, 16)
    assert (square[16:48] == 200).all()
    assert (square[:16] == 114).all()
    assert (square[48:] == 114).all()


@pytest.mark.parametrize(("size", "scale", "left", "top"), [((128, 64), 0.5, 16, 0), ((16, 32), 2.0, 0, 16)])
def test_a_photo_is_brought_to_the_side_of_the_network(
    size: tuple[int, int], scale: float, left: int, top: int
) -> None:
    square, *found = letterbox(photo(*size), SIDE)
    assert found == [scale, left, top]
    assert (square[SIDE // 2, SIDE // 2] == 200).all()
    assert (square[0, 0] == 114).all()


def test_a_photo_of_the_right_side_is_not_resampled() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    assert np.array_equal(letterbox(rgb, SIDE)[0], rgb)


def test_a_sliver_keeps_at_least_one_pixel() -> None:
    assert (letterbox(photo(1, 1000), SIDE)[0] == 200).any()


def test_boxes_come_in_pixels_of_the_full_photo(tmp_path: Path) -> None:
    detector = detector_giving([(8, 20, 40, 44, 0.9, 1)], tmp_path)
    (found,) = detector.detect(photo(32, 64), width=640, height=320)
    assert found.type == "phone"
    assert found.score == pytest.approx(0.9)
    assert found.box == pytest.approx((80, 40, 400, 280))


def test_the_surest_comes_first_and_the_hopeless_not_at_all(tmp_path: Path) -> None:
    rows: Rows = [(1, 1, 9, 9, 0.3, 0), (1, 1, 9, 9, SCORE_FLOOR / 2, 1), (1, 1, 9, 9, 0.8, 1), (1, 1, 9, 9, 0.5, 0)]
    found = detector_giving(rows, tmp_path).detect(photo(64, 64), 64, 64)
    assert [(d.type, round(d.score, 3)) for d in found] == [("phone", 0.8), ("tear", 0.5), ("tear", 0.3)]


def test_a_box_ends_at_the_rim_of_the_photo(tmp_path: Path) -> None:
    (found,) = detector_giving([(-5, 2, 70, 62, 0.9, 0)], tmp_path).detect(photo(32, 64), 64, 32)
    assert found.box == (0.0, 0.0, 64.0, 32.0)


def test_a_box_in_the_grey_bars_is_no_find(tmp_path: Path) -> None:
    assert detector_giving([(5, 1, 60, 15, 0.9, 0)], tmp_path).detect(photo(32, 64), 64, 32) == ()
