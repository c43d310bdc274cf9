"""Average precision, beside the reference code of COCO."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from regrade.models.types import Box
from regrade.training.metrics.average_precision import average_precision, iou, match

Found = list[list[tuple[float, Box]]]


def scattered(seed: int, photos: int = 30) -> tuple[Found, list[list[Box]]]:
    """True boxes on photos of 100 × 100 px, and found ones: shifted copies, doubles and strays."""
    rng = np.random.default_rng(seed)
    found: Found = []
    true: list[list[Box]] = []
    for _ in range(photos):
        corners = rng.uniform(0, 60, (rng.integers(0, 4), 2))
        boxes = [
            (float(x), float(y), float(x + w), float(y + h))
            for x, y, w, h in np.column_stack([corners, rng.uniform(20, 40, corners.shape)])
        ]
        near = [tuple(float(v) for v in np.add(b, rng.uniform(-8, 8, 4))) for b in boxes * 2 if rng.random() < 0.7]
        strays = [(5.0, 5.0, 25.0, 30.0)] * int(rng.integers(0, 2))
        true.append(boxes)
        found.append([(float(rng.random()), (b[0], b[1], b[2], b[3])) for b in near + strays])
    return found, true


def by_coco(found: Found, true: list[list[Box]]) -> float:
    """AP at an overlap of 0.5 from pycocotools."""

    def flat(box: Box) -> dict[str, object]:
        w, h = box[2] - box[0], box[3] - box[1]
        return {"bbox": [box[0], box[1], w, h], "area": w * h, "category_id": 1, "iscrowd": 0}

    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(true))],
        "categories": [{"id": 1, "name": "tear"}],
        "annotations": [
            {**flat(b), "image_id": i, "id": 1 + sum(map(len, true[:i])) + j}
            for i, boxes in enumerate(true)
            for j, b in enumerate(boxes)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        results = [{**flat(b), "image_id": i, "score": s} for i, boxes in enumerate(found) for s, b in boxes]
        judged = COCOeval(coco, coco.loadRes(results), "bbox")
        judged.params.areaRng, judged.params.areaRngLbl = [[0, 1e10]], ["all"]
        judged.evaluate()
        judged.accumulate()
    return float(judged.eval["precision"][0, :, 0, 0, -1].mean())


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    found, true = scattered(seed)
    ours = average_precision(match(found, true), np.ones((1, len(true))))[0]
    assert 0.1 < ours < 0.95
    assert ours == pytest.approx(by_coco(found, true), abs=1e-9)


def test_a_photo_of_weight_two_counts_as_two_photos() -> None:
    found, true = scattered(7)
    weights = np.random.default_rng(0).integers(0, 3, (10, len(true))).astype(np.float64)
    by_weight = average_precision(match(found, true), weights)
    for value, counts in zip(by_weight, weights.astype(int), strict=True):
        rows = np.repeat(np.arange(len(true)), counts)
        repeated = match([found[i] for i in rows], [true[i] for i in rows])
        # Equal scores of a photo's copies are one step in one and several in the other.
        assert value == pytest.approx(average_precision(repeated, np.ones((1, len(rows))))[0], abs=0.02)


def test_a_true_box_is_found_once() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    twice = match([[(0.9, box), (0.8, box)]], [[box]])
    assert twice.hit.tolist() == [True, False]


def test_nothing_found_is_zero_and_nothing_to_find_is_undefined() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    assert average_precision(match([[]], [[box]]), np.ones((1, 1)))[0] == 0.0
    assert np.isnan(average_precision(match([[(0.5, box)]], [[]]), np.ones((1, 1)))[0])


def test_boxes_that_only_touch_do_not_overlap() -> None:
    assert iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0.0
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)


def test_boxes_of_other_photos_than_were_drawn_on_are_refused() -> None:
    with pytest.raises(ValueError, match="found on 1 photos, drawn on 2"):
        match([[]], [[], []])
