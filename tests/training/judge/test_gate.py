"""The gate: who is refused, who passes, and what too few photos cannot say."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from regrade.models.errors import GateRefusedError, RunError
from regrade.training.judge.checks import Check
from regrade.training.judge.gate import GateResult, conclude, non_inferior, parity
from regrade.training.judge.predictions import Predictions
from regrade.training.run.run import Run, RunConfig

LABELS = ("unopened", "opened", "used", "damaged")
COUNTS = (20, 15, 33, 11)
"""Photos of each condition in a test split of today's size."""

Rng = np.random.Generator
Grades = Callable[[NDArray[np.intp]], NDArray[np.intp]]


def predictions(
    grades: NDArray[np.intp], truth: NDArray[np.intp], *, labels: tuple[str, ...] = LABELS, group: int = 1
) -> Predictions:
    """Predictions that are 85% sure of `grades`; `group` photos make one group."""
    n, k = len(truth), len(labels)
    probabilities = np.full((n, k), 0.15 / (k - 1))
    probabilities[np.arange(n), grades] = 0.85
    return Predictions(
        category="packaging",
        labels=labels,
        ids=tuple(f"p{i}" for i in range(n)),
        truth=truth,
        probabilities=probabilities,
        groups=np.array([f"g{i // group}" for i in range(n)]),
        sources=np.array(["shop"] * n),
        votes=np.zeros((n, k)),
        sets=np.ones((n, k), dtype=np.bool_),
        auto_threshold=None,
        defects=((),) * n,
    )


def truth_of(counts: tuple[int, ...] = COUNTS) -> NDArray[np.intp]:
    return np.repeat(np.arange(len(counts)), counts)


def wrong_in(truth: NDArray[np.intp], condition: int, how_many: int) -> NDArray[np.intp]:
    """Right everywhere but in the first photos of one condition."""
    grades = truth.copy()
    grades[np.flatnonzero(truth == condition)[:how_many]] = (condition + 1) % len(LABELS)
    return grades


def verdicts(result: GateResult) -> dict[str, str]:
    return {check.name: check.verdict for check in result.checks}


ACTIVE = predictions(wrong_in(truth_of(), 1, 3), truth_of())


def test_an_equal_candidate_passes() -> None:
    result = non_inferior(ACTIVE, ACTIVE)
    assert not result.refused
    assert set(verdicts(result).values()) == {"non-inferior"}


def test_a_better_candidate_passes() -> None:
    assert not non_inferior(predictions(truth_of(), truth_of()), ACTIVE).refused


def test_the_order_of_the_photos_does_not_matter() -> None:
    shuffled = ACTIVE.take(np.random.default_rng(0).permutation(len(ACTIVE)))
    assert verdicts(non_inferior(shuffled, ACTIVE)) == verdicts(non_inferior(ACTIVE, ACTIVE))


def test_a_candidate_that_no_longer_finds_one_condition_is_refused_for_it() -> None:
    result = non_inferior(predictions(wrong_in(truth_of(), 2, 12), truth_of()), ACTIVE)
    assert verdicts(result)["recall of used"] == "worse"
    (reason,) = [str(check) for check in result.refused if check.name == "recall of used"]
    assert "0.636 for the candidate, 1.000 for the active bundle, 0.364 lower" in reason
    assert "33 photos" in reason


def test_a_drop_by_one_photo_is_chance_in_its_condition_but_is_not_shown_to_be_harmless() -> None:
    truth = truth_of()
    result = non_inferior(predictions(wrong_in(truth, 2, 2), truth), predictions(wrong_in(truth, 2, 1), truth))
    assert verdicts(result)["recall of used"] == "within chance"
    assert verdicts(result)["macro-F1"] == "not shown"
    assert result.refused


def test_with_enough_photos_a_small_drop_is_shown_to_be_harmless() -> None:
    truth = truth_of((2000, 2000, 2000, 2000))
    result = non_inferior(
        predictions(wrong_in(truth, 2, 20), truth), predictions(wrong_in(truth, 2, 10), truth), resamples=300
    )
    assert verdicts(result)["macro-F1"] == "non-inferior"
    assert not result.refused


