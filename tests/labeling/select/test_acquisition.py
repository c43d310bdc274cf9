import numpy as np
import pytest

from regrade.labeling.select.acquisition import (
    METHODS,
    Pool,
    badge,
    diversity,
    doubtful_and_far,
    entropy,
    equal_shares,
    margin,
    of_places,
    typical,
    uncertainty,
    with_quotas,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pool_of(n: int = 60, classes: int = 3, labelled: int = 5, seed: int = 3) -> Pool:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n + labelled, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Pool(rng.dirichlet(np.ones(classes), n), rows[labelled:], rows[:labelled])


def clusters(*sizes: int, probabilities: np.ndarray | None = None) -> Pool:
    """Tight clusters far from each other, of these sizes; nothing is labelled."""
    rng = np.random.default_rng(5)
    rows = np.concatenate([np.eye(len(sizes))[[k] * size] for k, size in enumerate(sizes)])
    rows = rows + rng.normal(scale=0.01, size=rows.shape)
    if probabilities is None:
        probabilities = np.full((len(rows), 2), 0.5)
    return Pool(probabilities, rows, np.zeros((0, len(sizes))))


def test_rows_are_copied_only_where_some_are_left_out() -> None:
    rows = np.arange(12.0).reshape(6, 2)
    assert of_places(rows, list(range(6))) is rows
    assert of_places(rows, [4, 0]).tolist() == [[8, 9], [0, 1]]
    assert of_places(rows, [5, 4, 3, 2, 1, 0]).tolist() == rows[::-1].tolist()


@pytest.mark.parametrize("labelled", [0, 5, 300])
def test_single_precision_picks_what_double_picks(labelled: int, rng: np.random.Generator) -> None:
    pool = pool_of(200, labelled=labelled)
    small = Pool(pool.probabilities, pool.features.astype(np.float32), pool.covered.astype(np.float32))
    assert doubtful_and_far(small, 40, rng).tolist() == doubtful_and_far(pool, 40, rng).tolist()


def test_entropy_and_margin_of_known_rows() -> None:
    p = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.6, 0.3, 0.1]])
    assert entropy(p) == pytest.approx([np.log(2), 0, 0.8979], abs=1e-4)
    assert margin(p) == pytest.approx([0, 1, 0.3])
    assert margin(np.ones((2, 1))).tolist() == [0, 0]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("count", [0, 1, 7, 60, 100])
@pytest.mark.parametrize("labelled", [0, 5])
def test_every_method_picks_as_many_as_asked_each_once(name: str, count: int, labelled: int) -> None:
    picked = METHODS[name](pool_of(labelled=labelled), count, np.random.default_rng(1))
    assert len(picked) == len(set(picked.tolist())) == min(count, 60)
    assert set(picked.tolist()) <= set(range(60))


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_picks_the_same(name: str) -> None:
    first, second = (METHODS[name](pool_of(), 12, np.random.default_rng(9)) for _ in range(2))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("name", METHODS)
def test_photos_that_are_all_alike_are_no_trouble(name: str) -> None:
    pool = Pool(np.full((10, 3), 1 / 3), np.tile([[1.0, 0.0]], (10, 1)), np.array([[1.0, 0.0]]))
    assert len(set(METHODS[name](pool, 10, np.random.default_rng(0)).tolist())) == 10


def test_uncertainty_takes_the_smallest_margins(rng: np.random.Generator) -> None:
    pool = pool_of()
    picked = uncertainty(pool, 10, rng)
    left = np.setdiff1d(np.arange(60), picked)
    assert margin(pool.probabilities)[picked].max() <= margin(pool.probabilities)[left].min()


def test_diversity_takes_each_cluster_once_before_any_twice(rng: np.random.Generator) -> None:
    pool = clusters(30, 2, 5, 1)
    assert sorted(pool.features[diversity(pool, 4, rng)].argmax(axis=1).tolist()) == [0, 1, 2, 3]


def test_diversity_shuns_what_is_labelled(rng: np.random.Generator) -> None:
    pool = clusters(5, 5, 5)
    labelled = Pool(pool.probabilities, pool.features, np.eye(3)[:2])
    assert pool.features[diversity(labelled, 1, rng)].argmax() == 2


def test_greedy_k_center_is_within_twice_the_best_radius(rng: np.random.Generator) -> None:
    # Gonzalez (1985): the bound that the method is known for, against all choices of three.
    from itertools import combinations

    points = np.random.default_rng(4).normal(size=(14, 2))
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    best = min(away[:, list(three)].min(axis=1).max() for three in combinations(range(14), 3))
    picked = diversity(Pool(np.full((14, 2), 0.5), points, np.zeros((0, 2))), 3, rng)
    assert away[:, picked].min(axis=1).max() <= 2 * best + 1e-9


def test_badge_prefers_unsure_photos_and_spreads_them() -> None:
    unsure, sure = np.array([[0.5, 0.5]]), np.array([[0.999, 0.001]])
    p = np.concatenate([np.repeat(sure, 40, axis=0), np.repeat(unsure, 6, axis=0)])
    pool = clusters(40, 3, 3, probabilities=p)
    for seed in range(10):
        picked = badge(pool, 2, np.random.default_rng(seed))
        assert sorted(pool.features[picked].argmax(axis=1).tolist()) == [1, 2]


def test_of_two_kinds_equally_unlike_what_is_labelled_the_doubtful_one_is_taken(rng: np.random.Generator) -> None:
    p = np.concatenate([np.tile([0.99, 0.01], (50, 1)), np.tile([0.55, 0.45], (10, 1))])
    pool = clusters(20, 30, 5, 5, probabilities=p)
    labelled = Pool(p, pool.features, np.eye(4)[:1])
    picked = doubtful_and_far(labelled, 3, rng)
    assert pool.features[picked].argmax(axis=1).tolist()[2] == 1
    assert sorted(pool.features[picked].argmax(axis=1).tolist()) == [1, 2, 3]


def test_doubt_does_not_bring_back_what_is_labelled_already(rng: np.random.Generator) -> None:
    p = np.concatenate([np.tile([0.5, 0.5], (5, 1)), np.tile([0.99, 0.01], (5, 1))])
    pool = clusters(5, 5, probabilities=p)
    labelled = Pool(p, pool.features, np.eye(2)[:1])
    assert pool.features[doubtful_and_far(labelled, 1, rng)].argmax() == 1


def test_typical_photos_come_from_the_largest_clusters() -> None:
    pool = clusters(40, 20, 2)
    picked = typical(pool, 2, np.random.default_rng(1))
    assert 2 not in pool.features[picked].argmax(axis=1).tolist()


def test_quotas_hold_and_leave_the_others_free(rng: np.random.Generator) -> None:
    pool = pool_of(n=90)
    picked = with_quotas(diversity, pool, 20, {0: 2, 1: 30}, rng)
    likeliest = np.bincount(pool.probabilities[picked].argmax(axis=1), minlength=3)
    assert likeliest[0] == 2
    assert len(picked) == 20
    assert len(with_quotas(diversity, pool, 20, {0: 1, 1: 1, 2: 1}, rng)) == 3


def test_equal_shares_give_to_others_what_one_cannot_use() -> None:
    assert equal_shares([50, 4, 20], 20) == [8, 4, 8]
    assert equal_shares([50, 4, 20], 500) == [50, 4, 20]
    assert equal_shares([5, 5], 3) == [2, 1]
    assert equal_shares([], 3) == []
