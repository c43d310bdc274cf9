"""Which unlabelled photos teach a model most: the usual methods, as functions of probabilities and features alone.

A method takes a `Pool`, how many to pick and a generator, and returns the places of what it picked, best first.
Everything is exact and deterministic for a given generator; ties go to the earlier photo.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Features = NDArray[np.float32] | NDArray[np.float64]
"""Single precision halves what many photos take in memory and time."""
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates. `probabilities` (n, k), rows sum to 1; `features` (n, D), rows of norm 1; `covered` (m, D) the
    features of what is labelled already, m ≥ 0."""

    probabilities: Floats
    features: Features
    covered: Features

    def __len__(self) -> int:
        return len(self.features)


_COVERED = 128
"""Labelled photos to which all distances are held at once: from 50,000, 26 MB."""

Method = Callable[[Pool, int, np.random.Generator], Places]


def entropy(probabilities: Floats) -> Floats:
    """Shannon entropy of each row of (n, k), in nats."""
    found: Floats = -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-12)), axis=1)
    return found


def margin(probabilities: Floats) -> Floats:
    """How far the two best classes of each row of (n, k) are apart, in [0, 1]; 0 is most unsure."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    best = np.partition(probabilities, -2, axis=1)[:, -2:]
    found: Floats = best[:, 1] - best[:, 0]
    return found


def random(pool: Pool, count: int, rng: np.random.Generator) -> Places:
    """Any `count` of the pool."""
    return rng.permutation(len(pool))[:count]


def uncertainty(pool: Pool, count: int, rng: np.random.Generator) -> Places:
    """Those with the smallest margin (Scheffer, Decomain, Wrobel 2001)."""
    return np.argsort(margin(pool.probabilities), kind="stable")[:count]


def diversity(pool: Pool, count: int, rng: np.random.Generator) -> Places:
    """k-center greedy: each time the one farthest from all that is labelled or picked (Sener & Savarese 2018, the
    core-set approach; the greedy step is Gonzalez 1985)."""
    return _farthest(pool.features, pool.covered, count)


def badge(pool: Pool, count: int, rng: np.random.Generator) -> Places:
    """k-means++ seeds among the gradients of the last layer, as if the likeliest class were right: unsure and unlike
    each other at once (BADGE; Ash, Zhang, Krishnamurthy, Langford, Agarwal 2020)."""
    pull = pool.probabilities.copy()
    pull[np.arange(len(pull)), pull.argmax(axis=1)] -= 1.0
    # A gradient is pull ⊗ features: lengths and products of two come without writing it out.
    lengths = np.sum(pull**2, axis=1) * np.sum(pool.features**2, axis=1)
    picked: list[int] = []
    nearest = lengths.copy()
    for _ in range(min(count, len(pool))):
        weights = nearest.copy()
        weights[picked] = 0.0
        total = weights.sum()
        if not picked:
            place = int(lengths.argmax())
        elif total > 0:
            place = int(np.searchsorted(np.cumsum(weights), rng.random() * total, side="right"))
        else:
            place = int(np.setdiff1d(np.arange(len(pool)), picked)[0])
        picked.append(place)
        products = (pull @ pull[place]) * (pool.features @ pool.features[place])
        nearest = np.minimum(nearest, np.maximum(lengths + lengths[place] - 2 * products, 0.0))
    return np.array(picked, dtype=np.intp)


def doubtful_and_far(pool: Pool, count: int, rng: np.random.Generator) -> Places:
    """k-center greedy, where a photo's squared distance weighs by the root of its doubt, 1 − margin: what is unlike all
    that is labelled, and rather what is unsure. On few labels doubt is mostly noise, so that it must not choose alone
    (Hacohen, Dekel, Weinshall 2022, on low budgets)."""
    doubt = np.sqrt(np.maximum(1.0 - margin(pool.probabilities), 1e-3))
    return _farthest(pool.features, pool.covered, count, doubt)


def typical(pool: Pool, count: int, rng: np.random.Generator) -> Places:
    """The most typical photo (nearest to its 20 neighbours) of each of the largest clusters that hold nothing labelled
    (TypiClust; Hacohen, Dekel, Weinshall 2022; clusters by k-means++ and Lloyd's steps)."""
    rows = np.concatenate([pool.covered.reshape(-1, pool.features.shape[1]), pool.features])
    labelled = len(rows) - len(pool)
    cluster = _k_means(rows, min(len(rows), labelled + count), rng)
    typicality = _typicality(rows)
    taken = np.bincount(cluster[:labelled], minlength=cluster.max() + 1)
    sizes = np.bincount(cluster, minlength=len(taken))
    free = np.ones(len(pool), dtype=bool)
    picked: list[int] = []
    while len(picked) < min(count, len(pool)):
        # Fewest labelled first, then the largest; a cluster that is picked empty is out.
        left = np.bincount(cluster[labelled:][free], minlength=len(taken)) > 0
        order = np.lexsort((-sizes, taken, ~left))
        mine = np.flatnonzero(free & (cluster[labelled:] == order[0]))
        place = int(mine[typicality[labelled:][mine].argmax()])
        picked.append(place)
        free[place] = False
        taken[order[0]] += 1
    return np.array(picked, dtype=np.intp)


METHODS: Mapping[str, Method] = {
    "random": random,
    "uncertainty": uncertainty,
    "diversity": diversity,
    "badge": badge,
    "typiclust": typical,
    "doubtful-and-far": doubtful_and_far,
}


def with_quotas(method: Method, pool: Pool, count: int, quotas: Mapping[int, int], rng: np.random.Generator) -> Places:
    """`count` of the pool by `method`, at most `quotas[class]` of each likeliest class; a class without one is free.

    Where the quotas leave places open that no other class can fill, fewer come back.
    """
    likeliest = pool.probabilities.argmax(axis=1)
    picked: list[int] = []
    for one, quota in sorted(quotas.items()):
        picked += _of(pool, np.flatnonzero(likeliest == one), picked, min(quota, count - len(picked)), method, rng)
    free = np.flatnonzero(~np.isin(likeliest, list(quotas)))
    picked += _of(pool, free, picked, count - len(picked), method, rng)
    return np.array(picked, dtype=np.intp)


def equal_shares(available: Sequence[int], count: int) -> list[int]:
    """`count` in equal parts, as far as each has as many `available`; what one cannot use goes to the others."""
    shares = [0] * len(available)
    while count > 0 and (free := [i for i, most in enumerate(available) if shares[i] < most]):
        for i in free[:count]:
            shares[i] += 1
        count -= len(free[:count])
    return shares


def _of(
    pool: Pool, places: Places, picked: list[int], count: int, method: Method, rng: np.random.Generator
) -> list[int]:
    """`count` of `places`, where what was `picked` before counts as covered."""
    if count <= 0 or not len(places):
        return []
    covered = pool.covered.reshape(-1, pool.features.shape[1])
    if picked:
        covered = np.concatenate([covered, pool.features[picked]])
    part = Pool(pool.probabilities[places], of_places(pool.features, places), covered)
    return [int(place) for place in places[method(part, count, rng)]]


def of_places(rows: Features, places: Sequence[int] | Places) -> Features:
    """`rows[places]`, but `rows` themselves, and no copy of them, where `places` are all there are, in order."""
    whole = len(places) == len(rows) and np.array_equal(places, np.arange(len(rows)))
    return rows if whole else rows[np.asarray(places, dtype=np.intp)]


def _farthest(rows: Features, covered: Features, count: int, weights: Floats | None = None) -> Places:
    """k-center greedy by squared distance times `weights` (n,), which are positive; None: all weigh the same.

    A pick costs one product of all rows with its own: O(n·D), whatever was picked before.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.intp)
    squares = _squares(rows)
    nearest = np.full(len(rows), np.inf)
    for start in range(0, len(covered), _COVERED):
        near = _distances(rows, covered[start : start + _COVERED], squares).min(axis=1)
        np.minimum(nearest, near, out=nearest)
    picked: list[int] = []
    for _ in range(min(count, len(rows))):
        if picked or len(covered):
            score = nearest * (1.0 if weights is None else weights)
            score[picked] = -np.inf
        else:
            # Nothing is covered: begin with what is nearest to all, and not with the oddest photo.
            score = -np.square(rows - rows.mean(axis=0)).sum(axis=1)
        place = int(score.argmax())
        picked.append(place)
        np.minimum(nearest, _distances(rows, rows[place : place + 1], squares)[:, 0], out=nearest)
    return np.array(picked, dtype=np.intp)


def _squares(rows: Features) -> Features:
    """The squared length of each row of (n, D), without a copy of them all."""
    found: Features = np.einsum("nd,nd->n", rows, rows)
    return found


def _distances(a: Features, b: Features, squares: Features | None = None) -> Features:
    """Squared, (n, m); `squares` are those of `a` where they are known."""
    found: Features = a @ b.T
    found *= -2
    found += (_squares(a) if squares is None else squares)[:, None]
    found += _squares(b)[None]
    return np.maximum(found, 0, out=found)


def _k_means(rows: Features, count: int, rng: np.random.Generator, steps: int = 10) -> Places:
    centres = rows[_seeds(rows, count, rng)]
    cluster: Places = _distances(rows, centres).argmin(axis=1)
    for _ in range(steps):
        for one in np.unique(cluster):
            centres[one] = rows[cluster == one].mean(axis=0)
        after = _distances(rows, centres).argmin(axis=1)
        if np.array_equal(after, cluster):
            break
        cluster = after
    return cluster


def _seeds(rows: Features, count: int, rng: np.random.Generator) -> Places:
    """k-means++ (Arthur & Vassilvitskii 2007)."""
    picked = [int(rng.integers(len(rows)))]
    nearest = _distances(rows, rows[picked])[:, 0]
    while len(picked) < count:
        total = nearest.sum()
        place = int(np.searchsorted(np.cumsum(nearest), rng.random() * total, side="right")) if total > 0 else 0
        picked.append(min(place, len(rows) - 1))
        nearest = np.minimum(nearest, _distances(rows, rows[picked[-1:]])[:, 0])
    return np.array(picked, dtype=np.intp)


def _typicality(rows: Features, neighbours: int = 20) -> Floats:
    """The inverse of the mean distance to the nearest neighbours."""
    near = np.sort(np.sqrt(_distances(rows, rows)), axis=1)[:, 1 : neighbours + 1]
    found: Floats = 1.0 / np.maximum(near.mean(axis=1), 1e-9) if near.shape[1] else np.ones(len(rows))
    return found