def test_a_condition_of_few_photos_is_said_to_be_too_few_to_judge() -> None:
    truth = truth_of((20, 15, 33, 5))
    ours, theirs = predictions(wrong_in(truth, 3, 1), truth), predictions(wrong_in(truth, 1, 3), truth)
    result = non_inferior(ours, theirs)
    assert "recall of damaged" in result.unjudged
    assert verdicts(result)["recall of damaged"] == "too few to judge"


def test_a_condition_without_photos_is_not_judged() -> None:
    truth = truth_of((20, 15, 33, 0))
    result = non_inferior(predictions(truth, truth), predictions(truth, truth))
    assert result.unjudged == ("damage AUROC", "recall of damaged")
    assert str(result.checks[-1]) == "recall of damaged (0 photos): too few to judge"


def test_few_photos_all_lost_are_no_chance() -> None:
    truth = truth_of((20, 15, 33, 7))
    result = non_inferior(predictions(wrong_in(truth, 3, 7), truth), predictions(truth, truth))
    assert verdicts(result)["recall of damaged"] == "worse"


def test_photos_of_one_group_count_as_one_loss() -> None:
    truth = truth_of((20, 16, 32, 12))
    ours = predictions(wrong_in(truth, 3, 4), truth, group=4)
    theirs = predictions(truth, truth, group=4)
    assert verdicts(non_inferior(ours, theirs))["recall of damaged"] == "within chance"


def test_damage_that_ranks_lower_is_refused_even_where_no_grade_changes() -> None:
    truth = truth_of()
    ours = predictions(truth, truth)
    lowered = ours.probabilities.copy()
    lowered[truth == 3] = (0.2, 0.2, 0.29, 0.31)
    lowered[truth == 2] = (0.01, 0.01, 0.57, 0.41)
    result = non_inferior(replace(ours, probabilities=lowered), ours)
    assert verdicts(result)["macro-F1"] == "non-inferior"
    assert verdicts(result)["damage AUROC"] == "worse"


def test_conditions_are_matched_by_name_and_not_by_column() -> None:
    four = truth_of((20, 0, 33, 11))
    three = np.repeat(np.arange(3), (20, 33, 11))
    result = non_inferior(predictions(three, three, labels=("unopened", "used", "damaged")), predictions(four, four))
    assert not result.refused
    assert verdicts(result)["recall of used"] == "non-inferior"
    assert verdicts(result)["recall of opened"] == "too few to judge"


def test_unlabelled_photos_are_left_out() -> None:
    truth = truth_of()
    partly = np.where(np.arange(len(truth)) % 2, truth, -1)
    result = non_inferior(predictions(truth, partly), predictions(truth, partly))
    assert result.checks[0].photos == (partly >= 0).sum()


def test_other_photos_or_labels_are_refused() -> None:
    with pytest.raises(RunError, match="same photos"):
        non_inferior(ACTIVE.take(np.arange(10)), ACTIVE)
    with pytest.raises(RunError, match="relabelled"):
        non_inferior(replace(ACTIVE, truth=ACTIVE.truth[::-1].copy()), ACTIVE)
    nothing = replace(ACTIVE, truth=np.full(len(ACTIVE), -1))
    with pytest.raises(RunError, match="Label some"):
        non_inferior(nothing, nothing)


def test_with_nothing_active_everything_passes_and_that_is_said() -> None:
    result = non_inferior(ACTIVE, None)
    assert result.active is None
    assert not result.refused
    assert set(verdicts(result).values()) == {"nothing to compare"}
    assert result.to_json()["checks"][0]["theirs"] is None


def simulated(right: float, rng: Rng, hardness: NDArray[np.float64]) -> Predictions:
    """A bundle that is right as often as `right` wants, on photos as hard for it as for others, more or less."""
    truth = truth_of()
    ease = 0.7 * hardness + 0.7 * rng.normal(size=len(truth))
    wrong = ease < np.quantile(rng.normal(size=4000), 1 - right)
    return predictions(np.where(wrong, rng.permuted((truth + 1) % 4), truth), truth)


