"""What a head is fitted on when it is to tell photos: never their fold, and for choosing never their source either."""

import numpy as np

from regrade.training.fit.heads import USUAL_PENALTY, Sample
from regrade.training.fit.held_out import by_fold, by_fold_and_source, chosen_penalty, told

FOLD = np.array([0, 1, 2] * 6)
SOURCES = ["bench"] * 9 + ["camera"] * 9
TRUTH = np.array([0, 0, 0, 1, 1, 1, 0, 1, 0] * 2)


def test_every_photo_is_told_once_and_never_by_its_own_fold() -> None:
    for blocks in (by_fold(FOLD), by_fold_and_source(FOLD, SOURCES, TRUTH)):
        assert sorted(np.concatenate([b.held for b in blocks]).tolist()) == list(range(18))
        assert all((FOLD[b.fitted] != b.fold).all() for b in blocks)


def test_a_source_is_told_by_others_alone() -> None:
    names = np.array(SOURCES)
    blocks = by_fold_and_source(FOLD, SOURCES, TRUTH)
    assert len(blocks) == 6
    assert all(set(names[b.held]).isdisjoint(names[b.fitted]) for b in blocks)


def test_a_source_with_the_only_photos_of_a_condition_stays() -> None:
    alone = np.where(np.array(SOURCES) == "bench", TRUTH, 0)
    blocks = by_fold_and_source(FOLD, SOURCES, alone)
    names = np.array(SOURCES)
    assert all("bench" in names[b.fitted] for b in blocks)


def test_one_source_is_what_folds_are() -> None:
    one = by_fold_and_source(FOLD, ["bench"] * 18, TRUTH)
    assert [b.fitted.tolist() for b in one] == [b.fitted.tolist() for b in by_fold(FOLD)]


def test_a_shortcut_of_a_source_does_not_help_to_tell_it() -> None:
    """A feature that gives the label away at one source, and says the opposite at the other."""
    rng = np.random.default_rng(0)
    truth, camera = rng.integers(0, 2, 120), np.arange(120) % 2
    features = np.column_stack([np.where(camera, 1 - truth, truth), rng.normal(0, 1, 120)]).astype(np.float32)
    groups = np.arange(120).astype(str)
    sample = Sample([features], np.eye(2)[truth], truth, groups, 0.0)
    sources = np.where(camera, "camera", "bench").tolist()
    fold = (np.arange(120) // 2) % 3
    strange = told([sample] * 3, by_fold_and_source(fold, sources, truth), 0.05).argmax(axis=1) == truth
    assert strange.mean() < 0.2


def logits_right_for(share: float, truth: np.ndarray, seed: int) -> np.ndarray:
    """(n, 2), right for this share of the photos."""
    right = np.random.default_rng(seed).random(len(truth)) < share
    return np.eye(2)[np.where(right, truth, 1 - truth)]


def test_a_penalty_that_is_better_by_luck_alone_is_not_chosen() -> None:
    truth, groups = np.arange(40) % 2, np.arange(40).astype(str)
    usual, lucky = (np.eye(2)[np.where(wrong, 1 - truth, truth)] for wrong in (np.arange(40) < 12, np.arange(40) > 28))
    assert chosen_penalty({USUAL_PENALTY: usual, 10.0: lucky}, truth, groups) == USUAL_PENALTY


def test_a_penalty_that_is_clearly_better_is_chosen() -> None:
    truth, groups = np.arange(200) % 2, np.arange(200).astype(str)
    tried = {USUAL_PENALTY: logits_right_for(0.7, truth, 0), 10.0: logits_right_for(0.9, truth, 1)}
    assert chosen_penalty(tried, truth, groups) == 10.0


def test_one_penalty_is_taken_as_it_is() -> None:
    truth = np.arange(20) % 2
    assert chosen_penalty({10.0: np.eye(2)[truth]}, truth, np.arange(20).astype(str)) == 10.0
