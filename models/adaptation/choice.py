"""How far the votes may move the head: chosen by cross-validation over groups, the prior as it is among the choices.

Reviewers' rates of random votes are told anew for each choice from what heads say of photos that they have not seen. A
choice must beat keeping the head by more than `SURE` of its standard errors, and of those as good the most cautious is
taken (the one-standard-error rule: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section
7.10).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.adaptation.fit import Space, refit
from regrade.models.adaptation.head_file import Linear
from regrade.models.adaptation.reviewers import random_rates, start, vote_losses, worth
from regrade.models.adaptation.votes import Mask, Photos, Votes
from regrade.models.calibration import softmax

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
KEEP: Final = float("inf")
STRENGTHS: Final = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
ROUNDS: Final = 2
"""Times that heads and reviewers are told from each other."""
SURE: Final = 1.64
MOST: Final = 5.0
POWER: Final = 0.5
FEW_GROUPS: Final = 20
"""Below so many groups nothing is moved: folds of them tell nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """The head to start from, raw features to logits, and the temperature that divides these."""

    head: Linear
    temperature: float

    def base(self, photos: Photos) -> Floats:
        """Calibrated logits (n, k)."""
        out: Floats = self.head.logits(photos.features) / self.temperature
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One strength: calibrated logits (n, k) of photos by heads that had not seen them, reviewers' ε (R,), and the mean
    loss a vote, group by group (g,)."""

    strength: float
    logits: Floats
    random: Floats
    losses: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What came out: the `head`, by `chosen` of all `tried`; `gain` is the mean loss a vote that it saves on photos not
    seen, with its standard error."""

    head: Linear
    chosen: Tried
    tried: tuple[Tried, ...]
    gain: float
    gain_error: float

    @property
    def kept(self) -> bool:
        """Whether the head stays as it is."""
        return self.chosen.strength == KEEP


def choose(photos: Photos, votes: Votes, prior: Prior, strengths: Sequence[float] = STRENGTHS, seed: int = 0) -> Choice:
    """Fit the head of `prior` to `votes` on `photos`, as far as they bear it."""
    base = prior.base(photos)
    members = np.unique(photos.groups, return_inverse=True)[1].astype(np.intp)
    known = np.zeros(len(photos), dtype=bool)
    known[votes.photo] = True
    groups = len(np.unique(members[known]))
    kept = _kept(base, votes, members, photos.weight)
    if groups < FEW_GROUPS:
        return Choice(prior.head, kept, (kept,), 0.0, 0.0)
    space = Space.of(photos.features)
    z = space.project(photos.features)
    fold = folds(members, 10 if groups < 200 else 5, seed)
    tried = [kept]
    for strength in strengths:
        tried.append(_try(z, base, votes, photos, members, fold, strength))
    gains = [kept.losses - one.losses for one in tried]
    means = [float(g.mean()) for g in gains]
    best = int(np.argmax(means))
    chosen = 0
    told = _noise(votes, members, photos.weight) - tried[best].losses
    # Votes that are no better foretold than by chance teach nothing, though a head that says nothing would fit them.
    if means[best] > SURE * _error(gains[best]) and told.mean() > SURE * _error(told):
        chosen = min(i for i in range(1, best + 1) if means[best] - means[i] <= _error(gains[best] - gains[i]))
    head = prior.head if chosen == 0 else _final(z, base, votes, photos, tried[chosen], space, prior)
    return Choice(head, tried[chosen], tuple(tried), means[chosen], _error(gains[chosen]))


def folds(members: Ints, count: int, seed: int) -> Ints:
    """The fold of each photo, 0…count−1, by its group."""
    order = np.random.default_rng(seed).permutation(int(members.max()) + 1)
    out: Ints = (order % count)[members].astype(np.intp)
    return out


def _error(differences: Floats) -> float:
    return float(differences.std(ddof=1) / np.sqrt(len(differences)))


def _kept(base: Floats, votes: Votes, members: Ints, weight: Floats) -> Tried:
    p = softmax(base)
    random = random_rates(votes, p, start(votes))
    return Tried(KEEP, base, random, _by_group(vote_losses(votes, p, random), votes, members, weight))


def _noise(votes: Votes, members: Ints, weight: Floats) -> Floats:
    """The losses of whoever takes all votes to be random."""
    return _by_group(np.full(len(votes.photo), np.log(votes.classes)), votes, members, weight)


def _try(z: Floats, base: Floats, votes: Votes, photos: Photos, members: Ints, fold: Ints, strength: float) -> Tried:
    random, logits = start(votes), base
    heads: dict[int, Floats] = {}
    for _ in range(ROUNDS):
        # At first everybody is believed: a prior that is wrong about the site must not decide who is careless.
        believed = np.ones(len(votes.photo)) if logits is base else worth(votes, random)
        fresh = base.copy()
        for k in np.unique(fold):
            seen, unseen = fold != k, fold == k
            heads[int(k)] = moved(z, base, votes, photos, believed, strength, seen, heads.get(int(k)))
            fresh[unseen] += z[unseen] @ heads[int(k)]
        logits = fresh
        random = random_rates(votes, softmax(logits), random)
    losses = _by_group(vote_losses(votes, softmax(logits), random), votes, members, photos.weight)
    return Tried(strength, logits, random, losses)


def moved(
    z: Floats,
    base: Floats,
    votes: Votes,
    photos: Photos,
    believed: Floats,
    strength: float,
    rows: Mask,
    guess: Floats | None = None,
) -> Floats:
    """What the votes on the photos of the mask `rows` (n,) add to the head, (r + 1, k), each as far as it is `believed`
    (m,): a photo's votes stand for shares of it, so that those who disagree pull it to both sides."""
    counts = votes.counted(believed)
    total = counts.sum(axis=1)
    used = np.flatnonzero(rows & (total > 1e-9))
    share = counts[used] / total[used, None]
    cast = votes.counted().sum(axis=1)[used]
    weight = photos.weight[used] * np.minimum(total[used] / cast, 1.0) * (share @ balance(counts[used].sum(axis=0)))
    return refit(z[used], base[used], share, weight, strength, guess)


def balance(counts: Floats) -> Floats:
    """What a photo of each condition weighs (k,), by `counts` (k,) of votes: as shipped heads are fitted, conditions
    weigh alike, but a single vote never more than `MOST` others."""
    present = counts > 0
    even = counts.sum() / max(int(present.sum()), 1)
    return np.where(present, np.minimum(even / np.maximum(counts, 1e-9), MOST), 0.0) ** POWER


def _final(z: Floats, base: Floats, votes: Votes, photos: Photos, chosen: Tried, space: Space, prior: Prior) -> Linear:
    believed = worth(votes, chosen.random)
    everything = np.ones(len(photos), dtype=bool)
    added = moved(z, base, votes, photos, believed, chosen.strength, everything)
    return space.unfold(added, prior.head, prior.temperature)


def _by_group(losses: Floats, votes: Votes, members: Ints, weight: Floats) -> Floats:
    """What each group that has a vote adds to the mean loss, in which conditions weigh alike, (g,); their mean is
    it."""
    group = members[votes.photo]
    w = weight[votes.photo] * balance(votes.counted().sum(axis=0))[votes.condition]
    out: Floats = np.bincount(group, w * losses)[np.bincount(group, w) > 0] * len(np.unique(group)) / w.sum()
    return out
