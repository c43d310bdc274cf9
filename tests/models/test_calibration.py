"""Calibration as serving applies it."""

import json

import numpy as np
import pytest

from regrade.models.calibration import Calibration, Selective, softmax

SELECTIVE = Selective(0.05, 0.1, 0.9, 200, 0.6, "2 wrong of 120")


def calibration(**changes: object) -> Calibration:
    values: dict[str, object] = {
        "temperature": 2.0,
        "fusion_sharpness": 1.0,
        "conformal_alpha": 0.1,
        "conformal_quantile": 0.7,
        "selective": SELECTIVE,
        "defect_thresholds": {"tear": 0.4},
    }
    return Calibration(**{**values, **changes})  # type: ignore[arg-type]


def test_a_temperature_above_one_makes_the_model_humbler_but_keeps_its_choice() -> None:
    logits = np.array([[4.0, 1.0, 0.0, -2.0]])
    humble = calibration().probabilities(logits)[0]
    assert humble.argmax() == 0
    assert humble[0] < softmax(logits)[0, 0]
    assert humble.sum() == pytest.approx(1)


def test_the_prediction_set_admits_what_is_likely_enough() -> None:
    assert calibration().prediction_set(np.array([0.05, 0.5, 0.35, 0.1])).tolist() == [1, 2]


def test_the_prediction_set_is_never_empty() -> None:
    assert calibration(conformal_quantile=0.0).prediction_set(np.array([0.4, 0.3, 0.2, 0.1])).tolist() == [0]


def test_it_survives_json() -> None:
    before = calibration()
    assert Calibration.from_json(json.loads(json.dumps(before.to_json()))) == before


@pytest.mark.parametrize("bad", [{"temperature": 0.0}, {"fusion_sharpness": -1.0}])
def test_impossible_constants_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Calibration.from_json({**calibration().to_json(), **bad})


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 0.0]])), [[1.0, 0.0]])
