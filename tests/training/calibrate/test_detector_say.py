"""The detector is heard only where that is shown to tell damage better on photos that it was not fitted on."""

from pathlib import Path

import numpy as np
import pytest

from regrade.datasets.manifest import read_manifest
from regrade.models.calibration import DetectorEvidence
from regrade.models.types import CONDITIONS
from regrade.training.calibrate.condition_heads import CrossFitFeatures, Fitted
from regrade.training.calibrate.detector_evidence import gained
from regrade.training.data.targets import rows_of
from regrade.training.fit.crossfit import BackboneFeatures
from regrade.training.fit.heads import LinearHead

EVIDENCE = DetectorEvidence(weight=1.0, offset=-1.0, types=("tear",))


@pytest.fixture
def case(tiny_dataset: Path) -> tuple[CrossFitFeatures, Fitted]:
    """A classifier that can tell nothing, on the photos of packaging."""
    records = read_manifest(tiny_dataset)
    rows = rows_of(records, "packaging", ("train", "val"))
    truth = np.array([CONDITIONS.index(records[i].condition or "") for i in rows])
    none = BackboneFeatures(
        *(np.zeros((len(records), 1), np.float32),) * 2, np.zeros((len(records), 1, 1, 1), np.float16)
    )
    fold = np.arange(len(records)) % 3
    views = CrossFitFeatures(
        records,
        np.zeros(0, np.intp),
        np.zeros(0, np.bool_),
        fold,
        [none] * 3,
        none,
        np.zeros((len(records), 1), np.float32),
    )
    logits = np.random.default_rng(0).normal(0, 0.1, (len(rows), 4))
    head = LinearHead(np.zeros((4, 1)), np.zeros(4))
    return views, Fitted("packaging", CONDITIONS, head, 1.0, rows, truth, logits, 1.0)


def scores_of(case: tuple[CrossFitFeatures, Fitted], right: bool) -> np.ndarray:
    views, fitted = case
    scores = np.random.default_rng(1).uniform(0.05, 0.2, len(views.records))
    if right:
        scores[fitted.rows[fitted.truth == 3]] = 0.9
    return scores


def test_one_that_sees_damage_is_heard(case: tuple[CrossFitFeatures, Fitted]) -> None:
    gain = gained(*case, scores_of(case, right=True), EVIDENCE)
    assert gain is not None
    assert gain.low > 0


def test_one_that_boxes_at_random_is_not(case: tuple[CrossFitFeatures, Fitted]) -> None:
    gain = gained(*case, scores_of(case, right=False), EVIDENCE)
    assert gain is None or not gain.low > 0
