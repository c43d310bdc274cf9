"""Calibration as serving applies it."""

import json

import numpy as np
import pytest

from regrade.models.calibration import Calibration, DetectorEvidence, PartsEvidence, Selective, softmax

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


def test_what_older_releases_do_not_know_is_written_only_where_it_is_used() -> None:
    assert not {"parts", "detector_from"} & set(calibration().to_json())
    parts = PartsEvidence(share=0.6, low=0.05, high=0.9, sharpness=0.25)
    closer = calibration(parts=parts, detector_from=0.3)
    assert Calibration.from_json(json.loads(json.dumps(closer.to_json()))) == closer


@pytest.mark.parametrize("bad", [{"share": 1.0}, {"low": 0.9, "high": 0.1}, {"sharpness": 0.0}])
def test_parts_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="parts need"):
        PartsEvidence(**{"share": 0.6, "low": 0.0, "high": 1.0, "sharpness": 0.25, **bad})


def test_a_detector_is_needed_where_it_has_a_say_or_boxes_something() -> None:
    assert not calibration().needs_detector
    assert calibration(detector=DetectorEvidence(0.4, -2.0, ("tear",))).needs_detector
    assert calibration(box_sources={"tear": "detector"}).needs_detector
    assert not calibration(box_sources={"hole": "detector"}).needs_detector


def test_a_detector_looks_at_every_photo_or_at_those_that_may_be_damaged() -> None:
    every = calibration(box_sources={"tear": "detector"})
    some = calibration(detector=DetectorEvidence(0.4, -2.0, ("tear",)), detector_from=0.3)
    assert [every.asks_detector(p) for p in (0.0, 0.3)] == [True, True]
    assert [some.asks_detector(p) for p in (0.1, 0.3)] == [False, True]
    assert not calibration().asks_detector(1.0)


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 0.0]])), [[1.0, 0.0]])
