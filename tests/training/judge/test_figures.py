"""The figures of a slice, on predictions small enough to count by hand."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from regrade.datasets.manifest import DefectBox, Record
from regrade.models.networks.detector import Detection
from regrade.training.judge.box_hits import box_figures, covered_share, is_hit
from regrade.training.judge.ceiling import ceiling
from regrade.training.judge.figures import Promise, SubsetFigures, figures
from regrade.training.judge.predictions import Predictions

PROMISE = Promise(alpha=0.05, delta=0.1, set_alpha=0.1)


@pytest.fixture
def counted(made_up: Predictions) -> SubsetFigures:
    return figures(made_up, PROMISE, resamples=200, seed=0)


def test_photos_and_groups_are_counted_by_condition(counted: SubsetFigures) -> None:
    assert counted.n == 7
    assert counted.unlabelled == 1
    assert counted.counts == {"unopened": 2, "opened": 1, "used": 2, "damaged": 2}
    assert counted.groups == {"unopened": 2, "opened": 1, "used": 2, "damaged": 2}
    assert counted.confusion == [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1]]
    assert counted.estimates["accuracy"].value == pytest.approx(5 / 7)


def test_what_is_graded_alone_is_at_or_above_the_threshold(counted: SubsetFigures) -> None:
    auto = counted.automatic
    assert (auto.graded, auto.wrong) == (3, 1)
    assert auto.coverage.value == pytest.approx(3 / 7)
    assert auto.error.value == pytest.approx(1 / 3)
    assert auto.error_bound == pytest.approx(binomtest(1, 3).proportion_ci(0.8, "exact").high)


def test_without_a_threshold_nothing_is_graded_alone(made_up: Predictions) -> None:
    auto = figures(dataclasses.replace(made_up, auto_threshold=None), PROMISE, resamples=100, seed=0).automatic
    assert (auto.graded, auto.coverage.value, auto.error_bound) == (0, 0.0, 1.0)
    assert math.isnan(auto.error.value)


def test_prediction_sets_are_measured_by_what_they_hold_and_how_much_they_name(counted: SubsetFigures) -> None:
    assert counted.sets.coverage.value == pytest.approx(6 / 7)
    assert sum(counted.sets.sizes) == 7
    assert counted.sets.size.value == pytest.approx(np.dot(counted.sets.sizes, [1, 2, 3, 4]) / 7)


def test_the_risk_at_full_coverage_is_the_error(counted: SubsetFigures) -> None:
    coverage, risk = counted.risk[-1]
    assert coverage == 1.0
    assert risk.value == pytest.approx(2 / 7)


def test_reliability_bins_hold_every_photo_once(counted: SubsetFigures) -> None:
    assert sum(b.right.n for b in counted.reliability) == 7
    assert [b.confidence for b in counted.reliability] == sorted(b.confidence for b in counted.reliability)


def test_photos_that_serving_would_have_retaken_are_counted(made_up: Predictions) -> None:
    issues = (("blurry", "too_small"), ("blurry",), *((),) * 6)
    found = figures(dataclasses.replace(made_up, issues=issues), PROMISE, resamples=100, seed=0)
    assert found.retaken == {"blurry": 2, "too_small": 1}


def test_photos_without_one_label_cannot_be_scored(made_up: Predictions) -> None:
    with pytest.raises(ValueError, match="no labelled photo"):
        figures(made_up.take(np.array([7])), PROMISE, resamples=100, seed=0)


def voted(graded: Predictions, *votes: tuple[str, ...]) -> Predictions:
    """The first photos of `graded` with these votes; the majority is the first vote."""
    records = tuple(
        dataclasses.replace(r, votes=v, condition=v[0] if v else None)
        for r, v in zip(graded.records, votes, strict=False)
    )
    found = graded.take(np.arange(len(votes)))
    truth = [graded.labels.index(v[0]) if v else -1 for v in votes]
    return dataclasses.replace(found, records=records, truth=np.array(truth, dtype=np.intp))


def test_the_ceiling_is_the_agreement_of_the_first_two_passes(graded: Predictions) -> None:
    found = voted(graded, ("used", "used"), ("used", "opened", "used"), ("opened", "opened"), ("damaged", "damaged"))
    people = ceiling(found, resamples=100, seed=0)
    assert people is not None
    assert people.raw.value == 0.75
    assert people.damaged_raw.value == people.damaged_kappa.value == 1.0
    assert people.macro_f1.value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert people.majority_macro_f1.value == pytest.approx((1 + people.macro_f1.value) / 2)
    assert people.gap.value == pytest.approx(people.model_macro_f1.value - people.macro_f1.value)


def test_photos_labelled_once_or_called_unusable_have_no_ceiling(graded: Predictions) -> None:
    assert ceiling(voted(graded, ("used",), ("used", "unusable")), resamples=100, seed=0) is None
    assert ceiling(voted(graded, ("used", "used"), ("used",)), resamples=100, seed=0).raw.n == 1  # type: ignore[union-attr]


def drawn(record: Record, *boxes: tuple[float, float, float, float]) -> Record:
    return dataclasses.replace(record, defects=tuple(DefectBox("tear", "major", b) for b in boxes))


def test_a_hit_is_the_surest_boxs_centre_inside_a_drawn_one(made_up: Predictions, cartons: list[Record]) -> None:
    (tear,) = made_up.defects[3]
    surer = dataclasses.replace(tear, score=0.9, box=(200.0, 200.0, 220.0, 220.0))
    assert is_hit([tear], drawn(cartons[0], (0.0, 0.0, 20.0, 20.0)))
    assert not is_hit([tear], drawn(cartons[0], (0.0, 0.0, 19.0, 19.0)))
    assert not is_hit([tear, surer], drawn(cartons[0], (0.0, 0.0, 20.0, 20.0)))
    assert not is_hit([], drawn(cartons[0], (0.0, 0.0, 20.0, 20.0)))


def test_a_random_point_hits_what_drawn_boxes_cover_together(cartons: list[Record]) -> None:
    overlapping = [(0.0, 0.0, 120.0, 120.0), (60.0, 0.0, 120.0, 240.0)]
    assert covered_share(cartons[0], overlapping) == pytest.approx(3 / 8)


def test_photos_without_drawn_boxes_do_not_count_against_boxes(made_up: Predictions, cartons: list[Record]) -> None:
    records = (*cartons[:3], drawn(cartons[3], (0.0, 0.0, 40.0, 40.0)), drawn(cartons[4], (0.0, 0.0, 9.0, 9.0)))
    found = dataclasses.replace(made_up, records=(*records, *cartons[5:8]))
    boxes = box_figures(found, resamples=100, seed=0)
    assert boxes is not None
    assert (boxes.n, boxes.hit_rate.value, boxes.reported.value) == (2, 0.5, 1.0)
    assert boxes.by_type["tear"][0].n == 2
    assert box_figures(found.take(np.array([0, 1])), resamples=100, seed=0) is None


def test_a_box_counts_as_wrong_only_where_labellers_named_no_such_defect(
    made_up: Predictions, cartons: list[Record]
) -> None:
    exact = drawn(dataclasses.replace(cartons[3], defect_codes=("tear",)), (10.0, 10.0, 30.0, 30.0))
    named = dataclasses.replace(cartons[4], defect_codes=("tear",), condition="damaged")
    clean = dataclasses.replace(named, defect_codes=(), condition="opened")

    def ap50(second: Record) -> float:
        two = dataclasses.replace(made_up.take(np.array([4, 3])), records=(second, exact))
        boxes = box_figures(two, resamples=100, seed=0)
        assert boxes is not None
        assert boxes.detected is None
        return boxes.ap50["tear"].value

    assert ap50(named) == 1.0
    assert ap50(clean) == 0.5


def test_the_detectors_surest_damage_box_is_judged_reported_or_not(made_up: Predictions, cartons: list[Record]) -> None:
    photo = drawn(cartons[0], (0.0, 0.0, 20.0, 20.0))
    item = Detection("carton", 0.99, (0.0, 0.0, 200.0, 200.0))
    tear = Detection("tear", 0.2, (0.0, 0.0, 20.0, 20.0))
    one = dataclasses.replace(made_up.take(np.array([0])), records=(photo,), detections=((item, tear),))
    boxes = box_figures(one, resamples=100, seed=0)
    assert boxes is not None
    assert boxes.detected is not None
    assert (boxes.hit_rate.value, boxes.detected.value, boxes.ap50["any damage"].value) == (0.0, 1.0, 1.0)