@pytest.mark.parametrize(("gain", "least", "most"), [(-0.15, 0.9, 1.0), (0.15, 0.0, 0.2)])
def test_much_worse_candidates_are_refused_and_much_better_ones_pass(gain: float, least: float, most: float) -> None:
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(30):
        hardness = rng.normal(size=sum(COUNTS))
        ours, theirs = simulated(0.75 + gain, rng, hardness), simulated(0.75, rng, hardness)
        refused.append(bool(non_inferior(ours, theirs, resamples=500).refused))
    assert least <= np.mean(refused) <= most


def test_int8_that_grades_as_fp32_has_parity() -> None:
    check = parity([(ACTIVE, ACTIVE)])
    assert (check.verdict, check.difference, check.margin) == ("non-inferior", 0.0, 0.005)


def test_int8_may_change_one_photo_however_much_it_weighs() -> None:
    truth = truth_of((20, 15, 33, 4))
    check = parity([(predictions(wrong_in(truth, 3, 1), truth), predictions(truth, truth))])
    assert check.verdict == "non-inferior"
    assert check.margin == pytest.approx(abs(check.difference))


def test_int8_that_grades_many_photos_otherwise_is_refused() -> None:
    truth = truth_of()
    check = parity([(predictions(wrong_in(truth, 2, 4), truth), predictions(truth, truth))])
    assert check.verdict == "worse"


def test_int8_that_scores_higher_than_fp32_is_not_refused_as_a_loss() -> None:
    truth = truth_of()
    check = parity([(predictions(truth, truth), predictions(wrong_in(truth, 2, 4), truth))])
    assert check.verdict == "higher"
    assert not GateResult("packaging", "2", "1", (check,)).refused
    assert "1.000 for the candidate in INT8" in str(check)
    assert "higher (may be lower by" in str(check)


def test_parity_is_judged_on_the_photos_of_all_categories_together() -> None:
    small = truth_of((5, 5, 5, 5))
    two = (predictions(wrong_in(small, 0, 2), small), predictions(small, small))
    many = truth_of((2000, 2000, 2000, 2000))
    rest = (predictions(many, many), predictions(many, many))
    assert parity([two]).verdict == "worse"
    joined = parity([two, rest])
    assert (joined.verdict, joined.photos) == ("non-inferior", 8020)


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> Iterator[Run]:
    config = RunConfig(category="packaging", data=tiny_dataset, out=tmp_path / "bundles", version="2026.1.1")
    with Run.create(tmp_path / "run", config) as run:
        yield run


def test_a_verdict_is_written_and_logged(run: Run) -> None:
    conclude(run, [non_inferior(ACTIVE, ACTIVE, versions=("2", "1")).also(parity([(ACTIVE, ACTIVE)]))])
    (written,) = run.read_json("gate.json")
    assert (written["candidate"], written["active"], written["passed"]) == ("2", "1", True)
    assert written["checks"][-1]["name"] == "macro-F1, INT8 against FP32"
    assert "gate of packaging 2, against 1" in (run.folder / "log.txt").read_text()


def test_a_refusal_names_the_numbers_and_stays_on_disk(run: Run) -> None:
    worse = non_inferior(predictions(wrong_in(truth_of(), 2, 12), truth_of()), ACTIVE)
    with pytest.raises(
        GateRefusedError,
        match=r"packaging: .*recall of used: 0\.636 for the candidate, 1\.000 for the active bundle, 0\.364 lower",
    ):
        conclude(run, [worse])
    assert [one["passed"] for one in run.read_json("gate.json")] == [False]


def test_a_refused_category_does_not_hold_up_the_others(run: Run) -> None:
    worse = non_inferior(predictions(wrong_in(truth_of(), 2, 12), truth_of()), ACTIVE)
    conclude(run, [non_inferior(ACTIVE, ACTIVE), worse])
    assert [one["passed"] for one in run.read_json("gate.json")] == [True, False]
    assert "refused, and not registered: packaging" in (run.folder / "log.txt").read_text().replace("\n", " ")


def test_no_figure_that_is_not_one_is_written() -> None:
    check = Check("AP50", float("nan"), 0.5, float("nan"), float("nan"), 0.01, 0, "too few to judge")
    assert json.dumps(check.to_json(), allow_nan=False).count("null") == 4
