"""A defect type is reported only where its boxes have been shown to land on the defect."""

import numpy as np
import pytest

from regrade.models.bundle import DefectType
from regrade.training.defects import DefectHeads, HitRates, keep_proven
from regrade.training.heads import LinearHead

HEADS = DefectHeads(
    LinearHead(np.zeros((2, 4)), np.zeros(2)),
    (DefectType("tear", "major"), DefectType("stain", "minor")),
    {"tear": 0.4, "stain": 0.3},
    {"tear": 0.9, "stain": 0.9},
    {"tear": 60, "stain": 50},
)


def hits(**rows: tuple[float, float, int]) -> HitRates:
    return {"test": {}, "fitted": {k: {"rate": r, "chance": c, "n": n} for k, (r, c, n) in rows.items()}}


def test_boxes_that_land_keep_their_type() -> None:
    assert keep_proven(HEADS, hits(tear=(0.8, 0.2, 50))).thresholds == {"tear": 0.4}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param((0.02, 0.03, 51), id="no better than chance, whatever the score of the photo"),
        pytest.param((0.55, 0.4, 51), id="little better than chance"),
        pytest.param((0.9, 0.1, 5), id="too few boxes to know"),
    ],
)
def test_boxes_that_are_unproven_silence_their_type(row: tuple[float, float, int]) -> None:
    assert keep_proven(HEADS, hits(tear=(0.8, 0.2, 50), stain=row)).thresholds == {"tear": 0.4}


def test_a_type_without_any_drawn_box_is_silent() -> None:
    assert keep_proven(HEADS, hits()).thresholds == {}
