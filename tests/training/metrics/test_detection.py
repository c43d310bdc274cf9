"""Average precision by type, beside pycocotools, and hit rates."""

import contextlib
import io
import math

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from regrade.models.networks.detector import Detection
from regrade.models.types import Box
from regrade.training.metrics.detection import Ap, ap50, mean_ap, rounded
from regrade.training.run.files import json_bytes

TYPES = ("tear", "stain")
Pictures = tuple[list[list[Detection]], list[list[tuple[str, Box]]]]


def scattered(seed: int, count: int = 40) -> Pictures:
    """True boxes of two types on pictures of 100 × 100 px, and found ones: shifted copies, doubles and strays."""
    rng = np.random.default_rng(seed)
    found: list[list[Detection]] = []
    true: list[list[tuple[str, Box]]] = []
    for _ in range(count):
        here: list[tuple[str, Box]] = []
        for kind in rng.choice(TYPES, int(rng.integers(0, 4))):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 60, 2), *rng.uniform(20, 40, 2)))
            here.append((str(kind), (x, y, x + w, y + h)))
        boxes = [Detection(k, float(rng.random()), _moved(b, rng)) for k, b in here * 2 if rng.random() < 0.7]
        strays = [Detection("tear", float(rng.random()), (5.0, 5.0, 25.0, 30.0)) for _ in range(rng.integers(0, 2))]
        found.append(boxes + strays)
        true.append(here)
    return found, true


def _moved(box: Box, rng: np.random.Generator) -> Box:
    x1, y1, x2, y2 = (float(v) for v in np.add(box, rng.uniform(-8, 8, 4)))
    return x1, y1, x2, y2


def by_coco(found: list[list[Detection]], true: list[list[tuple[str, Box]]], levels: int) -> dict[str, float]:
    """AP50 by type from pycocotools, at so many levels of recall in place of its 101."""

    def flat(kind: str, box: Box) -> dict[str, object]:
        w, h = box[2] - box[0], box[3] - box[1]
        return {"bbox": [box[0], box[1], w, h], "area": w * h, "category_id": TYPES.index(kind) + 1, "iscrowd": 0}

    truths = [(i, kind, box) for i, here in enumerate(true) for kind, box in here]
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(true))],
        "categories": [{"id": k + 1, "name": kind} for k, kind in enumerate(TYPES)],
        "annotations": [{**flat(k, b), "image_id": i, "id": n} for n, (i, k, b) in enumerate(truths, start=1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        results = [{**flat(d.type, d.box), "image_id": i, "score": d.score} for i, of in enumerate(found) for d in of]
        judged = COCOeval(coco, coco.loadRes(results), "bbox")
        judged.params.areaRng, judged.params.areaRngLbl = [[0, 1e10]], ["all"]
        judged.params.recThrs = np.linspace(0, 1, levels)
        judged.evaluate()
        judged.accumulate()
    precision = judged.eval["precision"][0, :, :, 0, -1]
    return {kind: float(precision[:, k].mean()) for k, kind in enumerate(TYPES)}


@pytest.mark.parametrize("seed", range(2))
def test_ap50_is_that_of_pycocotools_at_fine_levels_of_recall(seed: int) -> None:
    found, true = scattered(seed)
    theirs = by_coco(found, true, levels=20_001)
    for kind, ours in ap50(found, true, TYPES).items():
        assert 0.05 < ours.value < 0.95
        assert ours.value == pytest.approx(theirs[kind], abs=2e-4)
        assert ours.positives == sum(t == kind for here in true for t, _ in here)


def test_ap50_is_near_that_of_pycocotools_at_its_own_levels() -> None:
    found, true = scattered(9)
    theirs = by_coco(found, true, levels=101)
    assert all(ap.value == pytest.approx(theirs[kind], abs=0.02) for kind, ap in ap50(found, true, TYPES).items())


def test_a_box_of_another_type_is_not_found() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    aps = ap50([[Detection("stain", 0.9, box)]], [[("tear", box)]], TYPES)
    assert aps["tear"] == Ap(0.0, 1)
    assert math.isnan(aps["stain"].value)
    assert aps["stain"].positives == 0


def test_types_without_true_boxes_do_not_count_in_the_mean() -> None:
    assert mean_ap({"tear": Ap(0.5, 2), "stain": Ap(float("nan"), 0)}) == 0.5
    assert math.isnan(mean_ap({}))


def test_a_type_without_true_boxes_can_be_written_as_json() -> None:
    found = ap50([[]], [[("tear", (0.0, 0.0, 9.0, 9.0))]], ("tear", "stain"))
    table = {kind: ap.to_json() for kind, ap in found.items()}
    assert table == {"tear": {"ap50": 0.0, "boxes": 1}, "stain": {"ap50": None, "boxes": 0}}
    assert json_bytes({**table, "mean": rounded(mean_ap({}))})
