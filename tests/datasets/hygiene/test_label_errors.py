import numpy as np
import pytest

from regrade.datasets.hygiene import label_errors
from regrade.datasets.hygiene.label_errors import NEIGHBOURS, label_doubts, out_of_fold, outliers

CLASSES = ("damaged", "opened", "used")


def clouds(seed: int = 0, each: int = 40, spread: float = 0.6) -> tuple[np.ndarray, list[str | None], list[str]]:
    """Embeddings in three clouds, one a class, with their labels; two photos a group."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 24)) * 2
    rows = np.concatenate([centre + rng.normal(scale=spread, size=(each, 24)) for centre in centres])
    labels: list[str | None] = [name for name in CLASSES for _ in range(each)]
    return rows.astype(np.float32), labels, [f"g{i // 2}" for i in range(3 * each)]


def test_planted_label_errors_are_found_with_the_right_name() -> None:
    rows, labels, groups = clouds()
    planted = {5: "used", 50: "damaged", 90: "opened", 119: "damaged"}
    wrong = [planted.get(i, label) for i, label in enumerate(labels)]
    doubts, rare = label_doubts(rows, wrong, groups)
    assert {d.index: d.suggested for d in doubts} == {i: labels[i] for i in planted}
    assert {d.index: d.given for d in doubts} == planted
    assert rare == ()


def test_right_labels_are_left_alone() -> None:
    assert label_doubts(*clouds()) == ([], ())


def test_doubts_come_least_confident_first() -> None:
    rows, labels, groups = clouds(spread=4)
    doubts, _ = label_doubts(rows, labels, groups)
    sure = [d.probabilities[d.given] for d in doubts]
    assert len(sure) > 3
    assert sure == sorted(sure)
    assert all(sum(d.probabilities.values()) == pytest.approx(1) for d in doubts)


def test_a_class_in_two_groups_is_said_to_be_too_rare() -> None:
    rows, labels, groups = clouds()
    labels[:4] = ["unopened"] * 4
    doubts, rare = label_doubts(rows, labels, groups)
    assert rare == ("unopened",)
    assert all(d.index >= 4 for d in doubts)


def test_photos_without_a_label_are_not_judged() -> None:
    rows, labels, groups = clouds()
    unlabelled = [None if i % 2 else label for i, label in enumerate(labels)]
    assert label_doubts(rows, unlabelled, groups) == ([], ())
    assert label_doubts(rows, [None] * len(rows), groups) == ([], ())


def test_one_class_alone_cannot_be_doubted() -> None:
    rows, labels, groups = clouds()
    assert label_doubts(rows, ["used"] * len(labels), groups) == ([], ())


def test_a_photo_is_never_judged_by_its_own_group() -> None:
    """Groups that tell their label by a number of their own are of no help on groups that nobody has seen."""
    rng = np.random.default_rng(0)
    labels = [str(x) for x in rng.choice(["a", "b"], 60)]
    rows = np.repeat(rng.normal(size=(60, 80)), 4, axis=0).astype(np.float32)
    groups = [str(i // 4) for i in range(240)]
    found = out_of_fold(rows, [labels[i // 4] for i in range(240)], groups)
    right = [found.classes[k] == labels[i // 4] for i, k in enumerate(found.probabilities.argmax(axis=1))]
    assert np.mean(right) < 0.65


def test_a_stranger_is_an_outlier_and_its_like_are_not() -> None:
    rows, _, groups = clouds(spread=0.3)
    rows[17] = np.random.default_rng(9).normal(size=24) * 4
    assert [o.index for o in outliers(rows, groups)] == [17]


def test_outliers_are_the_same_however_many_photos_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _, groups = clouds(spread=0.3)
    rows[[17, 70]] = np.random.default_rng(9).normal(size=(2, 24)) * 4
    whole = outliers(rows, groups)
    monkeypatch.setattr(label_errors, "_BLOCK", 7)
    parts = outliers(rows, groups)
    assert [o.index for o in parts] == [o.index for o in whole] != []
    assert [o.distance for o in parts] == pytest.approx([o.distance for o in whole], rel=1e-5)


def test_copies_in_a_group_do_not_hide_an_outlier() -> None:
    rows, _, groups = clouds(spread=0.3)
    rows[20:32] = np.random.default_rng(9).normal(size=24) * 4
    groups[20:32] = ["copies"] * 12
    assert {o.index for o in outliers(rows, groups)} == set(range(20, 32))


def test_too_few_groups_have_no_outliers() -> None:
    rows, _, groups = clouds()
    few = 2 * NEIGHBOURS
    assert outliers(rows[: 2 * few], groups[: 2 * few]) == []
